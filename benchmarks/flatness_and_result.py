"""Is the flatter network the better one? Over all runs of the studies, from their records.

    python benchmarks/flatness_and_result.py benchmarks/records/* --out flatness.png

For each cell: Spearman's rank correlation of each measure of flatness with the metric, over all
runs that were tested, with its p-value; and of the first one over those that fit their training
data, and over those that do not: it is not the loss alone there that both depend on.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from scipy.stats import spearmanr

from bsam_suite.compare.plan import TEST
from bsam_suite.compare.record import Record
from bsam_suite.compare.tables import markdown

MEASURES = ("eigenvalue_1", "trace", "max_sharpness", "worst_case", "adaptive_worst_case")
FIT = 0.99


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, help="of records, one for each study")
    parser.add_argument("--metrics", nargs="+", default=["accuracy", "coco/AP"])
    parser.add_argument("--out", type=Path, metavar="FILE.png", required=True)
    args = parser.parse_args()
    cells = read(args.folders, args.metrics)
    header = ["study", "cell", "runs", *MEASURES, f"{MEASURES[0]}, fit >= {FIT}", f"fit < {FIT}"]
    print(markdown(header, [row(*key, runs) for key, runs in cells.items()]))
    draw(cells, args.out)


Runs = Sequence[tuple[Record, float]]
"""The runs of a cell, each with its metric."""


def read(folders: Sequence[Path], metrics: Sequence[str]) -> dict[tuple[str, str], Runs]:
    """The tested runs with a measure of flatness, by study and cell."""
    found: dict[tuple[str, str], list[tuple[Record, float]]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.json")):
            record = Record.read(file)
            metric = next((name for name in metrics if name in record.metrics), None)
            if record.part == TEST and metric and f"flatness/{MEASURES[0]}" in record.measures:
                key = folder.name, record.cell
                found.setdefault(key, []).append((record, record.last(metric)))
    return found


def row(study: str, cell: str, runs: Runs) -> list[str]:
    parts = [[(r, v) for r, v in runs if (fit(r) >= FIT) == fitted] for fitted in (True, False)]
    return [
        study,
        cell,
        str(len(runs)),
        *(correlation(runs, measure) for measure in MEASURES),
        *(f"{correlation(part, MEASURES[0])} ({len(part)} runs)" for part in parts),
    ]


def correlation(runs: Runs, measure: str) -> str:
    name = f"flatness/{measure}"
    pairs = [(r.measures[name], value) for r, value in runs if name in r.measures]
    if len(pairs) < 4:
        return ""
    found = spearmanr(*zip(*pairs))
    return f"{found.statistic:+.2f} (p {found.pvalue:.2g})"


def fit(record: Record) -> float:
    """The metric on the training data."""
    return next((v for name, v in record.measures.items() if name.startswith("fit/")), math.nan)


def draw(cells: dict[tuple[str, str], Runs], file: Path) -> None:
    """The top eigenvalue against the metric, a panel for each cell and a colour for each rule."""
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(r.method for runs in cells.values() for r, _ in runs))
    columns = min(3, len(cells))
    rows = math.ceil(len(cells) / columns)
    figure = Figure(figsize=(4.4 * columns, 3.6 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, ((study, cell), runs) in zip(panels, cells.items()):
        for number, method in enumerate(methods):
            mine = [
                (r.measures[f"flatness/{MEASURES[0]}"], v) for r, v in runs if r.method == method
            ]
            if mine:
                shape = "os^"[number // 10]  # there are ten colours
                axes.plot(*zip(*mine), shape, color=f"C{number % 10}", label=method, alpha=0.7)
        axes.set(title=f"{study}: {cell}", xscale="log", xlabel="top eigenvalue", ylabel="test")
        axes.grid(alpha=0.3)
    for axes in panels[len(cells) :]:
        axes.set_axis_off()
    handles = {h.get_label(): h for axes in figure.axes for h in axes.get_lines()}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    main()
