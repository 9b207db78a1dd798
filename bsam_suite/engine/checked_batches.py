"""Batches of a data loader, and which files could not be read for them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch.utils.data._utils.fetch
from torch.utils.data import DataLoader, Dataset

from bsam_suite.errors import InputError, UnreadableFile, listed

TRIES = 1000
"""So many images are tried in the place of one, as in MMEngine's data sets."""


class Checked(NamedTuple):
    """A batch, None where too many files are damaged; and why files could not be read."""

    batch: Any
    damaged: dict[str, str]


class _TooMany(Exception):
    pass


class CheckedBatches(Dataset):
    """Gives whole batches of a data set, as :class:`Checked`; runs where the data are loaded.

    Args:
        dataset: with indices, of samples or, by ``__getitems__``, of batches.
        collate: makes a batch of samples.
        limit: how many files a batch may leave out.
    """

    def __init__(self, dataset: Any, collate: Callable, limit: int) -> None:
        self.dataset, self.collate, self.limit = dataset, collate, limit

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: Sequence[int]) -> Checked:
        damaged: dict[str, str] = {}
        try:
            return Checked(self.collate(self._fetch(list(indices), damaged)), damaged)
        except _TooMany:
            return Checked(None, damaged)

    def _fetch(self, indices: list[int], damaged: dict[str, str]) -> Any:
        many = getattr(self.dataset, "__getitems__", None)
        if many is None:
            one = self.dataset.__getitem__
            return [self._readable(index, one, damaged)[1] for index in indices]
        try:
            return many(indices)
        except Exception as error:
            if not is_damage(error):
                raise

        def alone(index: int) -> Any:
            return many([index])

        return many([self._readable(index, alone, damaged)[0] for index in indices])

    def _readable(
        self, index: int, read: Callable[[int], Any], damaged: dict[str, str]
    ) -> tuple[int, Any]:
        """``index`` and its sample, or those of another one."""
        for _ in range(TRIES):
            try:
                return index, read(index)
            except Exception as error:
                if not is_damage(error):
                    raise
                damaged[self._file(index, error)] = reason_of(error)
            if len(damaged) > self.limit:
                raise _TooMany
            index = int(np.random.randint(len(self.dataset)))
        raise InputError(f"none of {TRIES} images can be read, such as {listed(damaged)}")

    def _file(self, index: int, error: Exception) -> str:
        named = getattr(error, "filename", None)
        if named is None and hasattr(self.dataset, "get_data_info"):
            named = self.dataset.get_data_info(index).get("img_path")
        return f"sample {index}" if named is None else str(named)


@contextmanager
def checked(loader: DataLoader, limit: int) -> Iterator[None]:
    """Iterators of ``loader`` that are made meanwhile give :class:`Checked`."""
    fields = vars(loader)  # a loader refuses another data set once it is made
    before = {name: fields[name] for name in ("dataset", "collate_fn")}
    fields["dataset"] = CheckedBatches(loader.dataset, before["collate_fn"], limit)
    fields["collate_fn"] = _as_it_is
    try:
        yield
    finally:
        fields.update(before)


def _as_it_is(batch: Checked) -> Checked:
    return batch


def is_damage(error: BaseException) -> bool:
    """Whether ``error``, raised for a sample, tells of a file that cannot be read."""
    by_mmcv = isinstance(error, AssertionError) and "failed to load image" in str(error)
    return isinstance(error, (OSError, UnreadableFile)) or by_mmcv


def reason_of(error: BaseException) -> str:
    """Why, in one line."""
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return (said.strip().splitlines() or [type(error).__name__])[-1]


@contextmanager
def report_unreadable() -> Iterator[None]:
    """Turn the error for a file that cannot be read while data are loaded into one line.

    Raises:
        InputError: for such an error. Other errors are not changed.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, AssertionError) as error:
        if not (is_damage(error) and _while_loading(error)):
            raise
        raise InputError(
            f"an image cannot be read: {reason_of(error)}: repair it or take it out of the data; "
            "in training --resume auto goes on"
        ) from error


def _while_loading(error: BaseException) -> bool:
    fetches = torch.utils.data._utils.fetch.__file__
    frames = traceback.walk_tb(error.__traceback__)
    return "in DataLoader worker process" in str(error) or any(
        frame.f_code.co_filename == fetches for frame, _ in frames
    )
