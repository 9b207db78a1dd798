"""Make the runs of a comparison in jobs of a cluster."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsam_suite.compare.plan import Run
from bsam_suite.compare.progress import Progress
from bsam_suite.compare.run import run_all
from bsam_suite.errors import InputError
from bsam_suite.optional import need
from bsam_suite.options import Typed, meaning
from bsam_suite.quiet import tell

TRIES = 3
"""How often a job is submitted that ends without saying how: its machine died or was taken away."""

POLL = 1.0
"""Seconds between two looks at the records; submitit asks the scheduler itself less often."""


@dataclass
class Batch:
    """The runs of one job, ``jobs`` of them at a time."""

    runs: list[Run]
    jobs: int
    metric: str | None

    def __call__(self) -> str | None:
        """Make them.

        Returns:
            Why the first failed, if none was finished.
        """
        try:
            run_all(self.runs, self.jobs, self.metric)
        except InputError as error:
            return str(error)
        return None

    def checkpoint(self) -> Any:
        """What submitit submits again when the time is up or the machine is wanted by others."""
        return need("submitit", "slurm").helpers.DelayedSubmission(self)


def open_executor(settings: Mapping[str, Typed], folder: Path) -> Any:
    """What submits jobs: submitit's for this cluster, with its output in ``folder``.

    Args:
        settings: ``cluster`` (``slurm``, or ``local`` for processes of this machine; the one that
            is found), and parameters of ``submitit.AutoExecutor``.

    Raises:
        InputError: submitit is missing, or does not take the settings.
    """
    submitit = need("submitit", "slurm")
    values = {key: meaning(value) for key, value in settings.items()}
    cluster = values.pop("cluster", None)
    try:
        executor = submitit.AutoExecutor(folder, cluster=cluster)
        executor.update_parameters(name="compare", **values)
    except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"--submit: submitit says {error}") from error
    return executor


def submit_all(executor: Any, runs: Sequence[Run], jobs: int, metric: str | None) -> list[Run]:
    """Make the ``runs`` that are not finished, as :func:`~bsam_suite.compare.run.run_all` does.

    Each job makes ``jobs`` runs. One that is lost is submitted again, and its runs go on from their
    checkpoints. When this ends, so do the jobs.

    Returns:
        The runs that failed.

    Raises:
        InputError: a job cannot make its runs, or the runs of one fail before any has finished.
    """
    lost = need("submitit", "slurm").core.utils.UncompletedJobError
    waiting = [run for run in runs if not run.done]
    progress = Progress(runs, waiting)
    starts = range(0, len(waiting), jobs)
    batches = [Batch(waiting[first : first + jobs], jobs, metric) for first in starts]
    with executor.batch():
        submitted = [executor.submit(batch) for batch in batches]
    left = [(batch, job, 1) for batch, job in zip(batches, submitted)]
    failed: list[Run] = []
    try:
        while left:
            time.sleep(POLL)
            for place in [*left]:
                batch, job, tries = place
                ended = job.done()
                for run in [run for run in batch.runs if run.done]:
                    batch.runs.remove(run)
                    progress.report(run)
                if not ended:
                    continue
                left.remove(place)
                error = job.exception()
                if isinstance(error, lost) and batch.runs and tries < TRIES:
                    tell(f"job {job.job_id} was lost: it is submitted again")
                    left.append((batch, executor.submit(batch), tries + 1))
                    continue
                if batch.runs and progress.succeeded == 0:
                    raise InputError(_why(job, error))
                for run in batch.runs:
                    failed.append(run)
                    progress.report(run)
    finally:
        for _, job, _ in left:
            job.cancel(check=False)
    return failed


def _why(job: Any, error: Exception | None) -> str:
    said = job.result() if error is None else str(error).strip().splitlines()[-1]
    return f"{said}\nThe output of job {job.job_id} is in {job.paths.stdout}"
