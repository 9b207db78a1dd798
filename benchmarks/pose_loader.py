"""How many persons per second a pose recipe's loader prepares and transfers."""

from __future__ import annotations

import time
from itertools import islice

import torch
from mmengine.runner import Runner, set_random_seed
from torch.utils.data import Dataset

PARTS = {"LoadWholeImage": "decode", "TopdownAffine": "affine", "GenerateTarget": "encode"}
"""Steps of a pipeline with their own column."""


def loader_seconds(dataset: Dataset, persons: int, rounds: int) -> list[dict[str, float]]:
    """Processor seconds of this process per person in each round, by step of the pipeline.

    In processor time, so that other programs matter little: a worker with its own core takes as
    long. Persons are in random order, as in training; the order is the same in every call.
    """
    set_random_seed(0)
    _make(dataset, persons)
    return [_make(dataset, persons) for _ in range(rounds)]


def _make(dataset: Dataset, persons: int) -> dict[str, float]:
    seconds = dict.fromkeys([*PARTS.values(), "others"], 0.0)
    for index in torch.randint(len(dataset), (persons,)).tolist():
        start = time.process_time()
        results = {**dataset.get_data_info(index), "dataset": dataset}
        seconds["others"] += time.process_time() - start
        for step in dataset.pipeline.transforms:
            start = time.process_time()
            results = step(results)
            part = PARTS.get(type(step).__name__, "others")
            seconds[part] += time.process_time() - start
    return {part: total / persons for part, total in seconds.items()}


def receive_seconds(train_dataloader: dict, batches: int) -> list[float]:
    """Processor seconds of this process per person for each batch received from a worker.

    This is all the work of the training process, however many workers there are.
    """
    endless = dict(type="InfiniteSampler", shuffle=True)
    one = dict(num_workers=1, persistent_workers=True, sampler=endless)
    batch_size = train_dataloader["batch_size"]
    loader = iter(Runner.build_dataloader({**train_dataloader, **one}))
    next(loader)
    times = []
    for _ in range(batches):
        start = time.process_time()
        next(loader)
        times.append((time.process_time() - start) / batch_size)
    return times


def loader_rate(train_dataloader: dict, workers: int, batches: int) -> float:
    """Persons a second, by the clock, that ``workers`` processes deliver to one that only takes."""
    endless = dict(type="InfiniteSampler", shuffle=True)
    many = dict(num_workers=workers, persistent_workers=True, sampler=endless)
    loader = iter(Runner.build_dataloader({**train_dataloader, **many}))
    for _ in range(4 * workers):  # what was prefetched before the clock runs
        next(loader)
    start = time.perf_counter()
    for _ in range(batches):
        next(loader)
    return batches * train_dataloader["batch_size"] / (time.perf_counter() - start)


def first_batch(train_dataloader: dict, size: int) -> dict:
    """A batch of ``size`` persons, made in this process."""
    here = dict(num_workers=0, persistent_workers=False, batch_size=size)
    return next(islice(Runner.build_dataloader({**train_dataloader, **here}), 1))
