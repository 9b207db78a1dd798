"""The results of the runs, summarized by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsam_suite.compare.plan import TEST, Run
from bsam_suite.compare.record import Record
from bsam_suite.compare.statistics import Difference, MeanStd, mean_std, paired_difference
from bsam_suite.errors import InputError


@dataclass
class Results:
    """The records of the runs that are reported.

    Attributes:
        metric: the one that is compared, ``""`` where there is no record.
    """

    metric: str
    records: list[Record]


@dataclass
class Summary:
    """All seeds of a method in a cell.

    Attributes:
        cell, method, epochs, passes: as in :class:`Record`.
        last: the metric at the last epoch, over the seeds.
        best: at the best epoch of each run, which the test data themselves tell.
        stopped: at the epoch at which the chosen trial was best; None without tuning.
        seconds: over the seeds.
        difference: of ``last`` to the first method's, paired by seed; None for that method.
        at_equal_compute: likewise to the base optimizer that makes as many passes; None where it
            was not run. It trains whole epochs, the nearest to that number.
        diverged: how many seeds have no result for it.
        measures: of the final networks, by name.
    """

    cell: str
    method: str
    epochs: int
    passes: float
    last: MeanStd
    best: MeanStd
    stopped: MeanStd | None
    seconds: MeanStd
    difference: Difference | None
    at_equal_compute: Difference | None
    diverged: int
    measures: dict[str, MeanStd]


def collect(runs: Sequence[Run], metric: str | None) -> Results:
    """The records of the finished ``runs`` that are tested.

    Args:
        metric: None for the evaluator's first.

    Raises:
        InputError: the runs do not have this metric.
    """
    records = [run.record for run in runs if run.part == TEST and run.done]
    known = next((list(r.metrics) for r in records if not r.failed), [])
    metric = metric or next(iter(known), None)
    if known and metric not in known:
        raise InputError(f"--metric {metric}: runs have {', '.join(known)}")
    return Results(metric or "", records)


def summarize(
    results: Results, higher: bool = True, stops: Mapping[tuple[str, str], int] | None = None
) -> list[Summary]:
    """A summary for each cell and method, in the order of their first occurrence.

    Args:
        higher: whether more of the metric is better.
        stops: the epoch to stop at, by cell and method.
    """
    metric, stops = results.metric, stops or {}
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in results.records:
        groups.setdefault((record.cell, record.method), []).append(record)
    curves = {
        key: {r.seed: r.metrics[metric] for r in group if not r.failed}
        for key, group in groups.items()
    }
    last = {
        key: {seed: list(curve.values())[-1] for seed, curve in of_seeds.items()}
        for key, of_seeds in curves.items()
    }
    plain = {  # one pass per step
        (cell, group[0].passes): method
        for (cell, method), group in groups.items()
        if group[0].passes == group[0].epochs
    }
    summaries = []
    for (cell, method), group in groups.items():
        key, one = (cell, method), group[0]
        first = next(m for c, m in groups if c == cell)
        peer = plain.get((cell, round(one.passes)), "")
        found, stop = curves[key].values(), stops.get(key)
        at_stop = [curve[stop] for curve in found if stop in curve] if stop is not None else None
        pick = max if higher else min
        summaries.append(
            Summary(
                cell,
                method,
                one.epochs,
                one.passes,
                mean_std(list(last[key].values())),
                mean_std([pick(curve.values()) for curve in found]),
                None if at_stop is None else mean_std(at_stop),
                mean_std([r.seconds for r in group]),
                _difference(last[key], last[cell, first], method != first),
                _difference(last[key], last.get((cell, peer), {}), peer not in ("", method, first)),
                sum(r.failed is not None for r in group),
                _measures(group),
            )
        )
    return summaries


def _measures(records: Sequence[Record]) -> dict[str, MeanStd]:
    names = dict.fromkeys(name for record in records for name in record.measures)
    return {
        name: mean_std([r.measures[name] for r in records if name in r.measures]) for name in names
    }


def _difference(a: dict, b: dict, wanted: bool) -> Difference | None:
    return paired_difference(a, b) if wanted else None
