"""The lines and planes that a landscape is drawn on, from the checkpoints and the options."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.flatness.directions import random_directions
from bsam_suite.flatness.hessian import top_eigenpairs
from bsam_suite.flatness.landscape import short_labels
from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.plane import Plane, line_through, plane_of_path, plane_through
from bsam_suite.flatness.trained import Objectives


@dataclass(frozen=True)
class Frame:
    """A line or plane.

    Args:
        checkpoint: whose weights are at place 0.
        plane: see :class:`Plane`.
        axes: a label for each direction.
        title: whose surface it is.
        marks: checkpoints to be shown on it.
    """

    checkpoint: str
    plane: Plane
    axes: Sequence[str]
    title: str
    marks: Sequence[str] = ()


class Frames:
    """What the options ask for; it is checked before anything is loaded.

    Args:
        args: of ``bsam plot_landscape``.

    Raises:
        InputError: they do not go together.
    """

    def __init__(self, args: Namespace) -> None:
        self.along, self.seed = args.along, args.seed
        self.checkpoints: list[str] = args.checkpoints
        self.path = in_order(args.path or [])
        self.dims = args.dims or 2
        count = len(self.checkpoints)
        if self.along == "checkpoints":
            if count not in (2, 3):
                raise InputError(
                    f"--along checkpoints with {count} of them ({' '.join(self.checkpoints)}): "
                    "give two for a line, three for a plane"
                )
            self.dims = count - 1
            if args.dims not in (None, self.dims):
                raise InputError(
                    f"--dims {args.dims}: {count} checkpoints span {self.dims}; leave it out"
                )
        if self.along == "pca" and not self.path:
            raise InputError("--along pca: give the path with --path CHECKPOINT CHECKPOINT ...")
        if self.path and self.dims != 2:
            raise InputError("--path is drawn on a plane only: give what spans one, or --dims 2")
        if self.path and self.along != "checkpoints" and count > 1:
            raise InputError(
                f"--path with {count} checkpoints ({' '.join(self.checkpoints)}): give the one "
                "that it leads to"
            )

    @property
    def files(self) -> list[str]:
        """All checkpoints."""
        return list(dict.fromkeys([*self.checkpoints, *self.path]))

    @property
    def spanned(self) -> bool:
        """Whether all checkpoints are in one frame, instead of a frame for each."""
        return self.along in ("checkpoints", "pca")

    @property
    def count(self) -> int:
        """How many frames there are."""
        return 1 if self.spanned else len(self.checkpoints)

    @property
    def batch_norm(self) -> str:
        """What suits batch norm: far from a checkpoint its running statistics are another's."""
        return "anew" if self.spanned else "running"

    @property
    def title(self) -> str:
        """What is shown."""
        labels = short_labels(self.checkpoints)
        if self.along == "checkpoints":
            return f"Loss {['on the line', 'in the plane'][self.dims - 1]} through {_all(labels)}"
        if self.along == "pca":
            return f"Loss around {labels[0]} along the principal components of a training path"
        what = {
            "random": [
                "a filter-normalised random direction",
                "filter-normalised random directions",
            ],
            "hessian": ["the Hessian's top eigenvector", "the Hessian's top eigenvectors"],
        }
        return f"Loss around {_all(labels)} along {what[self.along][self.dims - 1]}"

    @property
    def note(self) -> str:
        """What is to be known of the directions."""
        if self.along == "random":
            return (
                f"Random directions of seed {self.seed}, alike for all checkpoints; each filter "
                "has the norm of the weights' filter. Biases, norm layers and all else of one "
                "dimension stay where they are."
            )
        if self.along == "hessian":
            return (
                "Each checkpoint has its own eigenvectors, of norm 1, which point to where the "
                "loss is higher. All parameters move."
            )
        return "All parameters move, biases and norm layers too."

    def __call__(self, objectives: Objectives) -> Iterator[Frame]:
        """Each frame; the weights of its checkpoint are loaded then.

        Raises:
            InputError: the checkpoints do not span what is asked for.
        """
        for file in self.files:
            _check_finite(vector(objectives, file), file)
        if self.spanned:
            frame = self._spanned(objectives)
            objectives[frame.checkpoint]
            yield frame
            return
        for file, label in zip(self.checkpoints, short_labels(self.checkpoints)):
            yield self._around(objectives, file, label)

    def _around(self, objectives: Objectives, file: str, label: str) -> Frame:
        objective = objectives[file]
        if self.along == "random":
            directions = random_directions(objective, self.dims, self.seed)
            unit = "random direction {} (filter norms)"
        else:
            pairs = top_eigenpairs(objective, self.dims, seed=self.seed)
            directions = [_uphill(objective, vector) for vector in pairs.vectors]
            unit = "eigenvector {} (distance)"
            values = " and ".join(f"{value:.3g}" for value in pairs.values.tolist())
            label = f"{label}, eigenvalue{'s' * (self.dims > 1)} {values}"
        axes = [unit.format(number + 1) for number in range(self.dims)]
        return Frame(file, Plane(objective.weights(), directions), axes, label)

    def _spanned(self, objectives: Objectives) -> Frame:
        device, files = objectives.objective.device, self.checkpoints
        labels = short_labels(files)
        points = [vector(objectives, file) for file in files]
        if self.along == "pca":
            path = [vector(objectives, file) for file in self.path]
            plane, shares = plane_of_path(points[0], path, self.path)
            names = ("first", "second")
            axes = [f"{n} component ({s:.0%} of the variance)" for n, s in zip(names, shares)]
        elif self.dims == 1:
            plane = line_through(points, files)
            axes = [f"part of the way from {labels[0]} to {labels[1]}"]
        else:
            plane = plane_through(points, files)
            axes = [f"distance towards {labels[1]}", "distance at right angles to it"]
        marks = files if self.along == "checkpoints" else []
        return Frame(files[0], plane.to(device), axes, "", marks)


def _uphill(objective: Objective, direction: Tensor) -> Tensor:
    """``direction`` or its opposite, at the end of which the loss is higher.

    The sign of an eigenvector means nothing, but pictures that are mirrored do not compare.
    """
    losses = []
    for end in (direction, -direction):
        with objective.moved(end):
            losses.append(objective.loss())
    return -direction if losses[1] > losses[0] else direction


def vector(objectives: Objectives, file: str) -> Tensor:
    """The weights of a checkpoint, on the CPU, of shape (P,)."""
    state, objective = objectives.states[file], objectives.objective
    parts = [state[name].cpu().to(objective.dtype).reshape(-1) for name in objective.names]
    return torch.cat(parts)


def in_order(files: Sequence[str]) -> list[str]:
    """``files`` by the numbers in their names, where each has one; else as given.

    A shell's pattern gives ``epoch_10.pth`` before ``epoch_2.pth``.
    """
    numbers = [[int(n) for n in re.findall(r"\d+", Path(file).stem)] for file in files]
    if not all(numbers):
        return list(files)
    return [file for _, file in sorted(zip(numbers, files), key=lambda pair: pair[0])]


def _check_finite(weights: Tensor, file: str) -> None:
    wrong = int((~weights.isfinite()).sum())
    if wrong:
        raise InputError(
            f"checkpoint {file} has {wrong:,} weights that are not finite: give an earlier one"
        )


def _all(labels: Sequence[str]) -> str:
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if labels[1:] else labels)
