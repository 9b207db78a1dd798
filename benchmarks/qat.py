"""Time of a step of quantization-aware training over that of the float network.

    python benchmarks/qat.py --batch 32

Compared are LSQ of tasks/quantization, LSQ as it is usually written, PyTorch's learnable fake
quantization and, where it is installed (`uv pip install brevitas`), Brevitas. In each round all
run twice in turn, in one process that keeps its memory, and the second step is timed; printed are
the median and the quartiles of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable

import torch
from qat_peers import brevitas, naive, torch_kernels
from rounds import milliseconds, ratio, times_in_turn
from torch import Tensor, nn
from torchvision.models import resnet18

from bsam_suite.engine.keep_memory import keep_memory
from tasks.quantization.calibrate import calibrate
from tasks.quantization.convert import quantize

Step = Callable[[], object]


def step(net: nn.Module, images: Tensor, labels: Tensor) -> Step:
    """A forward, a backward and a step of SGD."""
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9)

    def run() -> None:
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return run


def networks(bits: int, images: Tensor) -> dict[str, nn.Module]:
    torch.manual_seed(0)
    net = resnet18().to(images.device)
    ours = quantize(net, dict(type="LSQ", bits=bits, per_channel=True), dict(type="LSQ", bits=bits))
    calibrate(ours, [images])
    found = {
        "float": net,
        "tasks/quantization": ours,
        "LSQ as usual": naive(net, bits),
        "PyTorch's kernels": torch_kernels(net, bits),
    }
    if importlib.util.find_spec("brevitas"):
        found["Brevitas"] = brevitas(net, bits)
    return {name: net.to(images.device).train() for name, net in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--size", type=int, default=64, help="height and width in pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    keep_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    images = torch.randn(args.batch, 3, args.size, args.size, device=device)
    labels = torch.randint(1000, (args.batch,), device=device)
    steps = {n: step(net, images, labels) for n, net in networks(args.bits, images).items()}

    times = times_in_turn(steps, args.rounds)

    kind = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} cores"
    print(
        f"resnet18 {args.size}x{args.size}, batch {args.batch}, W{args.bits}A{args.bits}, {kind}, "
        f"SGD, {args.rounds} rounds"
    )
    print(f"{'':<20}{'median':<12}it / float (quartiles)")
    for name, seconds in times.items():
        print(f"{name:<20}{milliseconds(seconds):<12}{ratio(seconds, times['float'])}")


if __name__ == "__main__":
    main()
