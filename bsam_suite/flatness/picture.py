"""Loss surfaces as a PNG."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np

from bsam_suite.colours import COLOURS
from bsam_suite.flatness.landscape import Landscape
from bsam_suite.flatness.surface import Mark

STYLES = ["-", "--", "-.", ":"]
"""Of lines: the colours are not all that tells them apart."""

MAP = "viridis"
"""Colours of the loss that colour-blind readers see as others do."""

COLUMNS = 3


def write_png(landscape: Landscape, file: Path) -> None:
    """Draw lines in one panel, or maps of planes side by side."""
    from matplotlib.figure import Figure

    count, flat = len(landscape.surfaces), len(landscape.axes) == 1
    columns = 1 if flat else min(count, COLUMNS)
    rows = 1 if flat else ceil(count / COLUMNS)
    width = 7.5 if flat else max(4.2 * columns + 0.9, 6.4)
    notes = textwrap.wrap(" ".join(landscape.notes), int(width * 15))
    size = (width, (4.4 if flat else 4.0) * rows + 0.5 + 0.16 * len(notes))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    (_draw_lines if flat else _draw_maps)(figure, panels, landscape)
    title = textwrap.wrap(landscape.title, int(width * 10), break_on_hyphens=False)
    figure.suptitle("\n".join(title), fontsize=12)
    # A label below all panels is the one text that the layout keeps room for.
    figure.supxlabel("\n".join(notes), fontsize=7.5, x=0.01, ha="left", color="0.3")
    figure.savefig(file, dpi=130)


def _draw_lines(figure, panels, landscape: Landscape) -> None:
    (axes,), scale, places = panels, landscape.scale, landscape.axes[0].values
    for number, surface in enumerate(landscape.surfaces):
        look = dict(color=COLOURS[number % len(COLOURS)], linestyle=STYLES[number % len(STYLES)])
        losses = np.where(np.isfinite(surface.loss), surface.loss, np.nan)
        axes.plot(places, losses, label=surface.title, linewidth=1.8, **look)
        for mark in surface.marks:
            axes.axvline(mark.place[0], color="0.4", linewidth=0.8, linestyle=":", zorder=0)
            axes.plot(*mark.place, mark.loss, "o", color="white", markeredgecolor="black", zorder=3)
            above = dict(xycoords=("data", "axes fraction"), textcoords="offset points")
            axes.annotate(mark.label, (mark.place[0], 1), (0, 3), ha="center", fontsize=8, **above)
    if scale.log:
        axes.set_yscale("log")
        axes.set_ylim(scale.low / 1.3, scale.high * 1.3)
    else:
        room = 0.05 * (scale.high - scale.low)
        axes.set_ylim(scale.low - room, scale.high + room)
    axes.set_yticks(scale.ticks(), [f"{tick:g}" for tick in scale.ticks()])
    axes.set_yticks([], minor=True)
    axes.set_xlim(places[0], places[-1])
    axes.set(xlabel=landscape.axes[0].label, ylabel=scale.label)
    axes.grid(alpha=0.3)
    if len(landscape.surfaces) > 1:
        axes.legend()


def _draw_maps(figure, panels, landscape: Landscape) -> None:
    across, up = landscape.axes
    scale, used = landscape.scale, panels[: len(landscape.surfaces)]
    low, high = scale.position([scale.low, scale.high])
    fine, ticks = np.linspace(low, high, 80), scale.ticks()
    depth = (scale.position(ticks) - low) / (high - low)
    for panel, surface in zip(panels, landscape.surfaces):
        heights = np.ma.masked_invalid(scale.position(surface.loss))
        panel.set_facecolor("white")
        panel.patch.set(hatch="xxx", edgecolor="0.7")  # seen where the loss is not finite
        filled = panel.contourf(across.values, up.values, heights, fine, cmap=MAP)
        with warnings.catch_warnings():  # a flat surface may cross no line
            warnings.simplefilter("ignore", UserWarning)
            lines = panel.contour(
                across.values,
                up.values,
                heights,
                scale.position(ticks),
                colors=["white" if at < 0.65 else "black" for at in depth],
                linewidths=0.7,
                linestyles="solid",
            )
        panel.set(xlim=(across.values[0], across.values[-1]), ylim=(up.values[0], up.values[-1]))
        panel.clabel(lines, fmt=dict(zip(lines.levels, map("{:g}".format, ticks))), fontsize=7)
        _draw_path(panel, surface.path)
        for mark in [*surface.marks, *surface.ends]:
            _point_out(panel, mark)
        panel.set_title(surface.title, fontsize=10)
    for panel in panels[len(used) :]:
        panel.remove()
    for number, panel in enumerate(used):
        panel.set_xlabel(across.label, fontsize=9)
        panel.tick_params(labelbottom=True, labelsize=8)
        panel.locator_params(nbins=6)
        if number % COLUMNS == 0:
            panel.set_ylabel(up.label, fontsize=9)
    bar = figure.colorbar(filled, ax=list(used), label=scale.label, pad=0.02)
    bar.set_ticks(scale.position(ticks), labels=[f"{tick:g}" for tick in ticks])


def _draw_path(panel, path: Sequence[Mark]) -> None:
    if not path:
        return
    x, y = zip(*(mark.place for mark in path))
    panel.plot(x, y, color="black", linewidth=3)
    panel.plot(x, y, color="white", linewidth=1.2, marker=".", markersize=5)


def _point_out(panel, mark: Mark) -> None:
    panel.plot(*mark.place, "o", color="white", markeredgecolor="black", markersize=7, zorder=4)
    (left, right), place = panel.get_xlim(), mark.place[0]
    on_the_left = place < (left + right) / 2
    panel.annotate(
        mark.label,
        mark.place,
        (7 if on_the_left else -7, 7),
        textcoords="offset points",
        ha="left" if on_the_left else "right",
        fontsize=8,
        zorder=5,
        annotation_clip=True,
        bbox=dict(boxstyle="round,pad=0.2", facecolor="white", edgecolor="none", alpha=0.85),
    )
