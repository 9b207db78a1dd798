"""Time and memory of a sharpness-aware step.

    python benchmarks/step.py --model resnet18 --batch 16 --rules BSAM BSAM,k=5 LookSAM

Time is given over SGD's, and over the limit of an exact method: as many plain passes and base
steps. Rules that make further passes in each k-th step only are timed over k steps, of which the
first does. In each round all run twice in turn, in one process that keeps its memory, as
tools/train.py does, and the second is timed; printed are the median and the quartiles of the
rounds' ratios. Peak memory is given over plain training's, in copies of the parameters.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable

import pytorch_optimizer
import torch
from models import IMAGE, build
from peak_memory import peak_memory
from published_bsam import PublishedBSAM
from timing import interleaved_times, milliseconds, ratio
from torch import Tensor, nn

from bsam_suite.engine.malloc import keep_freed_memory
from bsam_suite.engine.registry import build_rule
from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.sharpness import Rule

BASE = dict(lr=1e-4, momentum=0.9)
Step = Callable[[], object]


def plain_steps(
    model: nn.Module, loss: Callable[[], Tensor], passes: int, steps: int = 1, base: dict = BASE
) -> Step:
    """``passes`` plain forwards and backwards, with ``steps`` of SGD after the last of them."""
    optimizer = torch.optim.SGD(model.parameters(), **base)
    closure = _closure(optimizer, loss)

    def run() -> None:
        for number in range(passes):
            closure()
            if passes - number <= steps:
                optimizer.step()

    return _ending_clean(optimizer, run)


def rule_steps(model: nn.Module, loss: Callable[[], Tensor], rule: Rule, base: dict = BASE) -> Step:
    """Steps of ours: as many as make further passes once."""
    optimizer = SharpnessOptimizer(model.parameters(), torch.optim.SGD, rule, model=model, **base)
    closure = _closure(optimizer, loss)
    return _ending_clean(optimizer, lambda: [optimizer.step(closure) for _ in range(rule.k or 1)])


def rule_of(text: str) -> Rule:
    """The rule of a word such as ``BSAM,k=5``."""
    name, *settings = text.split(",")
    pairs = (setting.split("=") for setting in settings)
    try:
        return build_rule(dict(type=name, **{key: ast.literal_eval(v) for key, v in pairs}))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: give a rule as BSAM or BSAM,k=5") from error


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


def named_steps(
    model: nn.Module, loss: Callable[[], Tensor], rules: dict[str, Rule]
) -> dict[str, Step]:
    steps = {name: rule_steps(model, loss, rule) for name, rule in rules.items()}
    steps["BSAM as published"] = published_step(model, loss)
    steps["SAM of pytorch_optimizer"] = peer_step(model, loss)
    return steps


def count_passes(model: nn.Module, step: Step) -> int:
    """How often ``step`` runs the model."""
    calls = []
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    step()
    handle.remove()
    return len(calls)


def twice(step: Step) -> Step:
    return lambda: (step(), step())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=IMAGE, default="resnet18")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--rules",
        nargs="+",
        default=["BSAM", "SAM"],
        metavar="RULE",
        help="such as BSAM or BSAM,k=5",
    )
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    keep_freed_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, loss = build(args.model, args.batch, device)
    rules = {text: rule_of(text) for text in args.rules}
    steps = named_steps(model, loss, rules)
    # Of each contestant how many passes and base steps one of its turns makes.
    counts = {
        name: (count_passes(model, step), getattr(rules.get(name), "k", None) or 1)
        for name, step in steps.items()
    }
    limits = {(p, n): plain_steps(model, loss, p, n) for p, n in sorted(set(counts.values()))}
    limits |= {(n, n): plain_steps(model, loss, n, n) for _, n in set(counts.values())}
    times = interleaved_times(limits | steps, args.rounds)
    # Of two turns from the start: in the first all that a contestant keeps comes into being.
    plain = peak_memory(plain_steps(model, loss, 2, 2), device)
    fresh = named_steps(model, loss, {text: rule_of(text) for text in args.rules})
    copy = sum(p.numel() * p.element_size() for p in model.parameters())

    height, width = IMAGE[args.model]
    kind = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} cores"
    print(f"{args.model} {height}x{width}, batch {args.batch}, {kind}, SGD, {args.rounds} rounds")
    for passes, n in limits:
        print(f"limit of {passes} passes, {n} steps: {milliseconds(times[passes, n])}")
    columns = f"{'time / SGD (quartiles)':<28}{'time / limit (quartiles)':<28}"
    print(f"{'':<26}{'passes':<8}{columns}extra memory")
    for name in steps:
        passes, n = counts[name]
        extra = (peak_memory(twice(fresh[name]), device) - plain) / copy
        over = [ratio(times[name], times[key], digits=3) for key in ((n, n), (passes, n))]
        print(f"{name:<26}{passes / n:<8.4g}{over[0]:<28}{over[1]:<28}{extra:.2f} copies")


if __name__ == "__main__":
    main()
