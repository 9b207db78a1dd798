"""Loss surfaces as one HTML file that turns and zooms, and opens without a network."""

from __future__ import annotations

import html
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from bsam_suite.atomic_write import write_text
from bsam_suite.flatness.landscape import Landscape
from bsam_suite.flatness.picture import COLOURS, COLUMNS, MAP
from bsam_suite.optional import need

EXTRA = "landscape"
"""The extra of the suite that installs plotly."""

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body style="font-family: sans-serif; margin: 16px">
<h1 style="font-size: 20px">{title}</h1>
<p style="max-width: 60em; color: #444">{notes}</p>
{figure}
</body>
</html>
"""

DASHES = ["solid", "dash", "dashdot", "dot"]
PANEL = 420
"""Pixels of a panel's sides."""


def check_plotly() -> None:
    """Raises InputError if plotly is not installed."""
    need("plotly", EXTRA)


def write_html(landscape: Landscape, file: Path) -> None:
    """Draw lines, or for each surface a relief that can be turned and a map below it.

    The file holds plotly's library (5 MB).

    Raises:
        InputError: plotly is not installed.
    """
    go = need("plotly.graph_objects", EXTRA)
    flat = len(landscape.axes) == 1
    figure = _lines(go, landscape) if flat else _reliefs(go, landscape)
    shown = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        config=dict(displaylogo=False, showSendToCloud=False),
    )
    texts = dict(title=landscape.title, notes=" ".join(landscape.notes))
    texts = {name: html.escape(text) for name, text in texts.items()}
    write_text(file, PAGE.format(figure=shown, **texts))


def _lines(go: Any, landscape: Landscape) -> Any:
    scale, places = landscape.scale, landscape.axes[0].values
    figure = go.Figure()
    for number, surface in enumerate(landscape.surfaces):
        losses = np.where(np.isfinite(surface.loss), surface.loss, np.nan)
        look = dict(color=COLOURS[number % len(COLOURS)], dash=DASHES[number % len(DASHES)])
        figure.add_scatter(x=places, y=losses, name=surface.title, mode="lines", line=look)
        for mark in surface.marks:
            figure.add_vline(mark.place[0], line=dict(dash="dot", width=1))
            figure.add_scatter(
                x=mark.place,
                y=[mark.loss],
                text=[mark.label],
                showlegend=False,
                mode="markers+text",
                textposition="top right",
                name=mark.label,
                marker=dict(color="white", size=9, line=dict(color="black", width=1)),
            )
    ends = scale.position([scale.low, scale.high])
    room = 0.05 * (ends[1] - ends[0])
    figure.update_yaxes(
        type="log" if scale.log else "linear",
        title=scale.label,
        tickvals=scale.ticks(),
        range=[ends[0] - room, ends[1] + room],
    )
    figure.update_xaxes(title=landscape.axes[0].label)
    return figure.update_layout(template="plotly_white", width=900, height=560)


def _reliefs(go: Any, landscape: Landscape) -> Any:
    subplots = need("plotly.subplots", EXTRA)
    across, up = landscape.axes
    scale, count = landscape.scale, len(landscape.surfaces)
    ends, ticks = scale.position([scale.low, scale.high]), scale.ticks()
    labels = dict(tickvals=scale.position(ticks), ticktext=[f"{tick:g}" for tick in ticks])
    columns = min(count, COLUMNS)
    rows = ceil(count / columns)
    titles = [s.title for s in landscape.surfaces]
    titles += [""] * (rows * columns - count)
    figure = subplots.make_subplots(
        2 * rows,
        columns,
        subplot_titles=[*titles, *titles],
        vertical_spacing=0.06,
        horizontal_spacing=0.06,
        specs=[[dict(type="scene")] * columns] * rows + [[dict(type="xy")] * columns] * rows,
    )
    hover = f"{across.label}: %{{x:.3g}}<br>{up.label}: %{{y:.3g}}<br>loss: %{{customdata:.4g}}"
    for number, surface in enumerate(landscape.surfaces):
        row, column = number // columns + 1, number % columns + 1
        heights = scale.position(surface.loss)
        same = dict(
            x=across.values,
            y=up.values,
            z=heights,
            customdata=surface.loss,
            name=surface.title,
            hovertemplate=hover,
            coloraxis="coloraxis",
        )
        figure.add_surface(**same, row=row, col=column)
        figure.add_contour(**same, contours_coloring="heatmap", row=row + rows, col=column)
        for marks, mode in ((surface.path, "lines+markers"), (surface.marks, "markers+text")):
            _add_marks(figure, landscape, marks, mode, (row, row + rows, column))
    figure.update_scenes(
        xaxis_title=across.label,
        yaxis_title=up.label,
        zaxis=dict(title="loss", range=ends, **labels),
        aspectmode="cube",
    )
    figure.update_xaxes(title=across.label, range=[across.values[0], across.values[-1]])
    figure.update_yaxes(title=up.label, range=[up.values[0], up.values[-1]])
    figure.update_coloraxes(
        colorscale=MAP.capitalize(),
        cmin=ends[0],
        cmax=ends[1],
        colorbar=dict(title=dict(text=scale.label, side="right"), **labels),
    )
    size = dict(width=(PANEL + 40) * columns + 180, height=PANEL * 2 * rows + 120)
    return figure.update_layout(template="plotly_white", showlegend=False, **size)


def _add_marks(figure, landscape, marks, mode, where) -> None:
    if not marks:
        return
    above, below, column = where
    x, y = zip(*(mark.place for mark in marks))
    look = dict(
        name="",
        mode=mode,
        line=dict(color="black", width=3),
        text=[m.label for m in marks],
        customdata=[[m.loss, m.distance] for m in marks],
        hovertemplate="%{text}<br>loss: %{customdata[0]:.4g}<br>distance from the plane: "
        "%{customdata[1]:.3g}",
    )
    dot = dict(color="white", line=dict(color="black", width=1))
    heights = landscape.scale.position([m.loss for m in marks])
    figure.add_scatter3d(
        x=x, y=y, z=heights, marker=dict(size=4, **dot), **look, row=above, col=column
    )
    figure.add_scatter(
        x=x,
        y=y,
        marker=dict(size=9, **dot),
        textposition="top center",
        **look,
        row=below,
        col=column,
    )
