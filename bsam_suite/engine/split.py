"""A batch in parts of m samples, as the arguments of a model's forward hold it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from bsam_suite.errors import InputError

ALIKE = (str, bytes, bool, int, float, type(None))
"""What every part gets as it is."""


def split_arguments(args: tuple, kwargs: dict, m: int) -> list[tuple[tuple, dict]]:
    """The arguments of a forward for each part of ``m`` samples.

    Tensors are split along their first dimension, lists and tuples by their elements; dicts are
    gone through, and so are lists that hold something for each part of the model's input. Text,
    numbers, None and tensors of no dimensions go to every part.

    Raises:
        InputError: m does not divide the batch, or something in it cannot be split.
    """
    content = {**{str(i): value for i, value in enumerate(args)}, **kwargs}
    samples = _size(content)
    if samples is None or samples % m:
        raise InputError(
            f"m={m} in optim_wrapper: the batch has {samples} samples: give a number that divides "
            "the size of every batch (drop_last=True in the dataloader leaves out a shorter last)"
        )
    parts = []
    for start in range(0, samples, m):
        which = slice(start, start + m)
        part = {k: _part(v, which, samples, f"forward.{k}") for k, v in content.items()}
        parts.append((tuple(part.pop(str(i)) for i in range(len(args))), part))
    return parts


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
        f"m in optim_wrapper: {place} is a {type(value).__name__}{size}, which cannot be split as "
        f"a batch of {samples} can: leave m out, or train with several processes and "
        "perturbation='local'"
    )
