"""Persons per second of a pose recipe's data loader and of its training step.

    OMP_NUM_THREADS=1 python benchmarks/pose_throughput.py --data-root /path/to/coco

For each config (by default every float recipe, once for its three rules; MMPose's own configs work
too) the table has

- one worker process: persons per second (median and quartiles of the rounds), 16 times that, and
  the share of each step of the pipeline;
- receiving: persons per second that the training process could receive from its workers if it did
  nothing else;
- with ``--workers N``, what N of them deliver together on this machine, by the clock;
- a step on the device at hand with plain training, SAM and BSAM, on one batch again and again:
  persons a second (median of the rounds). ``--no-step`` leaves it out: the large networks take
  seconds a person on a CPU.

Loaders, and steps on one CPU thread, are timed in processor time, so that other programs matter
little; other steps in wall-clock time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import cv2
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope
from pose_loader import first_batch, loader_rate, loader_seconds, receive_seconds
from timing import interleaved_times

from bsam_suite.compat import import_mmpose
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.malloc import keep_freed_memory

CONFIGS = Path(__file__).parents[1] / "configs/pose"
BUILT_IN = CONFIGS / "hrnet-tiny_adam_people-128x96.py"
RULES = {"plain": {}} | {
    rule: dict(type="SharpnessOptimWrapper", rule=dict(type=rule)) for rule in ("SAM", "BSAM")
}
CORES = 16


def built_in_people() -> str:
    """The folder of the generated people, written if it does not exist."""
    cfg = load_config(str(BUILT_IN))
    preflight(cfg)
    return cfg.data_root


def loader_cells(cfg: Config, persons: int, rounds: int, workers: int) -> list[str]:
    parts = loader_seconds(DATASETS.build(cfg.train_dataloader.dataset), persons, rounds)
    low, middle, high = statistics.quantiles([1 / sum(r.values()) for r in parts], n=4)
    total = sum(sum(r.values()) for r in parts)
    shares = [f"{sum(r[part] for r in parts) / total:.0%}" for part in parts[0]]
    received = statistics.median(receive_seconds(cfg.train_dataloader, rounds))
    together = (
        [f"{loader_rate(cfg.train_dataloader, workers, 10 * workers):.0f}"] if workers else []
    )
    return [
        f"{middle:.0f} ({low:.0f} to {high:.0f})",
        f"{CORES * middle:.0f}",
        *shares,
        f"{1 / received:.0f}",
        *together,
    ]


def step_cells(cfg: Config, batch: int, rounds: int) -> list[str]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = MODELS.build(cfg.model).to(device).train()
    data = first_batch(cfg.train_dataloader, batch)

    def step(change: dict) -> Callable[[], object]:
        wrapper = build_optim_wrapper(model, {**cfg.optim_wrapper, **change})
        return lambda: model.train_step(data, wrapper)

    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    times = interleaved_times({rule: step(change) for rule, change in RULES.items()}, rounds, clock)
    return [f"{batch / statistics.median(seconds):.3g}" for seconds in times.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="*", help="default: configs/pose/*_adam*")
    parser.add_argument("--data-root", help="in COCO's layout; default: the people of the suite")
    parser.add_argument("--persons", type=int, default=100, help="in a round of the loader")
    parser.add_argument("--batch", type=int, default=8, help="of a step")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="deliver together, by the clock")
    parser.add_argument("--no-step", action="store_true")
    args = parser.parse_args()
    import_mmpose()
    keep_freed_memory()
    cv2.setNumThreads(0)  # as MMEngine does for training
    root = args.data_root or built_in_people()
    kind = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(
        f"{root}, {args.rounds} rounds of {args.persons} persons; steps: batch {args.batch}, {kind}"
    )
    head = ["recipe", "worker (persons/s)", f"x{CORES}", "decode", "affine", "encode", "others"]
    head += ["receiving"] + ([f"{args.workers} workers"] if args.workers else [])
    head += [] if args.no_step else list(RULES)
    print("|", " | ".join(head), "|\n|", " | ".join(["---"] * len(head)), "|")
    for path in args.configs or sorted(map(str, CONFIGS.glob("*_adam*_*.py"))):
        cfg = load_config(path, dict(data_root=root))
        init_default_scope("mmpose")
        with redirect_stdout(sys.stderr):  # the table without what pycocotools says
            cells = loader_cells(cfg, args.persons, args.rounds, args.workers)
            cells += [] if args.no_step else step_cells(cfg, args.batch, args.rounds)
        print("|", " | ".join([Path(path).stem, *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
