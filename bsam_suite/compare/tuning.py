"""Which settings are tried for a method, and which of them are chosen."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bsam_suite.compare.record import Record
from bsam_suite.compare.study import Method, Settings, combinations
from bsam_suite.optional import need


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        curve: the metric by epoch, the mean over the seeds; empty if a run diverged.
    """

    settings: Settings
    curve: Mapping[int, float]

    @property
    def score(self) -> float:
        """The metric at the last epoch; NaN if a run diverged."""
        return list(self.curve.values())[-1] if self.curve else math.nan


@dataclass(frozen=True)
class Choice:
    """What was chosen for a method in a cell.

    Attributes:
        epoch: the best one of the chosen trial, to stop early at.
        edges: the tuned settings whose chosen value is the first or last of those tried.
    """

    cell: str
    method: str
    settings: Settings
    epoch: int
    trials: Sequence[Trial]
    edges: Sequence[str]


def next_settings(
    method: Method, sampler: str, count: int, tried: Sequence[Trial], higher: bool
) -> list[dict[str, Any]]:
    """What to try next for ``method``: the whole grid, or one setting after the other by Optuna.

    Args:
        count: how many trials it has in all.

    Raises:
        InputError: Optuna is not installed.
    """
    if len(tried) >= count:
        return []
    if sampler == "grid":
        return combinations(method.tune)
    return [_suggestion(method, tried, higher)]


def trials(records: Sequence[Record], metric: str) -> list[Trial]:
    """The trials of one method, of the records of all their seeds."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.settings, []).append(record)
    return [Trial(group[0].chosen, _mean_curve(group, metric)) for group in groups.values()]


def choose(cell: str, method: Method, tried: Sequence[Trial], higher: bool) -> Choice | None:
    """The best of the trials; None where all diverged."""
    good = [trial for trial in tried if not math.isnan(trial.score)]
    if not good:
        return None
    best = max(good, key=lambda trial: trial.score if higher else -trial.score)
    pick = max if higher else min
    epoch = pick(best.curve, key=lambda epoch: best.curve[epoch])
    edges = [name for name in method.tune if _at_edge(name, method.tune[name], best, tried)]
    return Choice(cell, method.name, best.settings, epoch, tried, edges)


def _at_edge(name: str, values: Any, best: Trial, tried: Sequence[Trial]) -> bool:
    """Whether a better value may lie outside of what was tried."""
    chosen = best.settings[name]
    number = isinstance(chosen, (int, float)) and not isinstance(chosen, bool)
    if not number or chosen == 0:  # below which there is nothing
        return False
    if isinstance(values, list):
        return len(set(values)) > 1 and chosen in (min(values), max(values))
    tenth = math.log(values[1] / values[0]) / 10
    return min(math.log(chosen / values[0]), math.log(values[1] / chosen)) < tenth


def _mean_curve(records: Sequence[Record], metric: str) -> dict[int, float]:
    if any(record.failed for record in records):
        return {}
    known = [record.metrics[metric] for record in records]
    epochs = [epoch for epoch in known[0] if all(epoch in curve for curve in known)]
    return {epoch: statistics.fmean(curve[epoch] for curve in known) for epoch in epochs}


def _suggestion(method: Method, tried: Sequence[Trial], higher: bool) -> dict[str, Any]:
    optuna = need("optuna", "tuning")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Categories are plain values for Optuna; lists among them travel as text.
    places = {
        name: optuna.distributions.FloatDistribution(*values, log=True)
        if isinstance(values, tuple)
        else optuna.distributions.CategoricalDistribution([json.dumps(v) for v in values])
        for name, values in method.tune.items()
    }
    study = optuna.create_study(
        # A new one each time, which shall not draw what it drew before.
        sampler=optuna.samplers.TPESampler(seed=len(tried)),
        direction="maximize" if higher else "minimize",
    )
    for trial in tried:
        params = {
            name: value if isinstance(method.tune[name], tuple) else json.dumps(value)
            for name, value in trial.settings.items()
        }
        failed = math.isnan(trial.score)
        state = optuna.trial.TrialState
        study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=places,
                value=None if failed else trial.score,
                state=state.FAIL if failed else state.COMPLETE,
            )
        )
    found = study.ask(places).params
    return {
        name: value if isinstance(method.tune[name], tuple) else json.loads(value)
        for name, value in found.items()
    }
