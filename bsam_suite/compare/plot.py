"""All runs of a comparison in one plot."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.compare.results import Results


def plot_runs(results: Results, path: Path) -> None:
    """Plot each run as a dot and the mean of each method as a line, one panel for each cell."""
    from matplotlib.figure import Figure

    records = [r for r in results.records if not r.failed]
    cells = list(dict.fromkeys(r.cell for r in records))
    methods = list(dict.fromkeys(r.method for r in records))
    if not records:
        return
    width = 1.5 + 0.7 * len(methods)
    figure = Figure(figsize=(width * len(cells), 3.8), layout="constrained")
    for axes, cell in zip(figure.subplots(1, len(cells), squeeze=False)[0], cells):
        for place, method in enumerate(methods):
            found = [r for r in records if (r.cell, r.method) == (cell, method)]
            values = [r.last(results.metric) for r in found]
            if values:
                axes.plot([place] * len(values), values, "o", alpha=0.5, color=f"C{place}")
                mean = sum(values) / len(values)
                axes.hlines(mean, place - 0.3, place + 0.3, color=f"C{place}", linewidth=2)
        axes.set_xticks(range(len(methods)), methods, rotation=45, ha="right")
        axes.set_title(cell)
        axes.grid(axis="y", alpha=0.3)
    figure.axes[0].set_ylabel(results.metric)
    figure.savefig(path, dpi=110)
