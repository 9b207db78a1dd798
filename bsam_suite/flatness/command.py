"""What ``bsam analyze_flatness`` does."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from torch.nn.modules.batchnorm import _NormBase

from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.flatness.hessian import check_eigenvalues, spectral_density
from bsam_suite.flatness.measures import Settings, measure, passes
from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.page import page
from bsam_suite.flatness.report import Measured, draw, print_table, save
from bsam_suite.flatness.trained import (
    Objectives,
    counts_terms,
    difference_of_halves,
    load_objectives,
)
from bsam_suite.html_report import write_report
from bsam_suite.optional import need
from bsam_suite.progress import progress_bar
from bsam_suite.quantization.fake_quantizers.base import FakeQuantizer
from bsam_suite.quiet import tell
from bsam_suite.shell import next_command, short


def analyze(args: Namespace) -> None:
    """Measure the checkpoints, print a table, and write json, a picture and a page.

    Raises:
        InputError: something given is not usable; no pass has been made then.
    """
    need("matplotlib", "flatness")
    settings = Settings.of(
        {field.name: getattr(args, field.name) for field in fields(Settings)}, "analyze_flatness"
    )
    settings.check(args.measures, "analyze_flatness")
    folder = None
    if _is_first(args.launcher):
        folder = choose_out_dir(args.out, Path("work_dirs/flatness") / Path(args.config).stem)
    objectives = load_objectives(
        args.config,
        args.checkpoints,
        args.cfg_options,
        samples=args.samples,
        batch_size=args.batch_size,
        train=args.train_mode,
        dtype=args.dtype,
        device=args.device,
        launcher=args.launcher,
    )
    if "eigenvalues" in args.measures:
        check_eigenvalues(settings.eigenvalues, objectives.objective)
    notes = describe(objectives)
    total, measured = passes(args.measures, settings), {}
    with progress_bar(folder is not None) as bar:
        for name, objective in objectives.items():
            task = bar.add_task(Path(name).name, total=total)
            objective.after_pass = partial(bar.advance, task)
            measured[name] = _measured(objective, args.measures, settings)
            bar.update(task, total=objective.passes.total(), completed=objective.passes.total())
    if folder is not None:
        print_table(measured)
        for note in notes:
            tell(f"Note: {note}")
        told = dict(command=args.command_line, config=args.config, notes=notes)
        told |= dict(
            cfg_options=args.cfg_options or {},
            dtype=args.dtype,
            samples=args.samples,
            settings=asdict(settings),
        )
        tell(f"Results: {save(measured, told, folder)}\nPicture: {draw(measured, folder)}")
        tell(write_report(page(measured, told, args.command_line), folder / "flatness.html"))
        tell(next_command("plot_landscape", args, *map(short, args.checkpoints)))


def _measured(objective: Objective, measures: Sequence[str], settings: Settings) -> Measured:
    objective.passes.clear()
    rows, density = list(measure(objective, measures, settings)), None
    if "density" in measures:
        density = spectral_density(
            objective, settings.density_runs, settings.density_steps, seed=settings.seed
        )
    return Measured(rows, density, dict(objective.passes))


def describe(objectives: Objectives) -> list[str]:
    """What the loss is a mean of, and what the numbers depend on, in sentences."""
    objective = objectives.objective
    model, head = objective.model, counts_terms(objective.model)
    terms = f"terms counted by {type(head).__name__}.loss_terms" if head else "samples"
    count = f"{objective.count:,.0f}"
    notes = [f"the loss is the mean over {count} {terms} of the training data, not augmented"]
    if objective.train:
        notes.append("training mode: batch norm uses each batch's statistics; all depend on them")
    elif any(isinstance(m, _NormBase) for m in model.modules()):
        notes.append("batch norm uses its running statistics (evaluation mode)")
    if not objective.train and (off := difference_of_halves(objective)) > 1e-3:
        notes.append(
            f"the loss is no mean over {terms} (half the batch size changes it by {off:.1%}): the "
            "numbers depend on the batch size"
        )
    if any(isinstance(m, FakeQuantizer) for m in model.modules()):
        notes.append(
            "the model is quantized: gradients and the Hessian are those of the straight-through "
            "estimator, not of the loss, which is a staircase"
        )
    return notes


def _is_first(launcher: str) -> bool:
    """Whether this process is the one that writes; before the processes are connected."""
    rank = {"pytorch": "RANK", "slurm": "SLURM_PROCID"}.get(launcher)
    return rank is None or os.environ.get(rank, "0") == "0"
