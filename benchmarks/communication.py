"""What processes send each other in a step, counted beside the formulas of docs/scaling.md.

    python benchmarks/communication.py --processes 2 4

Starts gloo processes on this machine, trains a small network in each way, and counts what the
collectives of ten steps are given, from PyTorch's profiler. All columns are multiples of the bytes
of the weights. By ring algorithms a process sends 2 (N - 1) / N times the bytes of an all-reduce,
and (N - 1) / N times those of the whole tensor in an all-gather or a reduce-scatter.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from torch.profiler import ProfilerActivity, profile

from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.sharpness import ASAM, BSAM, GSAM, SAM, LookSAM, Rule

STEPS, WIDTH = 10, 200


@dataclass(frozen=True)
class Way:
    """A way to train.

    Attributes:
        vectors: as large as the weights, that an all-reduce sums in a step, on average.
        gathers: all-gathers of all weights, and ``scatters``: reduce-scatters.
    """

    name: str
    rule: Rule | None
    perturbation: str = "global"
    sharded: bool = False
    micro_batches: int = 1
    vectors: float = 0.0
    gathers: float = 0.0
    scatters: float = 0.0

    def sent(self, processes: int) -> float:
        """Bytes that a process sends in a step, in multiples of the weights' bytes."""
        parts = 2 * self.vectors + self.gathers + self.scatters
        return parts * (processes - 1) / processes


WAYS = (
    Way("DDP, plain", None, vectors=1),
    Way("DDP, SAM", SAM(rho=0.05), vectors=2),
    Way("DDP, ASAM", ASAM(rho=0.5), vectors=2),
    Way("DDP, GSAM", GSAM(rho=0.05), vectors=2),
    Way("DDP, BSAM", BSAM(rho=0.05, rho_min=0.05), vectors=3),
    Way("DDP, BSAM k=1", BSAM(rho=0.05, rho_min=0.05, k=1), vectors=2),
    Way("DDP, BSAM k=5", BSAM(rho=0.05, rho_min=0.05, k=5), vectors=1.2),
    Way("DDP, LookSAM k=5", LookSAM(rho=0.05, k=5), vectors=1.2),
    Way("DDP, local, SAM", SAM(rho=0.05), "local", vectors=1),
    Way("DDP, local, BSAM", BSAM(rho=0.05, rho_min=0.05), "local", vectors=1),
    Way("DDP, local, BSAM k=5", BSAM(rho=0.05, rho_min=0.05, k=5), "local", vectors=1.2),
    Way("DDP, 4 micro-batches, BSAM", BSAM(rho=0.05, rho_min=0.05), micro_batches=4, vectors=3),
    Way("FSDP2, plain", None, sharded=True, gathers=2, scatters=1),
    Way("FSDP2, SAM", SAM(rho=0.05), sharded=True, gathers=4, scatters=2),
    Way("FSDP2, BSAM", BSAM(rho=0.05, rho_min=0.05), sharded=True, gathers=6, scatters=3),
    Way(
        "FSDP2, BSAM k=5",
        BSAM(rho=0.05, rho_min=0.05, k=5),
        sharded=True,
        gathers=2.4,
        scatters=1.2,
    ),
)


def count(way: Way) -> tuple[float, float, float]:
    """All-reduced, gathered and scattered numbers in a step, in multiples of the weights."""
    torch.manual_seed(0)
    model: nn.Module = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
    weights = sum(p.numel() for p in model.parameters())
    if way.sharded:
        for layer in (model[0], model[2]):
            fully_shard(layer)
        fully_shard(model)
    else:
        model = DistributedDataParallel(model)
    step = _stepper(model, way)
    for _ in range(STEPS):  # DDP orders its buckets, k-step rules look for the first time
        step()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        for _ in range(STEPS):
            step()
    reduced = gathered = scattered = 0
    for event in profiler.events():
        size = [torch.Size(shape).numel() for shape in event.input_shapes]
        if event.name == "gloo:all_reduce":
            reduced += size[0]
        elif event.name == "c10d::_allgather_base_":
            gathered += size[0]
        elif event.name == "c10d::_reduce_scatter_base_":
            scattered += size[1]
            reduced -= size[1]  # gloo makes it of an all-reduce
    return tuple(number / STEPS / weights for number in (reduced, gathered, scattered))


def _stepper(model: nn.Module, way: Way) -> Callable[[], object]:
    batches = torch.randn(way.micro_batches, 4, WIDTH)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        losses = []
        for i, x in enumerate(batches):
            last = i + 1 == len(batches)
            with nullcontext() if last or way.sharded else model.no_sync():
                loss = model(x).square().mean() / len(batches)
                loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    if way.rule is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        return lambda: optimizer.step(closure)
    optimizer = SharpnessOptimizer(
        model.parameters(),
        torch.optim.SGD,
        way.rule,
        model=model,
        perturbation=way.perturbation,
        lr=0.01,
    )
    return lambda: optimizer.step(closure)


def _process(rank: int, processes: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=processes)
    found = [count(way) for way in WAYS]
    if rank == 0:
        torch.save(found, f"{folder}/found.pt")
    dist.destroy_process_group()


def measured(processes: int) -> list[tuple[float, float, float]]:
    """What :func:`count` finds for each of :data:`WAYS`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (processes, port, folder), nprocs=processes)
        return torch.load(f"{folder}/found.pt", weights_only=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    args = parser.parse_args()
    print("| | processes | all-reduce | all-gather | reduce-scatter | sent | by the formula |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for processes in args.processes:
        share = (processes - 1) / processes
        for way, (reduced, gathered, scattered) in zip(WAYS, measured(processes)):
            sent = (2 * reduced + gathered + scattered) * share
            numbers = (reduced, gathered, scattered, sent, way.sent(processes))
            print(f"| {way.name} | {processes} |", *(f"{n:.3f} |" for n in numbers))


if __name__ == "__main__":
    main()
