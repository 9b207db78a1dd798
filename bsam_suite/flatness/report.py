"""Measures of several checkpoints as a table, as json and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from bsam_suite.flatness.hessian import Density
from bsam_suite.flatness.measures import Row
from bsam_suite.json_file import write_json
from bsam_suite.quiet import screen


@dataclass
class Measured:
    """What was measured of one checkpoint.

    Attributes:
        rows: the numbers.
        density: of the Hessian's eigenvalues, where it was measured.
        passes: over the data: ``loss``, ``gradient`` and ``product``.
    """

    rows: Sequence[Row]
    density: Density | None
    passes: Mapping[str, int]

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """To be drawn on a logarithmic axis: the grid, the density, and two errors below and above.

        The lowest value is that at which one eigenvalue of many weights is seen.
        """
        assert self.density is not None
        grid, density, error = (
            getattr(self.density, n).numpy() for n in ("grid", "density", "standard_error")
        )
        curves = (density + sign * 2 * error for sign in (0, -1, 1))
        middle, low, high = (one.clip(1e-9 * density.max()) for one in curves)
        return grid, middle, low, high


def print_table(measured: Mapping[str, Measured]) -> None:
    """Print a line for each measure and a column for each checkpoint."""
    table = Table(Column("measure", no_wrap=True), Column("setting", no_wrap=True))
    for name in measured:
        table.add_column(name, justify="right", overflow="fold")
    for lines in zip(*(one.rows for one in measured.values())):
        table.add_row(lines[0].name, lines[0].setting, *map(value_and_error, lines))
    Console(file=screen()).print(table)


def value_and_error(row: Row) -> str:
    """``12.3 ± 0.4``, or the value alone."""
    error = "" if row.error is None else f" ± {row.error:.1g}"
    return f"{row.value:.4g}{error}"


def save(measured: Mapping[str, Measured], about: dict, folder: Path) -> Path:
    """Write ``about`` and the measures to ``flatness.json``.

    The rows as :class:`Row`, and the points of each density's curve.
    """
    checkpoints = {
        name: dict(
            rows=[asdict(row) for row in one.rows],
            density=None if one.density is None else _curve(one.density),
            passes=dict(one.passes),
        )
        for name, one in measured.items()
    }
    path = folder / "flatness.json"
    write_json(path, {**about, "checkpoints": checkpoints})
    return path


def _curve(density: Density) -> dict:
    names = ("grid", "density", "standard_error")
    curves = {name: getattr(density, name).tolist() for name in names}
    return dict(sigma=density.sigma, **curves)


def draw(measured: Mapping[str, Measured], folder: Path) -> Path:
    """Draw to ``flatness.png``: a panel of bars for all measures of one scale, and the densities.

    A colour is a checkpoint; the lines at a bar's end are its error.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rows = next(iter(measured.values())).rows
    panels = list(dict.fromkeys(row.panel for row in rows))
    curves = any(one.density is not None for one in measured.values())
    count = len(panels) + curves
    columns = min(count, 3)
    lines = -(-count // columns)
    height = 3 * lines + 0.3 * len(measured)
    figure = Figure(figsize=(4.5 * columns, height), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for one, panel in zip(axes, panels):
        _bars(one, panel, measured)
    if curves:
        _densities(axes[len(panels)], measured)
    for left in axes[count:]:
        left.axis("off")
    colours = [Patch(color=f"C{place}", label=name) for place, name in enumerate(measured)]
    figure.legend(handles=colours, loc="outside lower center", ncols=1)
    path = folder / "flatness.png"
    figure.savefig(path, dpi=110)
    return path


def _bars(axes, panel: str, measured: Mapping[str, Measured]) -> None:
    """The measures of a panel: a group of bars for each."""
    width, rows = 0.8 / len(measured), []
    for place, one in enumerate(measured.values()):
        rows = [row for row in one.rows if row.panel == panel]
        at = [i + (place - (len(measured) - 1) / 2) * width for i in range(len(rows))]
        errors = [row.error or 0.0 for row in rows]
        style = dict(color=f"C{place}", ecolor="black" if any(errors) else "none", capsize=3)
        axes.bar(at, [row.value for row in rows], width, yerr=errors, **style)
    form = f"{panel.partition(',')[0]}_"
    names = [row.name.removeprefix(form).replace("_", "\n") for row in rows]
    axes.set_xticks(range(len(rows)), names, fontsize=8)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_title(panel, fontsize=10)
    axes.grid(axis="y", alpha=0.3)


def _densities(axes, measured: Mapping[str, Measured]) -> None:
    """The densities, with a band of two standard errors, on a logarithmic axis."""
    for place, one in enumerate(measured.values()):
        if one.density is not None:
            grid, density, low, high = one.curve()
            axes.semilogy(grid, density, color=f"C{place}")
            axes.set_ylim(bottom=1e-9 * density.max())
            axes.fill_between(grid, low, high, alpha=0.3, color=f"C{place}", linewidth=0)
    axes.set_title("density of the Hessian's eigenvalues", fontsize=10)
    axes.set_xlabel("eigenvalue")
    axes.grid(alpha=0.3)
