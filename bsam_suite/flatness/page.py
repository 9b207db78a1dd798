"""Measures of flatness as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from bsam_suite.colours import COLOURS
from bsam_suite.flatness.report import Measured, value_and_error
from bsam_suite.html_report import HtmlReport

MEANING = (
    "Sharpness is how far the loss near the weights lies above or below that at them: "
    "max_sharpness, min_sharpness and their sum flatness after a step of length rho along the "
    "gradient and against it; worst_case, best_case and their sum range at the highest and the "
    "lowest loss that a search found in that ball; average_sharpness under Gaussian noise. In the "
    "adaptive and the filter form lengths are relative to each weight or to each filter's norm. "
    "Eigenvalues, trace and density are those of the Hessian. Smaller numbers are flatter: compare "
    "networks of one architecture by one form and radius.",
    "Behind ± stands the standard error of what is estimated from random vectors, of an eigenvalue "
    "its residual.",
)


def page(measured: Mapping[str, Measured], about: Mapping, command: str) -> HtmlReport:
    """The page of some checkpoints' measures.

    Args:
        about: what the json tells beside the numbers.
    """
    made = HtmlReport(f"Flatness of {' and '.join(measured)}")
    made.text(*(f"{note[0].upper()}{note[1:]}." for note in about["notes"]), *MEANING)
    lines = list(zip(*(one.rows for one in measured.values())))
    made.table(
        ["measure", "setting", *measured],
        [[row[0].name, row[0].setting, *map(value_and_error, row)] for row in lines],
    )
    for panel in dict.fromkeys(row[0].panel for row in lines):
        made.heading(panel)
        made.figure(_bars(measured, panel))
    if any(one.density is not None for one in measured.values()):
        made.heading("Density of the Hessian's eigenvalues")
        made.text("The band is two standard errors wide on each side.")
        x, y = (dict(title=dict(text=name)) for name in ("eigenvalue", "density"))
        made.figure(
            _densities(measured), dict(xaxis=x, yaxis=y | dict(type="log", exponentformat="power"))
        )
    made.made_by(
        command,
        config=about["config"],
        samples=about["samples"],
        seed=about["settings"]["seed"],
        precision=about["dtype"],
    )
    made.files({"flatness.json": "all numbers", "flatness.png": "a picture"})
    return made


def _bars(measured: Mapping[str, Measured], panel: str) -> list[dict]:
    form = f"{panel.partition(',')[0]}_"
    bars = []
    for place, (name, one) in enumerate(measured.items()):
        rows = [row for row in one.rows if row.panel == panel]
        errors = [row.error for row in rows]
        bars.append(
            dict(
                type="bar",
                name=escape(name),
                x=[row.name.removeprefix(form) for row in rows],
                y=[row.value for row in rows],
                error_y=dict(type="data", array=errors, visible=any(errors)),
                marker=dict(color=COLOURS[place % len(COLOURS)]),
            )
        )
    return bars


def _densities(measured: Mapping[str, Measured]) -> list[dict]:
    traces = []
    for place, (name, one) in enumerate(measured.items()):
        if one.density is None:
            continue
        grid, density, low, high = one.curve()
        look = dict(type="scatter", mode="lines", legendgroup=name, x=grid.tolist())
        colour = COLOURS[place % len(COLOURS)]
        edge = dict(look, line=dict(width=0), showlegend=False, hoverinfo="skip")
        red, green, blue = bytes.fromhex(colour[1:])
        band = dict(fill="tonexty", fillcolor=f"rgba({red}, {green}, {blue}, 0.3)")
        traces += [dict(edge, y=low.tolist()), dict(edge, y=high.tolist(), **band)]
        traces.append(dict(look, y=density.tolist(), name=escape(name), line=dict(color=colour)))
    return traces
