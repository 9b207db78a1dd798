"""What ``bsam plot_landscape`` does."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError
from bsam_suite.flatness.frames import Frame, Frames, vector
from bsam_suite.flatness.interactive import check_installed, write_html
from bsam_suite.flatness.landscape import Landscape, ends, short_labels
from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.picture import write_png
from bsam_suite.flatness.plane import Plane, inner_products
from bsam_suite.flatness.running_statistics import has_batch_norm, loss_with_new_statistics
from bsam_suite.flatness.samples import sample_count
from bsam_suite.flatness.surface import Axis, Mark, Surface, measure
from bsam_suite.flatness.trained import Objectives, load_objectives
from bsam_suite.json_file import write_json
from bsam_suite.progress import progress_bar

POINTS = {1: 51, 2: 25}
"""Points of each axis by default: they include the middle."""

REACH = 1.0
"""Half the length of an axis around a single checkpoint by default."""


def plot_landscape(args: Namespace) -> Path:
    """Measure the surfaces, and write them as json, PNG and HTML.

    Returns:
        The folder of the files.

    Raises:
        InputError: something given is not usable. It is raised before the surfaces are measured.
    """
    frames = Frames(args)
    if args.range is not None and not 0 < args.range < math.inf:
        raise InputError(f"--range {args.range:g}: give a number above 0")
    if args.points is not None and args.points < 2:
        raise InputError(f"--points {args.points}: give a whole number from 2")
    check_installed()
    out = choose_out_dir(args.out, Path("work_dirs/landscape") / Path(args.config).stem)
    objectives = load_objectives(
        args.config,
        frames.files,
        args.cfg_options,
        samples=args.samples,
        batch_size=args.batch_size,
        device=args.device,
    )
    landscape = draw(args, frames, objectives)
    write_json(out / "landscape.json", landscape.as_json())
    write_png(landscape, out / "landscape.png")
    write_html(landscape, out / "landscape.html")
    return out


def draw(args: Namespace, frames: Frames, objectives: Objectives) -> Landscape:
    """Measure all surfaces on common axes."""
    objective = objectives.objective
    anew = has_batch_norm(objective.model) and (args.batch_norm or frames.batch_norm) == "anew"
    loss = loss_with_new_statistics if anew else Objective.loss
    points = args.points or POINTS[frames.dims]
    axes: list[Axis] = []
    surfaces, notes = [], _notes(objective, frames, anew)
    with progress_bar() as bar:
        before = bar.add_task("marks and directions", total=None)
        task = bar.add_task("losses", total=frames.count * points**frames.dims)
        objective.after_pass = partial(bar.advance, before)
        for frame in frames(objectives):
            marks = _marks(frame.marks, frame, objectives, loss)
            path = _marks(frames.path, frame, objectives, loss)
            if path:
                notes.append(_share(frames.path, frame, objectives))
            places = [mark.place for mark in [*marks, *path]] or [(0.0,) * frames.dims]
            axes = axes or [
                Axis(label, np.linspace(*end, points).tolist())
                for label, end in zip(frame.axes, ends(places, args.range, REACH))
            ]
            objective = objectives[frame.checkpoint]
            objective.after_pass = partial(bar.advance, task)
            surfaces.append(
                Surface(frame.title, measure(objective, frame.plane, axes, loss), marks, path)
            )
            objective.after_pass = partial(bar.advance, before)
    lost = sum(int((~np.isfinite(surface.loss)).sum()) for surface in surfaces)
    if lost:
        notes.append(f"{lost:,} losses are not finite: they are left out (hatched in the PNG).")
    facts = dict(
        command=args.command_line,
        config=args.config,
        checkpoints=frames.checkpoints,
        along=args.along,
        seed=args.seed,
        batch_norm="anew" if anew else "running",
    )
    return Landscape(frames.title, notes, axes, surfaces, facts)


def _notes(objective: Objective, frames: Frames, anew: bool) -> list[str]:
    """What is to be known of the losses and of the directions."""
    sizes = [sample_count(batch) for batch in objective.batches]
    notes = [f"Mean loss of {sum(sizes):,} training samples without augmentation."]
    if anew:
        notes.append(
            "Batch norm is in evaluation mode, with statistics computed anew at each place from "
            f"these samples in batches of {sizes[0]}."
        )
    elif has_batch_norm(objective.model):
        whose = short_labels(frames.checkpoints)[0] if frames.spanned else "the checkpoint"
        notes.append(
            f"Batch norm is in evaluation mode, with the running statistics of {whose} at all "
            "places."
        )
    return [*notes, frames.note]


def _marks(
    files: Sequence[str],
    frame: Frame,
    objectives: Objectives,
    loss: Callable[[Objective], float],
) -> list[Mark]:
    """The checkpoints ``files`` as they stand in a frame; the last one stays loaded."""
    projected = [frame.plane.project(vector(objectives, file)) for file in files]
    return [
        Mark(label, place, distance, loss(objectives[file]))
        for file, label, (place, distance) in zip(files, short_labels(files), projected)
    ]


def _share(files: Sequence[str], frame: Frame, objectives: Objectives) -> str:
    """How much of a path runs along a plane."""
    last = vector(objectives, files[-1])
    parallel = Plane(last, frame.plane.directions).to(last.device)
    beside = whole = 0.0
    for point in (vector(objectives, file) for file in files):
        beside += parallel.project(point)[1] ** 2
        whole += float(inner_products([point - last]))
    share = 1 - beside / max(whole, 1e-300)
    return f"{share:.0%} of the path's squared distances from its end lie along the plane."
