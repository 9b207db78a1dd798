"""All runs of a comparison in one plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bsam_suite.compare.results import Record


def plot_runs(records: Sequence[Record], metric: str, path: Path) -> None:
    """Plot each run as a dot and the mean of each rule as a line, one panel for each setting."""
    from matplotlib.figure import Figure

    settings = list(dict.fromkeys(r.setting for r in records))
    rules = list(dict.fromkeys(r.rule for r in records))
    if not records:
        return
    width = 1.5 + 0.7 * len(rules)
    figure = Figure(figsize=(width * len(settings), 3.8), layout="constrained")
    for axes, setting in zip(figure.subplots(1, len(settings), squeeze=False)[0], settings):
        for place, rule in enumerate(rules):
            values = [r.metric for r in records if (r.setting, r.rule) == (setting, rule)]
            if values:
                axes.plot([place] * len(values), values, "o", alpha=0.5, color=f"C{place}")
                mean = sum(values) / len(values)
                axes.hlines(mean, place - 0.3, place + 0.3, color=f"C{place}", linewidth=2)
        axes.set_xticks(range(len(rules)), rules, rotation=45, ha="right")
        axes.set_title(setting)
        axes.grid(axis="y", alpha=0.3)
    figure.axes[0].set_ylabel(metric)
    figure.savefig(path, dpi=110)
