"""Names of validation metrics in a config, checked against those that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

from bsam_suite.engine.curves import CurvesHook
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean

WATCHING = {CurvesHook: "metric", CheckpointHook: "save_best", EarlyStoppingHook: "monitor"}
"""Hooks that look a metric up, and by which of their arguments."""


class MetricNamesHook(Hook):
    """Refuses names of metrics that no evaluator gives; MMEngine's hooks pass over them.

    Before training as far as is known then: the prefix, such as ``coco`` of ``coco/AP``, and the
    names of metrics whose class has ``names``. All others at the first validation, when the epoch's
    checkpoint has been written, so that ``--resume`` goes on from there.
    """

    priority = "LOWEST"

    def before_train(self, runner: Runner) -> None:
        if runner.val_loop is None:
            return
        metrics = runner.val_loop.evaluator.metrics
        prefixes = {metric.prefix for metric in metrics}
        names = [_full(metric) for metric in metrics if hasattr(metric, "names")]
        for place, name in _named(runner):
            if len(names) == len(metrics):
                _check(name, [n for some in names for n in some], place)
            elif "/" in name and None not in prefixes:
                _check(name.partition("/")[0], prefixes, place)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        for place, name in _named(runner) if metrics else ():
            _check(name, metrics or {}, place)


def _full(metric) -> list[str]:
    return [f"{metric.prefix}/{name}" if metric.prefix else name for name in metric.names]


def _named(runner: Runner) -> Iterator[tuple[str, str]]:
    """The metrics that hooks are told to watch, each with its place."""
    for hook in runner.hooks:
        for kind, argument in WATCHING.items():
            names = getattr(hook, argument, None) if isinstance(hook, kind) else None
            for name in [names] if isinstance(names, str) else names or ():
                if name != "auto":
                    yield f"{argument} of {type(hook).__name__}", name


def _check(name: str, names: Iterable[str], place: str) -> None:
    if name not in names:
        raise InputError(f"{place}: no evaluator gives {name!r}{did_you_mean(name, names)}")
