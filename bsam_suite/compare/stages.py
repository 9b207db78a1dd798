"""The two stages of a study: settings are chosen on held-out data, then tested once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bsam_suite.compare.plan import TEST, TUNING, Folders, Run, plan_runs
from bsam_suite.compare.study import Cell, Method, Study
from bsam_suite.compare.tuning import Choice, choose, next_settings, trials
from bsam_suite.engine.config import preflight

Choices = Mapping[tuple[str, str], Choice | None]
"""By cell and method; None where each trial has diverged."""

Make = Callable[[Sequence[Run]], list[Run]]
"""Makes the runs that are not finished, and returns those that failed."""


class Stages:
    """Makes the runs of a study, or only looks for their records.

    Args:
        out: folder of the runs.
        records: folder of their records.
        make: None makes no runs.

    Attributes:
        runs: planned so far.
        failed: those that ended without a record.
    """

    def __init__(self, study: Study, out: Path, records: Path, make: Make | None) -> None:
        self.study, self.folders, self.make = study, Folders(out, records), make
        self.runs: list[Run] = []
        self.failed: list[Run] = []

    def tune(self) -> Choices:
        """Try settings for all methods that are tuned, and choose.

        Raises:
            InputError: a value cannot be used, or the first run fails.
        """
        tuned = [(cell, m) for cell in self.study.cells for m in self.study.tuned(cell)]
        tried: dict[tuple[str, str], list[Run]] = {(c.name, m.name): [] for c, m in tuned}
        while True:
            new = [run for cell, method in tuned for run in self._next(cell, method, tried)]
            if not new:
                break
            self._make(new)
            for run in new:
                tried[run.cell, run.method].append(run)
        return {
            (cell.name, m.name): choose(cell.name, m, found, self.study.higher)
            for cell, m in tuned
            if (found := self._trials(tried[cell.name, m.name]))
        }

    def test(self, choices: Choices) -> None:
        """Make the runs that are reported, with what was chosen.

        Raises:
            InputError: as :meth:`tune`.
        """
        seeds = range(max(cell.seeds for cell in self.study.cells))
        first = self.study.tuning_seeds if self.study.trials else 0
        planned = [
            run
            for cell in self.study.cells
            for method in cell.methods
            for run in self._tested(cell, method, choices, first)
        ]
        by_seed = [r for seed in seeds for r in planned if r.seed == first + seed]
        self._make(by_seed)

    def _next(
        self, cell: Cell, method: Method, tried: Mapping[tuple[str, str], list[Run]]
    ) -> list[Run]:
        runs = tried[cell.name, method.name]
        found = self._trials(runs)
        if runs and not found:
            return []  # one is missing, and what comes next depends on it
        study = self.study
        return [
            run
            for chosen in next_settings(method, study.sampler, study.trials, found, study.higher)
            for run in plan_runs(
                study, cell, method, chosen, TUNING, range(study.tuning_seeds), self.folders
            )
        ]

    def _trials(self, runs: Sequence[Run]) -> list:
        """The trials of ``runs``, if all of these have ended."""
        if not all(run.done for run in runs):
            return []
        return trials([run.record for run in runs], str(self.study.metric))

    def _tested(self, cell: Cell, method: Method, choices: Choices, first: int) -> list[Run]:
        wanted = chosen_for(cell, method)
        choice = choices.get(wanted) if wanted else None
        if wanted and choice is None:
            return []
        settings = choice.settings if choice else {}
        seeds = range(first, first + cell.seeds)
        return plan_runs(self.study, cell, method, settings, TEST, seeds, self.folders)

    def _make(self, runs: Sequence[Run]) -> None:
        self.runs += runs
        if self.make is None:
            return
        # One of each setting says for all of them what is missing.
        for run in {(r.cell, r.part): r for r in reversed(runs) if not r.done}.values():
            preflight(copy.deepcopy(run.training.cfg))
        self.failed += self.make(runs)


def chosen_for(cell: Cell, method: Method) -> tuple[str, str] | None:
    """The cell and the method whose chosen settings ``method`` takes in ``cell``."""
    if not (method.tune or method.choice_of):
        return None
    return cell.choices_of or cell.name, method.choice_of or method.name
