"""Evaluate a model in float, quantized after training at each width, and as trained quantized."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from mmengine.registry import MODELS
from rich.progress import Progress
from torch import nn

from bsam_suite.engine.checkpoint import load_weights
from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.html_report import write_report
from bsam_suite.progress import progress_bar
from bsam_suite.quantization import layer_bits, quantize
from bsam_suite.quantization.calibration import run
from bsam_suite.quantization.layers import quantized_layers
from bsam_suite.quantization.learned_rounding import check_up_or_down
from bsam_suite.quiet import tell
from tasks.quantization.evaluate.cost import bit_operations, count_macs, size_bytes
from tasks.quantization.evaluate.page import page
from tasks.quantization.evaluate.post_training import quantize_after_training
from tasks.quantization.evaluate.report import Row, draw, print_table, save
from tasks.quantization.evaluate.request import Request
from tasks.quantization.evaluate.sources import Sources, load_sources
from tasks.quantization.evaluate.tester import Tester, batch_size


@dataclass
class Results:
    """Rows, what is to be told with them, the files they were written to, and where the page is."""

    rows: list[Row]
    notes: list[str]
    json: Path
    plot: Path
    report: str

    def print(self) -> None:
        """Print the table, the notes and where the files are."""
        print_table(self.rows)
        for note in self.notes:
            tell(f"Note: {note}")
        tell(f"Results: {self.json}", f"Plot: {self.plot}", self.report)


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
        jobs = _jobs(request, sources, tester, bar)
        batches = tester.training_batches(request.calibration_batches)
        macs, uncounted = _macs(tester.model, batches[0])
        bar.update(task, total=tester.test_batch_count() * len(jobs))
        rows = []
        for (method, *bits), build in jobs.items():
            bar.update(task, description=f"{method} {'/'.join(map(str, bits))}")
            model = build(batches)
            metrics = tester.metrics(model)
            operations = bit_operations(model, macs)
            rows.append(Row(method, *bits, metrics, size_bytes(model), operations))
    notes = [*sources.notes, *uncounted]
    folder.mkdir(parents=True, exist_ok=True)
    about = dict(
        command=request.command_line,
        config=request.config,
        checkpoint=request.checkpoint,
        cfg_options=request.cfg_options or {},
        weight_type=request.weight_type,
        activation_type=request.activation_type,
        calibration_batches=request.calibration_batches,
        rounding=request.rounding,
        rounding_steps=request.rounding_steps if request.rounding == "learned" else 0,
        conversion=sources.conversion,
        macs=sum(macs.values()),
        seed=tester.seed,
        notes=notes,
    )
    json, plot = save(rows, about, folder), draw(rows, folder)
    report = write_report(page(rows, about), folder / "quantized.html")
    return Results(rows, notes, json, plot, report)


def _jobs(
    request: Request, sources: Sources, tester: Tester, bar: Progress
) -> dict[tuple[str, int, int], Callable[[list], nn.Module]]:
    """What builds the model of each row from calibration batches, by method and bits.

    All that can be checked has been.
    """
    jobs: dict[tuple[str, int, int], Callable[[list], nn.Module]] = {}
    model, steps = tester.model, request.rounding_steps

    def quantization(bits: int) -> dict:
        return {**request.quantization(bits), **sources.conversion}

    def convert(batches: list, bits: int) -> nn.Module:
        given = model, quantization(bits), batches
        if request.rounding == "nearest":
            return quantize_after_training(*given)
        task = bar.add_task(f"rounding for {bits}/{bits}", total=steps * layers)
        found = quantize_after_training(*given, "learned", steps, partial(bar.advance, task))
        bar.remove_task(task)
        return found

    if sources.float_weights is not None:
        _load(model, sources.float_weights, sources.float_path)
        tried = quantize(model, **quantization(request.bits[0]))  # what cannot be, shows now
        layers = len(quantized_layers(tried))
        if request.rounding == "learned":
            check_up_or_down(tried)
        jobs["float", 32, 32] = lambda _: model
        for bits in request.bits:
            jobs["PTQ", bits, bits] = partial(convert, bits=bits)
    if sources.quantized is not None:
        trained = MODELS.build(sources.quantized).to(tester.device)
        _load(trained, sources.quantized_weights, sources.quantized_path)
        own = sources.quantized["quantization"]
        activation = (own.get("activation") or {}).get("bit_width", 32)
        jobs["QAT", own["weight"]["bit_width"], activation] = lambda _: trained
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
