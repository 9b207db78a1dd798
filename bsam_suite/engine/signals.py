"""The processes that load a run's data, and the signals that end it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.registry import FUNCTIONS

from bsam_suite.errors import InputError

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def held_back() -> Iterator[None]:
    """Let :data:`SIGNALS` wait while data loader's workers are started, until these are ready."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@FUNCTIONS.register_module()
def start_worker(worker_id: int) -> None:
    """Let the signals pass by a data loader's worker, which the run needs until it has saved.

    Terminals and schedulers send them to all processes of a run. Only a SIGTERM of the run's own
    process ends the worker. Its random numbers come with each batch.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    threading.Thread(target=_end_by_parent, daemon=True).start()


@contextmanager
def report_dead_workers() -> Iterator[None]:
    """Turn the error for a data loader's worker that has died into one line.

    Raises:
        InputError: for such an error. Other errors are not changed.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):
            raise
        raise InputError(
            f"a process that loads data has died ({' '.join(str(error).split())}), as when memory "
            "is short: give fewer train_dataloader.num_workers; --resume auto goes on from the "
            "last checkpoint"
        ) from error


def _end_by_parent() -> None:
    while signal.sigwaitinfo([signal.SIGTERM]).si_pid != os.getppid():
        pass
    os._exit(0)
