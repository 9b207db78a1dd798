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
from step import BASE, Step, peer_step, plain_steps, published_step, rule_of, rule_steps
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
    cheap: bool = False
    """Whether BSAM with k=5 is timed, too."""


CASES = [
    Case("resnet18", 16, "float32", peers=True, cheap=True),
    Case("resnet50", 64, "bfloat16", cheap=True),
    Case("hrnet_w32", 64, "bfloat16", cheap=True),
    Case("vit_s", 128, "bfloat16", cheap=True),
    Case("resnet18", 512, "float32"),
    Case("resnet18", 16, "float32", compiled=True),
    Case("vit_s", 8, "bfloat16", peers=True),
    Case("hrnet_w32", 8, "bfloat16"),
    Case("resnet50", 8, "float32", peers=True),
    Case("vit_s", 8, "bfloat16", compiled=True),
    Case("resnet50", 64, "float32"),
    Case("resnet18", 512, "bfloat16"),
    Case("hrnet_w32", 64, "float32"),
]
TINY = [
    Case("tiny", 2, "bfloat16", peers=True, cheap=True),
    Case("tiny", 2, "float32", compiled=True),
]
SECONDS = 4.0
"""Of the rounds of a case, of which there are at least 5 and at most 20."""


def steps_of(case: Case, model: nn.Module, loss: Callable[[], Tensor]) -> dict[str, Step]:
    """The steps to time, by name; the limits' names begin with the number of their passes."""
    steps = {
        "3 passes, fused": plain_steps(model, loss, 3, base=FUSED),
        "2 passes, fused": plain_steps(model, loss, 2, base=FUSED),
        "BSAM, fused": rule_steps(model, loss, rule_of("BSAM"), FUSED),
        "SAM, fused": rule_steps(model, loss, rule_of("SAM"), FUSED),
    }
    if case.cheap:
        steps |= {
            "5 passes, 5 steps, fused": plain_steps(model, loss, 5, 5, base=FUSED),
            "BSAM,k=5, 5 steps, fused": rule_steps(model, loss, rule_of("BSAM,k=5"), FUSED),
        }
    if case.peers:
        steps |= {
            "3 passes": plain_steps(model, loss, 3),
            "2 passes": plain_steps(model, loss, 2),
            "BSAM": rule_steps(model, loss, rule_of("BSAM")),
            "SAM": rule_steps(model, loss, rule_of("SAM")),
            "BSAM as published": published_step(model, loss),
            "SAM of pytorch_optimizer": peer_step(model, loss),
        }
    return steps


def limit_of(name: str) -> str:
    """What a step is divided by; the cheap form by as many plain steps."""
    _, comma, rest = name.partition(", ")
    passes = name[0] if name[0].isdigit() else 5 if "k=5" in name else 3 if "BSAM" in name else 2
    return f"{passes} passes{comma}{rest}"


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
    plain = peak_memory(plain_steps(model, loss, 1, base=FUSED), where.device)
    copy = sum(p.numel() * p.element_size() for p in model.parameters())
    fresh = steps_of(case, model, loss)
    rows = []
    for name, seconds in times.items():
        limit = times[limit_of(name)]
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
