"""Plots of training curves."""

from __future__ import annotations

import json
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

PANELS = {
    "loss": ["loss"],
    "sharpness": ["max_sharpness", "min_sharpness", "flatness"],
    "learning rate": ["lr"],
}


@HOOKS.register_module()
class CurvesHook(Hook):
    """Plot loss, validation metric, sharpness and learning rate to ``WORK_DIR/curves.png``.

    Reads the log of MMEngine's ``LocalVisBackend``, after each validation and at the end.

    Args:
        metric: validation metric to plot, e.g. ``coco/AP``.
    """

    priority = "VERY_LOW"

    def __init__(self, metric: str) -> None:
        self.metric = metric

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._draw(runner)

    def after_train(self, runner) -> None:
        self._draw(runner)

    def _draw(self, runner) -> None:
        log = Path(runner.log_dir) / "vis_data" / "scalars.json"
        if is_main_process() and log.is_file():
            records = [json.loads(line) for line in log.read_text().splitlines()]
            draw_curves(records, self.metric, Path(runner.work_dir) / "curves.png")


def draw_curves(records: list[dict], metric: str, path: Path) -> None:
    """Plot one panel for each kind of quantity in ``records``.

    Args:
        records: dicts as in MMEngine's ``scalars.json``: training records hold ``iter``,
            validation records the metric and ``step``.
    """
    from matplotlib.figure import Figure

    panels = {**PANELS, metric: [metric]}
    panels = {k: [n for n in v if any(n in r for r in records)] for k, v in panels.items()}
    panels = {k: v for k, v in panels.items() if v}
    if not panels:
        return
    figure = Figure(figsize=(4.5 * len(panels), 3.5), layout="constrained")
    for axes, (title, names) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items()
    ):
        for name in names:
            points = [(r.get("step"), r[name]) for r in records if name in r]
            axes.plot(*zip(*points), marker="o" if title == metric else None, label=name)
        axes.set_title(title)
        axes.set_xlabel("epoch" if title == metric else "iteration")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    figure.savefig(path, dpi=110)
