"""What a step makes the host wait for, by rule, face and base optimizer.

    python benchmarks/gpu_reads.py OUT

``waits`` counts what PyTorch's synchronization check finds in one step of a small network, with
the lines that cause it; ``reads`` counts scalars read by the host, and ``stream waits`` calls of
CUDA that wait, as the profiler sees them. On a CPU there are reads alone.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from gpu_report import setting
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from bsam_suite.engine import RULES, SharpnessOptimWrapper
from bsam_suite.optim import SharpnessOptimizer

ROOT = Path(__file__).parents[1]
WAITING = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


class Net(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: Tensor, y: Tensor, mode: str = "tensor") -> dict[str, Tensor]:
        return dict(loss=(self.net(x).squeeze(-1) - y).square().mean())


def plain(net: Net, rule: dict, base: str, data: dict, **kwargs) -> Callable[[], object]:
    optimizer = SharpnessOptimizer(
        net.parameters(), getattr(torch.optim, base), RULES.build(rule), model=net, **kwargs
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = net(**data)["loss"]
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


def wrapper(net: Net, rule: dict, base: str, data: dict, **kwargs) -> Callable[[], object]:
    optimizer = getattr(torch.optim, base)(net.parameters(), **kwargs)
    wrapped = SharpnessOptimWrapper(optimizer, rule)
    return lambda: net.train_step(data, wrapped)


@contextmanager
def found_waits(device: str) -> Iterator[list[str]]:
    """Where the host waits for the GPU inside, as ``FILE:LINE``."""
    places: list[str] = []
    if device != "cuda":
        yield places
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode("default")
    for w in caught:
        if "called a synchronizing" in str(w.message):
            path = Path(w.filename)
            near = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
            places.append(f"{near}:{w.lineno}")


def row(rule: str, face: Callable, base: str, fused: bool, device: str) -> dict:
    torch.manual_seed(0)
    net = Net().to(device)
    data = dict(x=torch.randn(16, 5, device=device), y=torch.randn(16, device=device))
    kind = dict(type="BSAM", start="released") if rule == "released" else dict(type=rule)
    momentum = dict(momentum=0.9) if base == "SGD" else {}  # which Momentum-SAM looks along
    step = face(net, kind, base, data, lr=0.01, fused=fused, **momentum)
    for _ in range(3):  # what is kept comes into being
        step()
    with found_waits(device) as places:
        step()
    cuda = [ProfilerActivity.CUDA] if device == "cuda" else []
    with profile(activities=[ProfilerActivity.CPU, *cuda]) as profiler:
        step()
    calls = Counter({e.key: e.count for e in profiler.key_averages()})
    return {
        "rule": rule,
        "face": face.__name__,
        "base": base + (", fused" if fused else ""),
        "waits": len(places),
        "reads": calls["aten::_local_scalar_dense"],
        "stream waits": sum(calls[name] for name in WAITING),
        "where": " ".join(f"{place} x{n}" for place, n in Counter(places).items()),
    }


def main() -> None:
    where = setting(__doc__)
    rules = ["BSAM"] if where.tiny else [*sorted(RULES.module_dict), "released"]
    rows = [
        row(rule, face, base, fused, where.device)
        for rule in rules
        for face in (plain, wrapper)
        for base, fused in (("SGD", False), ("SGD", True), ("Adam", True))
    ]
    where.report("reads", "Waits of the host in one step", rows)


if __name__ == "__main__":
    main()
