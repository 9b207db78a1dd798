"""Time and memory of a sharpness-aware step.

    python benchmarks/step.py --model resnet18 --batch 16

Time is divided by the lower limit of an exact method: as many plain passes and one base step. In
each round all run twice in turn, in one process that keeps its memory, as tools/train.py does, and
the second is timed. Printed are the median and the quartiles of the rounds' ratios. Peak memory is
the difference to plain training, in copies of the parameters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import pytorch_optimizer
import torch
from models import IMAGE, build
from peak_memory import peak_memory
from published_bsam import PublishedBSAM
from timing import interleaved_times, milliseconds, ratio
from torch import Tensor, nn

from bsam_suite.engine import RULES
from bsam_suite.engine.malloc import keep_freed_memory
from bsam_suite.optim import SharpnessOptimizer

BASE = dict(lr=1e-4, momentum=0.9)
Step = Callable[[], object]


def passes_and_step(
    model: nn.Module, loss: Callable[[], Tensor], passes: int, base: dict = BASE
) -> Step:
    """``passes`` plain forwards and backwards, then one step of SGD."""
    optimizer = torch.optim.SGD(model.parameters(), **base)
    closure = _closure(optimizer, loss)
    return _ending_clean(optimizer, lambda: ([closure() for _ in range(passes)], optimizer.step()))


def rule_step(model: nn.Module, loss: Callable[[], Tensor], rule: str, base: dict = BASE) -> Step:
    """A step of ours."""
    optimizer = SharpnessOptimizer(
        model.parameters(), torch.optim.SGD, RULES.build(dict(type=rule)), model=model, **base
    )
    return _ending_clean(optimizer, lambda: optimizer.step(_closure(optimizer, loss)))


def published_step(model: nn.Module, loss: Callable[[], Tensor]) -> Step:
    base = torch.optim.SGD(model.parameters(), **BASE)
    published = PublishedBSAM(base)
    return _ending_clean(base, lambda: published.step(_closure(base, loss)))


def peer_step(model: nn.Module, loss: Callable[[], Tensor]) -> Step:
    peer = pytorch_optimizer.SAM(model.parameters(), torch.optim.SGD, **BASE)
    closure = _closure(peer, loss)
    return _ending_clean(peer, lambda: (closure(), peer.step(closure)))


def _closure(optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return closure


def _ending_clean(optimizer: torch.optim.Optimizer, step: Step) -> Step:
    """``step`` without gradients at the end, because all share one model."""
    return lambda: (step(), optimizer.zero_grad())


def named_steps(model: nn.Module, loss: Callable[[], Tensor], rules: list[str]) -> dict[str, Step]:
    steps = {name: rule_step(model, loss, name) for name in rules}
    steps["BSAM as published"] = published_step(model, loss)
    steps["SAM of pytorch_optimizer"] = peer_step(model, loss)
    return steps


def count_passes(model: nn.Module, step: Step) -> int:
    """How often a step runs the model."""
    calls = []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    step()
    handle.remove()
    return len(calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=IMAGE, default="resnet18")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--rules", nargs="+", choices=sorted(RULES.module_dict), default=["BSAM", "SAM"]
    )
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    keep_freed_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, loss = build(args.model, args.batch, device)
    steps = named_steps(model, loss, args.rules)
    passes = {name: count_passes(model, step) for name, step in steps.items()}
    limits = {n: passes_and_step(model, loss, n) for n in sorted(set(passes.values()))}
    times = interleaved_times(limits | steps, args.rounds)
    # Measured in first steps, which allocate all that is kept from step to step.
    plain = peak_memory(passes_and_step(model, loss, 1), device)
    fresh = named_steps(model, loss, args.rules)
    copy = sum(p.numel() * p.element_size() for p in model.parameters())

    height, width = IMAGE[args.model]
    kind = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} cores"
    print(f"{args.model} {height}x{width}, batch {args.batch}, {kind}, SGD, {args.rounds} rounds")
    for n in limits:
        print(f"limit of {n} passes: {milliseconds(times[n])}")
    print(f"{'':<26}{'time / limit (quartiles)':<30}extra memory")
    for name in steps:
        extra = (peak_memory(fresh[name], device) - plain) / copy
        over = ratio(times[name], times[passes[name]], digits=3)
        print(f"{name:<26}{over:<30}{extra:.2f} copies")


if __name__ == "__main__":
    main()
