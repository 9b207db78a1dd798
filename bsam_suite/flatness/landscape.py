"""What is drawn: surfaces on common axes, and what is to be known of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bsam_suite.flatness.plane import Place
from bsam_suite.flatness.scale import Scale, common_scale
from bsam_suite.flatness.surface import Axis, Surface


@dataclass(frozen=True)
class Landscape:
    """Loss surfaces of one or more checkpoints, on common axes and one scale.

    Args:
        title: what is shown.
        notes: sentences that say how the numbers came about.
        axes: one or two.
        surfaces: one or more.
        facts: further entries of the json.
    """

    title: str
    notes: Sequence[str]
    axes: Sequence[Axis]
    surfaces: Sequence[Surface]
    facts: dict = field(default_factory=dict)

    @cached_property
    def scale(self) -> Scale:
        """The scale that all surfaces are drawn on."""
        return common_scale(surface.loss for surface in self.surfaces)

    def as_json(self) -> dict:
        """All numbers; those that are not finite are null, as JSON has none."""
        surfaces = [
            dict(
                title=surface.title,
                loss=surface.loss.tolist(),
                marks=[vars(mark) for mark in surface.marks],
                path=[vars(mark) for mark in surface.path],
            )
            for surface in self.surfaces
        ]
        content = dict(title=self.title, notes=self.notes, **self.facts)
        content |= dict(axes=[vars(axis) for axis in self.axes], surfaces=surfaces)
        return _finite(content)


def ends(places: Sequence[Place], reach: float | None, alone: float) -> list[tuple[float, float]]:
    """Where the axes begin and end so that ``places`` are seen.

    Args:
        places: one or more, a number for each axis.
        reach: half the length of each axis, around the middle of the places. None: what holds them
            and a quarter of that on each side, or ``alone`` on each side of a single place.
    """
    middles = [(min(column) + max(column)) / 2 for column in zip(*places)]
    spans = [max(column) - min(column) for column in zip(*places)]
    # An axis along which the places hardly differ still shows how the loss rises.
    halves = [0.75 * max(span, max(spans) / 4) or alone for span in spans]
    halves = halves if reach is None else [reach] * len(spans)
    return [(middle - half, middle + half) for middle, half in zip(middles, halves)]


def short_labels(files: Sequence[str]) -> list[str]:
    """The parts of checkpoints' paths in which they differ.

    ``runs/sgd/epoch_9.pth`` and ``runs/sam/epoch_9.pth`` are ``sgd`` and ``sam``. Of a single file
    it is the last two parts.
    """
    parts = [Path(file).with_suffix("").parts for file in files]
    if len(set(parts)) == 1:
        return ["/".join(names[-2:]) for names in parts]
    while len({names[0] for names in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [names[1:] for names in parts]
    while len({names[-1] for names in parts}) == 1 and min(map(len, parts)) > 1:
        parts = [names[:-1] for names in parts]
    return ["/".join(names) for names in parts]


def _finite(value):
    """``value`` with None for the numbers in it that are not finite."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
