"""What came out of a training run: printed, and kept in the work directory."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from pathlib import Path

from mmengine.runner import Runner

from bsam_suite.files import write_text

METRICS = "metrics.json"


def summarize(runner: Runner, args: Namespace) -> None:
    """Print metrics, checkpoint and next command; write ``METRICS`` to the work directory."""
    scalars = runner.message_hub.log_scalars
    metrics = {k[4:]: v.current() for k, v in scalars.items() if k.startswith("val/")}
    metrics = {k: v for k, v in metrics.items() if k not in ("time", "data_time")}
    last = Path(runner.work_dir) / "last_checkpoint"
    checkpoint = _shorter(last.read_text().strip()) if last.is_file() else None
    print("\n" + table(metrics))
    _write_metrics(runner, metrics)
    curves = Path(_shorter(runner.work_dir)) / "curves.png"
    if curves.is_file():
        print(f"Curves: {curves}")
    if checkpoint:
        options = " ".join(f"{k}={v}" for k, v in (args.cfg_options or {}).items())
        print(f"Checkpoint: {checkpoint}")
        print(f"Next: python tools/test.py {args.config} {checkpoint}", end="")
        print(f" --cfg-options {options}" if options else "")


def _write_metrics(runner: Runner, metrics: dict[str, float]) -> None:
    """``WORK_DIR/metrics.json``: the last validation, and what training took."""
    seconds = runner.message_hub.get_scalar("train/time").data[0]
    content = dict(metrics=metrics, iterations=runner.iter, seconds=float(seconds.sum()))
    file = Path(runner.work_dir) / METRICS
    write_text(file, json.dumps(content, indent=2) + "\n")


def _shorter(path: str) -> str:
    """``path`` as seen from the current folder, where it lies in it."""
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else path


def table(metrics: dict) -> str:
    """A line for each metric."""
    return "\n".join(f"{name:<16} {value:.4f}" for name, value in metrics.items())
