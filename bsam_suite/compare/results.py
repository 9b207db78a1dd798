"""The results of the runs, one by one and summarized by rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bsam_suite.compare.plan import Run
from bsam_suite.compare.statistics import Difference, MeanStd, mean_std, paired_difference
from bsam_suite.engine.summary import METRICS
from bsam_suite.errors import InputError


@dataclass
class Record:
    """One run.

    Attributes:
        passes: forward and backward passes over the training set, as they were made.
        seconds: of training, without validation.
        metric: its value at the last validation.
    """

    setting: str
    rule: str
    seed: int
    epochs: int
    passes: float
    seconds: float
    metric: float


@dataclass
class Summary:
    """All seeds of a rule.

    Attributes:
        setting, rule, epochs, passes: as in :class:`Record`.
        metric, seconds: over the seeds.
        difference: of the metric to the first rule's, paired by seed; None for that rule.
        at_equal_compute: likewise to the base optimizer that makes as many passes; None where it
            was not run. It trains whole epochs, the nearest to that number.
    """

    setting: str
    rule: str
    epochs: int
    passes: float
    metric: MeanStd
    seconds: MeanStd
    difference: Difference | None
    at_equal_compute: Difference | None


def collect(runs: Sequence[Run], metric: str | None) -> tuple[str, list[Record]]:
    """Name and values of a metric (None: the evaluator's first) of the finished ``runs``.

    Raises:
        InputError: the runs do not have this metric.
    """
    records = []
    for run in runs:
        if not run.done:
            continue
        content = _read(run.folder / METRICS)
        found = content["metrics"]
        metric = metric or next(iter(found), None)
        if metric not in found:
            raise InputError(f"--metric {metric}: runs have {', '.join(found) or 'no validation'}")
        records.append(
            Record(
                run.setting,
                run.method.name,
                run.seed,
                run.epochs,
                run.epochs * content["passes_per_step"],
                content["seconds"],
                found[metric],
            )
        )
    return metric or "", records


def _read(file: Path) -> dict:
    try:
        return json.loads(file.read_text())
    except ValueError as error:
        raise InputError(
            f"{file} is damaged ({error}): delete it and repeat the command to make it again"
        ) from error


def summarize(records: Sequence[Record]) -> list[Summary]:
    """A summary for each setting and rule, in the order of their first occurrence."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.setting, record.rule), []).append(record)
    by_seed = {key: {r.seed: r.metric for r in group} for key, group in groups.items()}
    plain = {  # one pass per step
        (setting, group[0].passes): rule
        for (setting, rule), group in groups.items()
        if group[0].passes == group[0].epochs
    }
    summaries = []
    for (setting, rule), group in groups.items():
        one, values = group[0], by_seed[setting, rule]
        first = next(r for s, r in groups if s == setting)
        peer = plain.get((setting, round(one.passes)), "")
        summaries.append(
            Summary(
                setting,
                rule,
                one.epochs,
                one.passes,
                mean_std(list(values.values())),
                mean_std([r.seconds for r in group]),
                _difference(values, by_seed[setting, first], rule != first),
                _difference(values, by_seed.get((setting, peer), {}), peer not in ("", rule)),
            )
        )
    return summaries


def _difference(a: dict, b: dict, wanted: bool) -> Difference | None:
    return paired_difference(a, b) if wanted else None
