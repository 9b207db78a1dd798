"""Make the runs, one or several at a time."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import connection
from pathlib import Path

import torch

from bsam_suite.compare.plan import Run
from bsam_suite.compare.progress import Progress
from bsam_suite.compare.worker import LOG, work
from bsam_suite.engine.folder_lock import lock_folder
from bsam_suite.engine.launch import train
from bsam_suite.errors import InputError


def run_all(runs: Sequence[Run], jobs: int, out: Path) -> list[Run]:
    """Make the ``runs`` that are not finished; a stopped one is resumed from its checkpoint.

    Prints a line for each and the time left. The output of a run is written to ``LOG`` in its
    folder.

    Args:
        jobs: number of runs at a time. Each uses one GPU, if there are any, and its share of cores.

    Returns:
        The runs that failed.

    Raises:
        InputError: a run fails before any has finished, or another comparison uses ``out``.
    """
    waiting = [run for run in runs if not run.done]
    progress = Progress(runs, waiting)
    running: dict[int, tuple[Run, multiprocessing.process.BaseProcess]] = {}
    failed: list[Run] = []
    if not lock_folder(out):
        raise InputError(
            f"another comparison uses {out}: wait for it, or give another folder by --out"
        )
    try:
        while waiting or running:
            for slot in range(jobs):
                if waiting and slot not in running:
                    run = waiting.pop(0)
                    running[slot] = run, _start(run, slot, jobs)
            connection.wait([process.sentinel for _, process in running.values()])
            for slot, (run, process) in list(running.items()):
                if process.exitcode is None:
                    continue
                del running[slot]
                if not run.done:
                    failed.append(run)
                    if progress.succeeded == 0:
                        raise InputError(f"{run.name} failed: {_last_line(run)}")
                progress.report(run)
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()
    return failed


def _start(run: Run, slot: int, jobs: int) -> multiprocessing.process.BaseProcess:
    run.folder.mkdir(parents=True, exist_ok=True)
    run.write_config()
    # The server imports everything once and forks a process for each run, which saves seconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__, train.__module__, *run.imports])
    threads = max(1, torch.get_num_threads() // jobs)
    arguments = (run.config, run.folder, run.seed, _device(slot), threads)
    process = context.Process(target=work, args=arguments)
    process.start()
    return process


def _device(slot: int) -> str | None:
    if not torch.cuda.is_available():
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = visible.split(",") if visible else range(torch.cuda.device_count())
    return str(devices[slot % len(devices)])


def _last_line(run: Run) -> str:
    lines = (run.folder / LOG).read_text().strip().splitlines() or ["(nothing printed)"]
    return f"{lines[-1]}\nIts whole output is in {run.folder / LOG}"
