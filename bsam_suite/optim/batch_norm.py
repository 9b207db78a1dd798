"""Batch norm in a model that its optimizer does not know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.module import register_module_forward_pre_hook

from bsam_suite.errors import InputError


@contextmanager
def refuse_batch_norm(place: str) -> Iterator[None]:
    """Refuse that a batch norm in training mode updates its statistics inside.

    Raises:
        InputError: when it is about to.
    """

    def check(module: nn.Module, _: tuple) -> None:
        if isinstance(module, _NormBase) and module.training and module.track_running_stats:
            raise InputError(
                f"the model has {type(module).__name__}, whose statistics every pass would "
                f"update: give {place} the model, model=model, and it keeps them to the first"
            )

    handle = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        handle.remove()
