"""Make the runs, one or several at a time."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import connection
from typing import Any

import torch

from bsam_suite.compare.plan import Run
from bsam_suite.compare.progress import Progress
from bsam_suite.compare.record import Record, code_hash, curves, machine
from bsam_suite.compare.worker import DIVERGED, LOG, work
from bsam_suite.engine.launch import train
from bsam_suite.engine.summary import METRICS
from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json

GRACE = 10.0
"""Seconds that a run has to save when the comparison is stopped."""


def run_all(runs: Sequence[Run], jobs: int, metric: str | None) -> list[Run]:
    """Make the ``runs`` that are not finished; a stopped one is resumed from its checkpoint.

    Prints a line for each and the time left. The output of a run is written to ``LOG`` in its
    folder, and its record where the run says.

    Args:
        jobs: number of runs at a time. Each uses one GPU, if there are any, and its share of cores.
        metric: that all are to have; None for whatever they have.

    Returns:
        The runs that failed.

    Raises:
        InputError: a run fails before any has finished, or has no such metric.
    """
    for run in runs:
        if not run.done:
            write_record(run, metric)  # it ended, and the comparison before it was recorded
    waiting = [run for run in runs if not run.done]
    progress = Progress(runs, waiting)
    running: dict[int, tuple[Run, multiprocessing.process.BaseProcess]] = {}
    failed: list[Run] = []
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
                if not write_record(run, metric):
                    failed.append(run)
                    if progress.succeeded == 0:
                        raise InputError(f"{run.name} failed: {_last_line(run)}")
                progress.report(run)
    finally:
        for _, process in running.values():
            process.terminate()  # it saves after its step
        for _, process in running.values():
            process.join(GRACE)
            process.kill()  # in a validation; its last checkpoint is whole
            process.join()
    return failed


def write_record(run: Run, metric: str | None) -> bool:
    """Keep what came out of a run, if it has ended: also that it diverged.

    Raises:
        InputError: its results are damaged, or do not have ``metric``.
    """
    ended, diverged = run.folder / METRICS, run.folder / DIVERGED
    if not (ended.is_file() or diverged.is_file()):
        return False
    found: dict[str, Any] = dict(passes_per_step=1, seconds=0.0, measures={})
    if ended.is_file():
        try:
            found = read_json(ended)
        except InputError as error:
            raise InputError(f"{error}: delete {ended} to make the run again") from error
    epochs = run.training.cfg.train_cfg.max_epochs
    last = {name: {epochs: value} for name, value in found.get("metrics", {}).items()}
    if ended.is_file() and metric is not None and metric not in last:
        raise InputError(f"metric {metric}: runs have {', '.join(last) or 'no validation'}")
    record = Record(
        run.cell,
        run.method,
        dict(run.chosen),
        run.part,
        run.seed,
        epochs,
        epochs * found["passes_per_step"],
        found["seconds"],
        {name: {**curves(run.folder).get(name, {}), **curve} for name, curve in last.items()},
        found["measures"],
        None if ended.is_file() else diverged.read_text(),
        run.training.hash,
        code_hash(),
        machine(),
    )
    record.write(run.record_file)
    return True


def _start(run: Run, slot: int, jobs: int) -> multiprocessing.process.BaseProcess:
    run.folder.mkdir(parents=True, exist_ok=True)
    run.write_config()
    # The server imports everything once and forks a process for each run, which saves seconds.
    context = multiprocessing.get_context("forkserver")
    imports = run.training.cfg.get("custom_imports", {}).get("imports", [])
    context.set_forkserver_preload([work.__module__, train.__module__, *imports])
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
