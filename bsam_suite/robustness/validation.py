"""One more validation of a trained network."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from typing import Any

import torch
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.runner import Runner
from mmengine.runner.amp import autocast

from bsam_suite.robustness.calibration import Calibration


@torch.no_grad()
def validate(runner: Runner, batches: Iterable, calibration: bool = False) -> dict[str, float]:
    """The metrics of ``runner.model`` as it is, by a new evaluator, which writes no files.

    Args:
        batches: those of the validation data, or the same ones disturbed.
        calibration: whether to add :class:`Calibration`'s metrics, where predictions are dicts with
            ``scores`` and ``label``.
    """
    loop: Any = runner.val_loop
    model: Any = runner.model
    evaluator = _evaluator(runner)
    for batch in batches:
        with autocast(enabled=getattr(loop, "fp16", False)):
            outputs = model.val_step(batch)
        if calibration and _has_probabilities(outputs[0]):
            evaluator.metrics.append(Calibration())
        calibration = False
        evaluator.process(outputs, batch)
    with redirect_stdout(io.StringIO()):  # pycocotools prints a table each time
        return evaluator.evaluate(len(loop.dataloader.dataset))


def _evaluator(runner: Runner) -> Evaluator:
    evaluator = runner.build_evaluator(copy.deepcopy(runner.cfg.val_evaluator))
    evaluator.metrics = [m for m in evaluator.metrics if not isinstance(m, DumpResults)]
    for metric in evaluator.metrics:
        if hasattr(metric, "outfile_prefix"):
            metric.outfile_prefix = None  # MMPose's metrics write their results there
    meta = getattr(runner.val_loop.dataloader.dataset, "metainfo", None)  # type: ignore[union-attr]
    evaluator.dataset_meta = copy.deepcopy(meta)
    return evaluator


def _has_probabilities(output: object) -> bool:
    return isinstance(output, Mapping) and "scores" in output and "label" in output
