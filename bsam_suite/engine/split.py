"""A batch in parts, as the arguments of a model's forward hold it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness.rule import ONE_IN

ALIKE = (str, bytes, bool, int, float, type(None))
"""What every part gets as it is."""

Arguments = tuple[tuple, dict]
"""Of a forward: by position and by name."""


def split_arguments(args: tuple, kwargs: dict, m: int) -> list[Arguments]:
    """The arguments of a forward for each part of ``m`` samples.

    Tensors are split along their first dimension, lists and tuples by their elements; dicts are
    gone through, and so are lists that hold something for each part of the model's input. Text,
    numbers, None and tensors of no dimensions go to every part.

    Raises:
        InputError: m does not divide the batch, or something in it cannot be split.
    """
    samples = _size({**dict(enumerate(args)), **kwargs})
    if samples is None or samples % m:
        raise InputError(
            f"m={m} in optim_wrapper: the batch has {samples} samples: give a number that divides "
            "the size of every batch (drop_last=True in the dataloader leaves out a shorter last)"
        )
    starts = range(0, samples, m)
    return [_take(args, kwargs, slice(start, start + m), samples) for start in starts]


def split_auxiliary(args: tuple, kwargs: dict) -> tuple[Arguments, Arguments]:
    """The arguments of a forward without the last fifth of the samples, and those for that fifth.

    Of fewer than ten samples it is one. They are split as :func:`split_arguments` does.

    Raises:
        InputError: there are fewer than two samples, or something in them cannot be split.
    """
    samples = _size({**dict(enumerate(args)), **kwargs})
    if samples is None or samples < 2:
        raise InputError(
            f"the batch has {samples} samples, and the rule needs some of them for its auxiliary "
            "batch: give every batch at least 2, better 5 or more (drop_last=True in the "
            "dataloader leaves out a shorter last)"
        )
    end = samples - max(1, samples // ONE_IN)
    parts = slice(0, end), slice(end, samples)
    return _take(args, kwargs, parts[0], samples), _take(args, kwargs, parts[1], samples)


def _size(value: object) -> int | None:
    """The number of samples: of the first tensor, else of the first list."""
    values = list(value.values()) if isinstance(value, Mapping) else [value]
    for inner in values:
        if isinstance(inner, Tensor) and inner.ndim:
            return len(inner)
        found = _size(inner) if isinstance(inner, Mapping) else None
        if found is not None:
            return found
    return next((len(inner) for inner in values if isinstance(inner, (list, tuple))), None)


def _take(args: tuple, kwargs: dict, which: slice, samples: int) -> Arguments:
    """The arguments for some of the samples."""
    own = tuple(_part(v, which, samples, f"forward.{i}") for i, v in enumerate(args))
    return own, {k: _part(v, which, samples, f"forward.{k}") for k, v in kwargs.items()}


def _part(value: object, which: slice, samples: int, place: str) -> object:
    if isinstance(value, ALIKE) or (isinstance(value, Tensor) and not value.ndim):
        return value
    if isinstance(value, Mapping):
        return {k: _part(v, which, samples, f"{place}.{k}") for k, v in value.items()}
    if isinstance(value, (Tensor, list, tuple)) and len(value) == samples:
        return value[which]
    if isinstance(value, (list, tuple)):
        return type(value)(_part(v, which, samples, f"{place}.{i}") for i, v in enumerate(value))
    size = f" of {len(value)}" if isinstance(value, Tensor) else ""
    raise InputError(
        f"{place} is a {type(value).__name__}{size}, which cannot be split as a batch of {samples} "
        "can. m in optim_wrapper and a rule with an auxiliary batch split batches: leave m out "
        "(several processes with perturbation='local' do the same), or take another rule"
    )
