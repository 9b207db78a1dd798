"""The time of a step on many GPUs, predicted from passes and bytes; docs/scaling.md says how.

    python benchmarks/scaling.py

Nothing is measured here: the assumptions are the constants below, each an argument, too.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import log2

PEAK = 989e12
"""FLOP/s of an H100 SXM in bf16, by its data sheet."""
BUCKET = 25 * 2**20
"""Bytes of weights in a bucket of DistributedDataParallel."""
GPUS = (8, 64, 256, 1024)


@dataclass(frozen=True)
class Network:
    """A network and its batch on each GPU.

    Attributes:
        weights: number of parameters.
        macs: multiplications of one forward pass over one image.
        used: share of the peak that training reaches.
    """

    name: str
    weights: float
    macs: float
    images: int
    used: float

    @property
    def seconds(self) -> float:
        """Of one pass, a third of it forward and two thirds backward."""
        return 3 * 2 * self.macs * self.images / (self.used * PEAK)


NETWORKS = (
    # HRNet: arXiv 1902.09212, table 1. ViT-L/16: torchvision.models.vit_l_16.
    Network("HRNet-W48, 384x288, 32 images", 63.6e6, 32.9e9, 32, 0.15),
    Network("ViT-L/16, 224x224, 64 images", 304.3e6, 61.55e9, 64, 0.40),
)


@dataclass(frozen=True)
class Way:
    """A way to train: passes, and the gradients and other vectors that processes share.

    Attributes:
        overlapped: shared in a backward, while it goes on.
        after: shared after the last one, while nothing else is done.
        sharded: by FSDP2: weights are gathered forward and backward, and gradients scattered.
    """

    name: str
    passes: float
    overlapped: float = 0.0
    after: float = 0.0
    sharded: bool = False


WAYS = (
    Way("plain", 1, 1),
    Way("SAM", 2, 2),
    Way("BSAM", 3, 3),
    Way("BSAM, `k=5`", 1.2, 1.2),
    Way("SAM, `local`", 2, after=1),
    Way("BSAM, `local`", 3, after=1),
    Way("plain, FSDP2", 1, sharded=True),
    Way("BSAM, FSDP2", 3, sharded=True),
)


def step(network: Network, way: Way, gpus: int, bandwidth: float, latency: float) -> float:
    """Seconds of a step.

    Args:
        bandwidth: of an all-reduce, in bytes per second.
        latency: of a message, in seconds.
    """
    size = 4 * network.weights
    shared = 2 * (gpus - 1) / gpus * size / bandwidth
    shared += size / BUCKET * 2 * log2(gpus) * latency
    forward, backward = network.seconds / 3, 2 / 3 * network.seconds
    if way.sharded:  # a gather, and a scatter, is half an all-reduce
        return way.passes * (max(forward, shared / 2) + max(backward, shared))
    waiting = way.overlapped * max(0.0, shared - backward) + way.after * shared
    return way.passes * network.seconds + waiting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--bandwidth",
        type=float,
        nargs="+",
        default=[370, 12.5],
        help="GB/s of an all-reduce: eight cards of 400 Gb/s a machine, one of 100 Gb/s",
    )
    parser.add_argument("--latency", type=float, default=5, help="microseconds of a message")
    args = parser.parse_args()
    for network in NETWORKS:
        for bandwidth in args.bandwidth:
            print(
                f"\n{network.name}; all-reduce at {bandwidth:g} GB/s; milliseconds (efficiency)\n"
            )
            print("| | no network |", *(f"{gpus} GPUs |" for gpus in GPUS))
            print("| --- |", *("---: |" for _ in range(len(GPUS) + 1)))
            for way in WAYS:
                alone = way.passes * network.seconds
                times = [step(network, way, n, 1e9 * bandwidth, 1e-6 * args.latency) for n in GPUS]
                cells = [f"{1e3 * time:.0f} ({alone / time:.0%}) |" for time in times]
                print(f"| {way.name} | {1e3 * alone:.0f} |", *cells)


if __name__ == "__main__":
    main()
