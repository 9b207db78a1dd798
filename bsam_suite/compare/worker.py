"""One run in a process of its own."""

from __future__ import annotations

import os
import sys
import threading
from multiprocessing import connection, parent_process
from pathlib import Path

import torch

from bsam_suite.atomic_write import write_text
from bsam_suite.commands import train
from bsam_suite.errors import Diverged

LOG, DIVERGED = "log.txt", "diverged.txt"


def work(config: Path, folder: Path, seed: int, device: str | None, threads: int) -> None:
    """Train ``config`` from the last checkpoint in ``folder``; a failure ends the process.

    Args:
        folder: of the run. The output is written to ``LOG`` in it, and why it diverged, if it did,
            to ``DIVERGED``.
        device: the GPU, as in ``CUDA_VISIBLE_DEVICES``; None without a GPU.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with (folder / LOG).open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    torch.set_num_threads(threads)
    try:
        train([str(config), f"--work-dir={folder}", "--resume=auto", f"--seed={seed}"])
    except SystemExit as end:
        if isinstance(end.__context__, (Diverged, FloatingPointError)):
            write_text(folder / DIVERGED, str(end.__context__))
        raise


def _end_with_parent() -> None:
    """End this run when the comparison ends, even if it is killed."""
    parent = parent_process()
    connection.wait([parent.sentinel] if parent else [])
    os._exit(1)
