"""The loss along a line or over a plane in the space of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.plane import Place, Plane


@dataclass(frozen=True)
class Axis:
    """An axis of a surface.

    Args:
        label: what is measured along it.
        values: the places where the loss is computed, ascending.
    """

    label: str
    values: list[float]


@dataclass(frozen=True)
class Mark:
    """A checkpoint, shown on a surface.

    Args:
        label: of the checkpoint.
        place: the nearest one on the surface.
        distance: from there to the checkpoint's weights (Euclidean).
        loss: of the checkpoint itself.
    """

    label: str
    place: Place
    distance: float
    loss: float


@dataclass(frozen=True)
class Surface:
    """The loss over a line or a plane.

    Args:
        title: whose surface it is.
        loss: of shape (points,) or (points of the second axis, points of the first).
        marks: checkpoints whose places are shown.
        path: checkpoints in the order of training.
    """

    title: str
    loss: np.ndarray
    marks: Sequence[Mark] = ()
    path: Sequence[Mark] = ()

    @property
    def ends(self) -> list[Mark]:
        """The first and the last of the path, but for those that stand where a mark does."""
        marks = [mark.place for mark in self.marks]
        return [
            end
            for end in dict.fromkeys([*self.path[:1], *self.path[-1:]])
            if not any(np.allclose(end.place, place, 1e-4, 1e-6) for place in marks)
        ]


def measure(
    objective: Objective,
    plane: Plane,
    axes: Sequence[Axis],
    loss: Callable[[Objective], float] = Objective.loss,
) -> np.ndarray:
    """The loss at all places of the grid that ``axes`` span.

    Args:
        objective: its weights are the plane's origin. On every way out they are what they were, bit
            for bit.
        plane: has a direction for each axis.
        axes: one or two.
        loss: of the objective at the weights as they stand.

    Returns:
        Of shape (points,) or (points of the second axis, points of the first), float64. It has
        infinity and NaN where the loss is not finite.
    """
    found = []
    for place in product(*(axis.values for axis in reversed(axes))):
        with objective.moved(plane.displacement(place[::-1])):
            found.append(loss(objective))
    return np.array(found).reshape([len(axis.values) for axis in reversed(axes)])
