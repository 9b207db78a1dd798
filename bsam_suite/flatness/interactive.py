"""Loss surfaces as one HTML file that turns and zooms, and opens without a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from bsam_suite.colours import COLOURS
from bsam_suite.flatness.landscape import Landscape
from bsam_suite.flatness.picture import COLUMNS, MAP
from bsam_suite.flatness.surface import Mark
from bsam_suite.html_report import HtmlReport
from bsam_suite.optional import need

DASHES = ["solid", "dash", "dashdot", "dot"]
DOT = dict(color="white", line=dict(color="black", width=1))
LEVELS = 14
"""Contour lines of a map."""

PANEL = 420
"""Pixels of a panel's sides."""


def check_installed() -> None:
    """Raises InputError if a library that draws is not installed."""
    for name in ("matplotlib", "plotly"):
        need(name, "flatness")


def write_html(landscape: Landscape, file: Path) -> None:
    """Draw lines, or for each surface a relief that can be turned and a map below it.

    Raises:
        InputError: plotly is not installed.
    """
    facts = landscape.facts
    draw = _lines if len(landscape.axes) == 1 else _reliefs
    figure = draw(need("plotly.graph_objects", "flatness"), landscape)
    page = HtmlReport(landscape.title)
    page.text(*landscape.notes)
    page.figure(**figure.to_dict())
    page.made_by(facts.get("command", ""), seed=facts.get("seed", ""))
    page.files({"landscape.json": "all numbers", "landscape.png": "a picture"})
    page.write(file)


def _lines(go: Any, landscape: Landscape) -> Any:
    scale, places = landscape.scale, landscape.axes[0].values
    figure = go.Figure()
    for number, surface in enumerate(landscape.surfaces):
        losses = np.where(np.isfinite(surface.loss), surface.loss, np.nan)
        look = dict(color=COLOURS[number % len(COLOURS)], dash=DASHES[number % len(DASHES)])
        figure.add_scatter(x=places, y=losses, name=escape(surface.title), mode="lines", line=look)
        for mark in surface.marks:
            figure.add_vline(
                mark.place[0], line=dict(dash="dot", width=1), annotation_text=escape(mark.label)
            )
            figure.add_scatter(
                x=mark.place, y=[mark.loss], name=escape(mark.label), marker=DOT | {"size": 9}
            )
    first, last = scale.position([scale.low, scale.high])
    room = 0.05 * (last - first)
    figure.update_yaxes(
        type="log" if scale.log else "linear",
        title=scale.label,
        tickvals=scale.ticks(),
        range=[first - room, last + room],
    )
    figure.update_xaxes(title=landscape.axes[0].label)
    return figure.update_layout(height=560, showlegend=len(landscape.surfaces) > 1)


def _reliefs(go: Any, landscape: Landscape) -> Any:
    across, up = landscape.axes
    scale, count = landscape.scale, len(landscape.surfaces)
    low, high = scale.position([scale.low, scale.high])
    labels = dict(
        tickvals=scale.position(scale.ticks()), ticktext=[f"{tick:g}" for tick in scale.ticks()]
    )
    columns = min(count, COLUMNS)
    rows = ceil(count / columns)
    titles = [escape(s.title) for s in landscape.surfaces] + [""] * (rows * columns - count)
    kinds = [[dict(type=kind)] * columns for kind in ("scene", "xy") for _ in range(rows)]
    figure = need("plotly.subplots", "flatness").make_subplots(
        2 * rows,
        columns,
        specs=kinds,
        subplot_titles=[*titles, *titles],
        vertical_spacing=0.08 / rows,
        horizontal_spacing=0.07,
    )
    for number, surface in enumerate(landscape.surfaces):
        row, column = number // columns + 1, number % columns + 1
        above, below = dict(row=row, col=column), dict(row=row + rows, col=column)
        same = dict(
            x=across.values,
            y=up.values,
            z=scale.position(surface.loss),
            customdata=surface.loss,
            name="",
            coloraxis="coloraxis",
            hovertemplate="%{x:.3g}, %{y:.3g}<br>loss: %{customdata:.4g}",
        )
        levels = dict(start=low, end=high, size=(high - low) / LEVELS, coloring="heatmap")
        figure.add_surface(**same, **above)
        figure.add_contour(**same, autocontour=False, contours=levels, **below)
        for mode, marks in (("lines+markers", surface.path), ("markers", surface.marks)):
            if marks:
                heights = scale.position([mark.loss for mark in marks])
                look = _look(marks, mode)
                figure.add_scatter3d(z=heights, marker=DOT | {"size": 4}, **look, **above)
                figure.add_scatter(marker=DOT | {"size": 9}, **look, **below)
        for mark in [*surface.marks, *surface.ends]:
            figure.add_annotation(
                x=mark.place[0],
                y=mark.place[1],
                text=escape(mark.label),
                bgcolor="white",
                opacity=0.85,
                showarrow=False,
                yshift=16,
                **below,
            )
    small = dict(font=dict(size=11))
    figure.update_scenes(
        xaxis_title=dict(text=across.label.partition(" (")[0], **small),
        yaxis_title=dict(text=up.label.partition(" (")[0], **small),
        zaxis=dict(title=dict(text="loss", **small), range=[low, high], **labels),
        aspectmode="cube",
        camera=dict(eye=dict(x=-1.35, y=-1.85, z=1.2), center=dict(x=0, y=0, z=-0.15)),
    )
    figure.update_xaxes(title=across.label, range=[across.values[0], across.values[-1]])
    figure.update_yaxes(title=up.label, range=[up.values[0], up.values[-1]])
    figure.update_coloraxes(
        colorscale=MAP.capitalize(),
        cmin=low,
        cmax=high,
        colorbar=dict(title=dict(text=scale.label, side="right"), **labels),
    )
    size = dict(width=(PANEL + 40) * columns + 180, height=PANEL * 2 * rows + 110)
    return figure.update_layout(showlegend=False, **size)


def _look(marks: Sequence[Mark], mode: str) -> dict:
    x, y = zip(*(mark.place for mark in marks))
    return dict(
        x=x,
        y=y,
        mode=mode,
        name="",
        line=dict(color="black", width=3),
        text=[escape(mark.label) for mark in marks],
        customdata=[[mark.loss, mark.distance] for mark in marks],
        hovertemplate="%{text}<br>loss: %{customdata[0]:.4g}<br>"
        "distance from the plane: %{customdata[1]:.3g}",
    )
