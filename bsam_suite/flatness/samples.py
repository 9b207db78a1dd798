"""The samples of a batch as it leaves an MMEngine data preprocessor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def sample_count(data: Any) -> int:
    """How many samples ``data`` has: the length of its ``data_samples``, or of its first part."""
    if isinstance(data, Mapping):
        return len(data.get("data_samples") or next(iter(data.values())))
    return len(data[0])


def halves(data: Any) -> list[Any]:
    """The two halves of ``data`` of at least two samples."""
    count = sample_count(data)
    return [_some(data, count, part) for part in (slice(count // 2), slice(count // 2, None))]


def cast(data: Any, dtype: torch.dtype) -> Any:
    """``data`` with the floating-point tensors in its dicts and lists in another type."""
    if isinstance(data, Tensor):
        return data.to(dtype) if data.is_floating_point() else data
    if isinstance(data, Mapping):
        return {name: cast(value, dtype) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(cast(value, dtype) for value in data)
    return data


def _some(data: Any, count: int, part: slice) -> Any:
    if isinstance(data, Mapping):
        return {name: _some(value, count, part) for name, value in data.items()}
    if isinstance(data, (Tensor, list, tuple)) and len(data) == count:
        return data[part]
    if isinstance(data, (list, tuple)):
        return type(data)(_some(value, count, part) for value in data)
    return data
