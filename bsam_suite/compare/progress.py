"""The progress of a comparison."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bsam_suite.compare.plan import Run
from bsam_suite.compare.worker import LOG
from bsam_suite.progress import duration


class Progress:
    """Prints a line for each run that ends, with the time left estimated from passes over the data.

    Attributes:
        succeeded: number of finished runs, including those of earlier calls.
    """

    def __init__(self, runs: Sequence[Run], waiting: Sequence[Run]) -> None:
        self._total, self._ended = len(runs), len(runs) - len(waiting)
        self.succeeded = self._ended
        self._left, self._passed = sum(run.training.passes for run in waiting), 0.0
        self._start = time.monotonic()
        if self._ended:
            print(f"{self._ended} of {self._total} runs are already finished", flush=True)

    def report(self, run: Run) -> None:
        """Print a line for ``run``, which has ended."""
        self.succeeded += run.done
        self._ended += 1
        self._passed += run.training.passes
        self._left -= run.training.passes
        seconds = (time.monotonic() - self._start) / self._passed * self._left
        result = "" if run.done else f" FAILED, see {run.folder / LOG};"
        place = f"[{self._ended}/{self._total}]"
        print(f"{place} {run.name}:{result} {duration(seconds)} left", flush=True)
