"""A step over its limit on a GPU: models, batches, precisions, fused and compiled.

    python benchmarks/gpu_step.py OUT

As ``step.py``, for many cases in one process, the most telling first. ``/limit`` is the time over
that of as many plain passes and one step of the same SGD; ``copies`` is the peak memory over plain
training's, in copies of the parameters. float32 is PyTorch's default: TF32 in convolutions only.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from gpu_report import Setting, setting
from models import build
from peak_memory import peak_memory
from step import BASE, Step, passes_and_step, peer_step, published_step, rule_step
from timing import interleaved_times
from torch import Tensor, nn

FUSED = dict(BASE, fused=True)


class Case(NamedTuple):
    model: str
    batch: int
    precision: str
    peers: bool = False
    """Whether other implementations and an SGD that is not fused are timed, too."""
    compiled: bool = False


CASES = [
    Case("resnet18", 16, "float32", peers=True),
    Case("resnet18", 512, "float32"),
    Case("vit_s", 8, "bfloat16", peers=True),
    Case("resnet50", 64, "bfloat16"),
    Case("hrnet_w32", 8, "bfloat16"),
    Case("vit_s", 128, "bfloat16"),
    Case("hrnet_w32", 64, "bfloat16"),
    Case("resnet50", 8, "float32", peers=True),
    Case("vit_s", 8, "bfloat16", compiled=True),
    Case("resnet18", 16, "float32", compiled=True),
    Case("resnet50", 64, "float32"),
    Case("resnet18", 512, "bfloat16"),
    Case("hrnet_w32", 64, "float32"),
]
TINY = [Case("tiny", 2, "bfloat16", peers=True), Case("tiny", 2, "float32", compiled=True)]
SECONDS = 5.0
"""Of the rounds of a case, of which there are at least 5 and at most 20."""


def steps_of(case: Case, model: nn.Module, loss: Callable[[], Tensor]) -> dict[str, Step]:
    """The steps to time, by name; the limits' names begin with the number of their passes."""
    steps = {
        "3 passes, fused": passes_and_step(model, loss, 3, FUSED),
        "2 passes, fused": passes_and_step(model, loss, 2, FUSED),
        "BSAM, fused": rule_step(model, loss, "BSAM", FUSED),
        "SAM, fused": rule_step(model, loss, "SAM", FUSED),
    }
    if case.peers:
        steps |= {
            "3 passes": passes_and_step(model, loss, 3),
            "2 passes": passes_and_step(model, loss, 2),
            "BSAM": rule_step(model, loss, "BSAM"),
            "SAM": rule_step(model, loss, "SAM"),
            "BSAM as published": published_step(model, loss),
            "SAM of pytorch_optimizer": peer_step(model, loss),
        }
    return steps


def limit_of(name: str, fused: bool) -> str:
    passes = name[0] if name[0].isdigit() else 3 if "BSAM" in name else 2
    return f"{passes} passes{', fused' if fused else ''}"


def prepared(case: Case, where: Setting) -> tuple[nn.Module, Callable[[], Tensor]]:
    model, plain = build(case.model, case.batch, where.device)
    if case.compiled:
        model.compile(backend="eager" if where.tiny else "inductor")

    def loss() -> Tensor:
        low = case.precision == "bfloat16"
        with torch.autocast(where.device, torch.bfloat16, enabled=low):
            return plain()

    return model, loss


def rows_of(case: Case, where: Setting) -> list[dict]:
    model, loss = prepared(case, where)
    start = time.perf_counter()
    loss().backward()
    first = time.perf_counter() - start
    steps = steps_of(case, model, loss)
    for step in steps.values():
        step()
    graphs = compiled_graphs()
    start = time.perf_counter()
    for step in steps.values():
        step()
    if where.device == "cuda":
        torch.cuda.synchronize()
    rounds = int(SECONDS / 2 / (time.perf_counter() - start))
    times = interleaved_times(steps, 2 if where.tiny else min(20, max(5, rounds)))
    plain = peak_memory(passes_and_step(model, loss, 1, FUSED), where.device)
    copy = sum(p.numel() * p.element_size() for p in model.parameters())
    fresh = steps_of(case, model, loss)
    rows = []
    for name, seconds in times.items():
        limit = times[limit_of(name, name.endswith("fused"))]
        low, middle, high = statistics.quantiles([a / b for a, b in zip(seconds, limit)], n=4)
        extra = (peak_memory(fresh[name], where.device) - plain) / copy
        rows.append(
            {
                "step": name,
                "ms": round(statistics.median(seconds) * 1e3, 3),
                "/limit": round(middle, 4),
                "quartiles": f"{low:.3f} to {high:.3f}",
                "copies": round(extra, 2),
                "rounds": len(seconds),
            }
        )
    if case.compiled:
        again = compiled_graphs() - graphs
        print(f"compiled in {first:.0f} s; graphs compiled again at moved weights: {again}")
    return rows


def compiled_graphs() -> int:
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def main() -> None:
    where = setting(__doc__)
    begin = time.perf_counter()
    for case in TINY if where.tiny else CASES:
        if time.perf_counter() - begin > where.seconds:
            print(f"left out, the time being over: {case}")
            continue
        compiled = ", compiled" if case.compiled else ""
        title = f"{case.model}, batch {case.batch}, {case.precision}{compiled}, SGD"
        try:
            where.report("step", title, rows_of(case, where))
        except Exception as error:  # the other cases are still wanted
            print(f"\n{title}\nFAILED: {type(error).__name__}: {error}", flush=True)
        if where.device == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
