"""Batches of a data loader that can be begun anywhere, each with random numbers of its own."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import count, islice

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler, Sampler

EPOCH, STEP, BATCH, VALIDATION = range(4)
"""What random numbers are for: each has a stream of its own."""


def seed_all(*words: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch (CPU and GPUs in use) from ``words``."""
    python, numpy, torch_ = np.random.SeedSequence(words).generate_state(3, np.uint64)
    random.seed(int(python))
    np.random.seed(int(numpy) % 2**32)
    # torch.manual_seed would format the call stack for a GPU that is not in use.
    torch.default_generator.manual_seed(int(torch_))
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(int(torch_))


class SeededBatch(list):
    """Indices of a batch; the process that receives them is seeded for it.

    A data loader sends the indices to its workers, so every batch draws the same numbers whichever
    worker makes it, and whatever that worker has made before.
    """

    def __init__(self, indices: Iterable[int], words: tuple[int, ...]) -> None:
        super().__init__(indices)
        self.words = words

    def __reduce__(self) -> tuple:
        return _receive, (list(self), self.words)


def _receive(indices: list[int], words: tuple[int, ...]) -> list[int]:
    seed_all(*words)
    return indices


@DATA_SAMPLERS.register_module()
class SeededBatches(Sampler):
    """The batches of another batch sampler, as :class:`SeededBatch`, from any of them on.

    A loop sets :attr:`first`, the number of batches that the next iteration leaves out: their
    indices are drawn, their data are not loaded. With :attr:`endless` the batches of one epoch
    follow those of the other without an end.

    Args:
        sampler: MMEngine's, of indices.
        batch_size: of a batch.
        seed: of the run.
        drop_last: whether to leave out the last batch if it is smaller.
        batch_sampler: config of the one to take batches from; None for PyTorch's.
    """

    def __init__(
        self,
        sampler: Sampler,
        batch_size: int,
        seed: int,
        drop_last: bool = False,
        batch_sampler: dict | None = None,
    ) -> None:
        if batch_sampler is None:
            self.batches = BatchSampler(sampler, batch_size, drop_last)
        else:
            given = dict(sampler=sampler, batch_size=batch_size)
            self.batches = DATA_SAMPLERS.build(batch_sampler, default_args=given)
        self.batch_size, self.drop_last, self.seed = batch_size, drop_last, seed
        self.indices = sampler
        self.epoch, self.first, self.endless = 0, 0, False

    @property
    def sampler(self) -> SeededBatches:
        """Where MMEngine's ``DistSamplerSeedHook`` looks for ``set_epoch``."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Seed and shuffle as in this epoch from now on."""
        self.epoch = epoch
        self._shuffle(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[SeededBatch]:
        first, self.first = self.first, 0
        for number, indices in islice(enumerate(self._passes()), first, None):
            words = (BATCH, self.seed, self.epoch, number, get_rank())
            seed_all(*words)  # of a loader without workers
            yield SeededBatch(indices, words)

    def _passes(self) -> Iterator[list[int]]:
        yield from self.batches
        for epoch in count(1):
            if not self.endless:
                return
            seed_all(EPOCH, self.seed, epoch, get_rank())  # of samplers without a seed of their own
            self._shuffle(epoch)
            yield from self.batches

    def _shuffle(self, epoch: int) -> None:
        if hasattr(self.indices, "set_epoch"):
            self.indices.set_epoch(epoch)
