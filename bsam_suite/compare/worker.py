"""One run in a process of its own."""

from __future__ import annotations

import os
import sys
import threading
from multiprocessing import connection, parent_process
from pathlib import Path

import torch

from bsam_suite.commands import train

LOG = "log.txt"


def work(config: Path, folder: Path, seed: int, device: str | None, threads: int) -> None:
    """Train by ``config``, from the last checkpoint in ``folder``; ends the process on failure.

    Args:
        config: config file.
        folder: of the run. What is printed goes to ``LOG`` in it.
        seed: of all chance.
        device: the GPU, as in ``CUDA_VISIBLE_DEVICES``; None where there is none.
        threads: of PyTorch on the CPU.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with (folder / LOG).open("a") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    torch.set_num_threads(threads)
    train([str(config), f"--work-dir={folder}", "--resume=auto", f"--seed={seed}"])


def _end_with_parent() -> None:
    """Whatever ends the comparison, SIGKILL included, leaves no run behind."""
    parent = parent_process()
    connection.wait([parent.sentinel] if parent else [])
    os._exit(1)
