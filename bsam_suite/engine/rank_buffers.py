"""Buffers that differ from process to process, such as batch-norm statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import EMAHook
from torch import Tensor


def gather_buffers(runner) -> list[dict[str, Tensor]]:
    """The buffers of the other processes' models and running averages, in the first process.

    DDP leaves each process the statistics of its own part of the batches, and MMEngine saves those
    of the first one. All processes must call this.
    """
    count = get_world_size()
    if count == 1:
        return []
    own = {name: value.cpu() for name, value in _buffers(runner)}
    found: list[Any] = [None] * count
    torch.distributed.gather_object(own, found if is_main_process() else None)
    return found[1:] if is_main_process() else []


def restore_buffers(runner, others: list[dict[str, Tensor]]) -> None:
    """Give this process the buffers that it had, if there were as many processes."""
    if get_rank() == 0 or len(others) != get_world_size() - 1:
        return
    saved = others[get_rank() - 1]
    for name, value in _buffers(runner):
        if name in saved:
            value.copy_(saved[name])


def _buffers(runner) -> Iterator[tuple[str, Tensor]]:
    averages = [hook.ema_model for hook in runner.hooks if isinstance(hook, EMAHook)]
    for number, model in enumerate([runner.model, *averages]):
        for name, value in model.named_buffers():
            yield f"{number}.{name}", value
