"""The report of an evaluation: tables, JSON and a plot."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bsam_suite.engine.summary import table
from bsam_suite.json_file import write_json
from tasks.pose.evaluate.keypoints import PCK_LENGTH, PCK_SHARES, Row, Scores


def print_report(metrics: dict[str, float], scores: Scores) -> None:
    """Print AP and AR, and a row for each keypoint, size and visibility."""
    print(table(metrics))
    view = Table()
    for name in ("", "labelled", "OKS", *(f"PCK {share}" for share in PCK_SHARES)):
        view.add_column(name, justify="right" if name else "left")
    for rows in (scores.by_keypoint(), scores.by_size(), scores.by_visibility()):
        for row in rows:
            pck = (f"{row.pck[share]:.4f}" for share in PCK_SHARES)
            view.add_row(row.name, f"{row.count:,}", f"{row.oks:.4f}", *pck)
        view.add_section()
    Console().print(view)
    print(f"PCK: {PCK_LENGTH}")
    print(f"{scores.missed} of {scores.persons} persons have no result: their keypoints count as 0")


def save(metrics: dict[str, float], scores: Scores, about: dict, folder: Path) -> Path:
    """Write everything to ``evaluation.json``."""
    content = dict(
        about,
        metrics=metrics,
        persons=scores.persons,
        persons_without_result=scores.missed,
        pck=PCK_LENGTH,
        keypoints=[asdict(row) for row in scores.by_keypoint()],
        sizes=[asdict(row) for row in scores.by_size()],
        visibility=[asdict(row) for row in scores.by_visibility()],
    )
    path = folder / "evaluation.json"
    write_json(path, content)
    return path


def draw(metrics: dict[str, float], scores: Scores, folder: Path) -> Path:
    """Plot OKS and PCK by keypoint, size and visibility to ``evaluation.png``."""
    from matplotlib.figure import Figure

    groups = [*scores.by_size(), *scores.by_visibility()]
    keypoints = scores.by_keypoint()
    figure = Figure(figsize=(7, 8), layout="constrained")
    heights = [len(keypoints), max(len(groups), 1)]
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    _bars(above, keypoints)
    _bars(below, groups)
    above.set_title(f"AP {metrics['AP']:.4f}   AR {metrics['AR']:.4f}")
    figure.legend(*above.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    below.set_xlabel("mean over labelled keypoints")
    path = folder / "evaluation.png"
    figure.savefig(path, dpi=110)
    return path


def _bars(axes, rows: list[Row]) -> None:
    places = range(len(rows))
    axes.barh([p - 0.2 for p in places], [r.oks for r in rows], 0.4, label="OKS")
    share = PCK_SHARES[1]
    pck = [r.pck[share] for r in rows]
    axes.barh([p + 0.2 for p in places], pck, 0.4, label=f"PCK {share}")
    axes.set_yticks(places, [f"{r.name} ({r.count:,})" for r in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)
