"""Evaluate a model in float, quantized after training at each width, and as trained quantized."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from mmengine.registry import MODELS
from torch import nn

from bsam_suite.engine.checkpoint import load_weights
from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError
from bsam_suite.progress import progress_bar
from bsam_suite.quantization import calibrate, layer_bits, quantize
from bsam_suite.quantization.calibration import run
from tasks.quantization.evaluate.cost import bit_operations, count_macs, size_bytes
from tasks.quantization.evaluate.report import Row, draw, print_table, save
from tasks.quantization.evaluate.request import Request
from tasks.quantization.evaluate.sources import Sources, load_sources
from tasks.quantization.evaluate.tester import Tester, batch_size


@dataclass
class Results:
    """Rows, what is to be told with them, and the files they were written to."""

    rows: list[Row]
    notes: list[str]
    json: Path
    plot: Path

    def print(self) -> None:
        """Print the table, the notes and where the files are."""
        print_table(self.rows)
        for note in self.notes:
            print(f"Note: {note}")
        print(f"Results: {self.json}\nPlot: {self.plot}")


def evaluate(request: Request) -> Results:
    """Do what ``tools/eval_quantized.py`` was told.

    Raises:
        InputError: something given is not usable; nothing has been written.
    """
    beside = Path() if "://" in request.checkpoint else Path(request.checkpoint).parent
    folder = choose_out_dir(request.out, beside / "quantized")
    sources = load_sources(request)
    with tempfile.TemporaryDirectory() as logs, progress_bar() as bar:
        task = bar.add_task("preparing", total=None)
        tester = Tester(sources.cfg, logs, advance=partial(bar.advance, task))
        jobs = _jobs(request, sources, tester)
        batches = tester.training_batches(request.calibration_batches)
        if not batches:
            raise InputError(f"train_dataloader of {request.config} gives no batch to calibrate on")
        macs, uncounted = _macs(tester.model, batches[0])
        bar.update(task, total=tester.test_batch_count() * len(jobs))
        rows = []
        for (method, *bits), build in jobs.items():
            bar.update(task, description=f"{method} {'/'.join(map(str, bits))}")
            model = build()
            if method == "PTQ":
                calibrate(model, batches)
            metrics = tester.metrics(model)
            operations = bit_operations(model, macs)
            rows.append(Row(method, *bits, metrics, size_bytes(model), operations))
    notes = [*sources.notes, *uncounted]
    folder.mkdir(parents=True, exist_ok=True)
    about = dict(
        config=request.config,
        checkpoint=request.checkpoint,
        cfg_options=request.cfg_options or {},
        weight_type=request.weight_type,
        activation_type=request.activation_type,
        calibration_batches=request.calibration_batches,
        conversion=sources.conversion,
        macs=sum(macs.values()),
        notes=notes,
    )
    return Results(rows, notes, save(rows, about, folder), draw(rows, folder))


def _jobs(
    request: Request, sources: Sources, tester: Tester
) -> dict[tuple[str, int, int], Callable[[], nn.Module]]:
    """What builds the model of each row, by method and bits; all that can be checked has been."""
    jobs, model = {}, tester.model

    def convert(bits: int) -> nn.Module:
        return quantize(model, **request.quantization(bits), **sources.conversion)

    if sources.float_weights is not None:
        _load(model, sources.float_weights, sources.float_path)
        convert(request.bits[0])  # a layer that cannot be quantized shows now
        jobs["float", 32, 32] = lambda: model
        for bits in request.bits:
            jobs["PTQ", bits, bits] = partial(convert, bits)
    if sources.quantized is not None:
        trained = MODELS.build(sources.quantized).to(tester.device)
        _load(trained, sources.quantized_weights, sources.quantized_path)
        own = sources.quantized["quantization"]
        activation = (own.get("activation") or {}).get("bit_width", 32)
        jobs["QAT", own["weight"]["bit_width"], activation] = lambda: trained
    return jobs


def _load(model: nn.Module, checkpoint: dict, path: str) -> None:
    load_weights(model, checkpoint, path)
    model.eval()


def _macs(model: nn.Module, batch) -> tuple[dict[str, int], list[str]]:
    """Multiply-accumulates of each layer for one image, and a note of layers that do not count."""
    model.eval()
    with torch.no_grad():
        counts = count_macs(model, lambda: run(model, batch))
    left = [row.name for row in layer_bits(model) if row.name not in counts]
    notes = [f"bit operations leave out {', '.join(left)}"] if left else []
    return {name: macs // batch_size(batch) for name, macs in counts.items()}, notes
