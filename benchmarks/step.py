"""Time of a sharpness-aware step over its limit: as many plain passes and one base step.

Both are run in turn in one process; printed are the median and the spread of the pairs' ratios.

    python benchmarks/step.py --model resnet18 --batch 16 --rule BSAM
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from rich.progress import track
from torch import nn

from bsam_suite.engine import RULES
from bsam_suite.optim import SharpnessOptimizer

SIZES = {"resnet18": 32, "resnet50": 64, "vit_b_16": 224}
"""Models of torchvision and the side of their square input in pixels."""


def loss_of(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    return loss


def plain(model, batch, passes: int) -> Callable[[], None]:
    """``passes`` forwards and backwards, then one step of SGD: the limit of an exact method."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        for _ in range(passes):
            optimizer.zero_grad()
            loss_of(model, *batch)
        optimizer.step()

    return step


def sharpness_aware(model, batch, rule: str) -> Callable[[], None]:
    """One step of ``rule`` over SGD."""
    rule = RULES.build(dict(type=rule))
    optimizer = SharpnessOptimizer(
        model.parameters(), torch.optim.SGD, rule, model=model, lr=1e-3, momentum=0.9
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        return loss_of(model, *batch)

    return lambda: optimizer.step(closure)


def count_passes(model, batch, rule: str) -> int:
    """How often a step of ``rule`` runs the model."""
    calls = []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    sharpness_aware(model, batch, rule)()
    handle.remove()
    return len(calls)


def seconds(step: Callable[[], None], device: str) -> float:
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=SIZES, default="resnet18")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rule", choices=sorted(RULES.module_dict), default="BSAM")
    parser.add_argument("--pairs", type=int, default=20)
    args = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    models = [getattr(torchvision.models, args.model)().to(device) for _ in range(2)]
    side = SIZES[args.model]
    images = torch.randn(args.batch, 3, side, side, device=device)
    batch = images, torch.randint(1000, (args.batch,), device=device)
    passes = count_passes(models[0], batch, args.rule)
    steps = plain(models[0], batch, passes), sharpness_aware(models[1], batch, args.rule)
    for step in steps * 2:
        step()
    limits, ratios = [], []
    for _ in track(range(args.pairs), "pairs", transient=True):
        limit, ours = (seconds(step, device) for step in steps)
        limits.append(limit)
        ratios.append(ours / limit)
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"{args.model} {side}x{side}, batch {args.batch}, {args.rule}, {device}")
    print(f"limit: {passes} passes and a step of SGD, {statistics.median(limits) * 1e3:.1f} ms")
    print(f"step / limit: {statistics.median(ratios):.3f} (quartiles {low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
