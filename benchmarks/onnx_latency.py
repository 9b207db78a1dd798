"""Latency of ONNX Runtime with a quantized network against the float one, on the CPU.

    python benchmarks/onnx_latency.py --model resnet18
    python benchmarks/onnx_latency.py float.onnx int8.onnx

Without files the weights are random, because latency does not depend on them. In each round all run
twice in turn, in one process, and the second run is timed. Printed are the median and the quartiles
of the rounds' ratios. A session's threads stop spinning when its run ends, so that they do not slow
the next one.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from timing import interleaved_times, milliseconds, processor, ratio
from torch import nn
from torchvision.models import resnet18

from bsam_suite.onnx.trace import trace
from bsam_suite.quantization import calibrate, export_onnx, quantize
from tasks.classification.resnet import CIFARResNet18

NETS = {"resnet18": (resnet18, 224), "digits": (lambda: CIFARResNet18(10, width=16), 16)}
"""Networks, and height and width of their input in pixels."""


def export_models(build, size: int, bits: int, folder: Path) -> dict[str, Path]:
    """The network as ONNX, in float and in both forms with integers."""
    torch.manual_seed(0)
    images = torch.randn(16, 3, size, size)
    model = with_statistics(build(), images)
    made = {"float": folder / "float.onnx"}
    onnx.save(trace(model, images[:2], made["float"]), made["float"])
    lsq = dict(type="LSQ", bit_width=bits)
    quantized = quantize(model, dict(lsq, per_channel=True), lsq).eval()
    calibrate(quantized, [images])
    for form in ("exact", "fast"):
        made[form] = export_onnx(quantized, images, folder / f"{form}.onnx", form)
    return made


def with_statistics(model: nn.Module, images: torch.Tensor) -> nn.Module:
    """``model`` in evaluation mode, its batch norms with the statistics of ``images``."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(images)
    return model.eval()


def session(file: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="exported files, the float one first")
    parser.add_argument("--model", choices=NETS, default="resnet18")
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = {file.name: file for file in args.files}
        made = made or export_models(*NETS[args.model], args.bits, Path(folder))
        runs = {name: session(file, args.threads) for name, file in made.items()}
    shape = next(iter(runs.values())).get_inputs()[0].shape[1:]
    images = np.random.default_rng(0).standard_normal((args.batch, *shape), np.float32)

    functions = {
        name: partial(run.run, None, {run.get_inputs()[0].name: images})
        for name, run in runs.items()
    }
    times = interleaved_times(functions, args.rounds)

    what = "" if args.files else f"{args.model} W{args.bits}A{args.bits}, "
    print(
        f"{what}{'x'.join(map(str, shape))}, batch {args.batch}, {processor()}, {args.threads} "
        f"threads, ONNX Runtime {onnxruntime.__version__}, {args.rounds} rounds"
    )
    width, first = max(map(len, times)) + 2, next(iter(times))
    print(f"{'':<{width}}{'median':<12}{first} / it (quartiles)")
    for name, seconds in times.items():
        print(f"{name:<{width}}{milliseconds(seconds, 3):<12}{ratio(times[first], seconds)}")


if __name__ == "__main__":
    main()
