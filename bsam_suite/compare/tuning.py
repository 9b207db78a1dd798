"""Which settings are tried for a method, and which of them are chosen."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bsam_suite.compare.record import Record
from bsam_suite.compare.study import Method, Settings, combinations, settings_of
from bsam_suite.optional import need


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        settings: values by name.
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
        cell: its name.
        method: its name.
        settings: those of the best trial.
        epoch: the best one of the chosen trial, to stop early at.
        trials: all that were made.
        edges: the settings whose chosen value is the lowest or highest of those tried.
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
        method: with the values to try, in ``tune``.
        sampler: ``"grid"`` or ``"optuna"``.
        count: how many trials it has in all.
        tried: those made so far.
        higher: whether more of the metric is better.

    Raises:
        InputError: Optuna is not installed.
    """
    if sampler == "grid":
        return [] if tried else combinations(method.tune)
    if len(tried) >= count:
        return []
    return [_suggestion(method, tried, higher)]


def trials(records: Sequence[Record], metric: str) -> list[Trial]:
    """The trials of one method, of the records of all their seeds."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.settings, []).append(record)
    return [Trial(group[0].chosen, _mean_curve(group, metric)) for group in groups.values()]


def choose(cell: str, method: Method, tried: Sequence[Trial], higher: bool) -> Choice | None:
    """The best of the trials; None where all diverged.

    Args:
        cell: its name.
        method: that was tuned in it.
        tried: all its trials.
        higher: whether more of the metric is better.
    """
    good = [trial for trial in tried if not math.isnan(trial.score)]
    if not good:
        return None
    best = max(good, key=lambda trial: trial.score if higher else -trial.score)
    pick = max if higher else min
    epoch = pick(best.curve, key=lambda epoch: best.curve[epoch])
    edges = [name for name, value in best.settings.items() if _at_edge(name, method.tune, value)]
    return Choice(cell, method.name, best.settings, epoch, tried, edges)


def _at_edge(name: str, tune: Mapping[str, Any], chosen: Any) -> bool:
    """Whether a better value may lie outside of what is tried for the setting ``name``."""
    if isinstance(tune.get(name), tuple):
        low, high = tune[name]
        return min(chosen / low, high / chosen) < (high / low) ** 0.1
    settings = [settings_of(n, v) for n, vs in tune.items() if isinstance(vs, list) for v in vs]
    values = [given[name] for given in settings if name in given]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numbers or chosen == 0:  # below which there is nothing
        return False
    return min(values) < max(values) and chosen in (min(values), max(values))


def _value(name: str, values: Any, settings: Settings) -> Any:
    """Which of the values that are tried for ``name`` the settings have."""
    if isinstance(values, tuple):
        return settings[name]
    return next(v for v in values if settings_of(name, v).items() <= dict(settings).items())


def _mean_curve(records: Sequence[Record], metric: str) -> dict[int, float]:
    if any(record.failed for record in records):
        return {}
    known = [record.metrics[metric] for record in records]
    epochs = [epoch for epoch in known[0] if all(epoch in curve for curve in known)]
    return {epoch: statistics.fmean(curve[epoch] for curve in known) for epoch in epochs}


def _suggestion(method: Method, tried: Sequence[Trial], higher: bool) -> dict[str, Any]:
    optuna = need("optuna", "tuning")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tune = method.tune
    # Categories are plain values for Optuna; others among them travel as text.
    places = {
        name: optuna.distributions.FloatDistribution(*values, log=True)
        if isinstance(values, tuple)
        else optuna.distributions.CategoricalDistribution([json.dumps(v) for v in values])
        for name, values in tune.items()
    }
    study = optuna.create_study(
        # A new one each time, which shall not draw what it drew before.
        sampler=optuna.samplers.TPESampler(seed=len(tried)),
        direction="maximize" if higher else "minimize",
    )
    for trial in tried:
        values = {name: _value(name, tune[name], trial.settings) for name in tune}
        params = {n: v if isinstance(tune[n], tuple) else json.dumps(v) for n, v in values.items()}
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
    values = {n: v if isinstance(tune[n], tuple) else json.loads(v) for n, v in found.items()}
    return {k: v for name, value in values.items() for k, v in settings_of(name, value).items()}
