"""MMEngine's words for mixed precision, as its ``AmpOptimWrapper`` takes them."""

from __future__ import annotations

from typing import Any

import torch

from bsam_suite.errors import InputError


def amp_dtype(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """The type to run forwards in.

    Raises:
        InputError: not bfloat16, float16 or None.
    """
    kinds: dict[Any, Any] = {"bfloat16": torch.bfloat16, "float16": torch.float16, None: None}
    if dtype not in (*kinds, *kinds.values()):
        raise InputError(f"dtype={dtype!r} in optim_wrapper: give 'bfloat16', 'float16' or None")
    return kinds.get(dtype, dtype)


def loss_scaler(
    loss_scale: str | float | dict, dtype: torch.dtype | None, device: str
) -> tuple[torch.amp.GradScaler, float | None]:
    """The loss scaler, off but for float16, and the scale that stays, if it is to stay.

    Raises:
        InputError: ``loss_scale`` is not "dynamic", a number or ``GradScaler``'s arguments.
    """
    place, enabled, fixed = "loss_scale of optim_wrapper", dtype == torch.float16, None
    if loss_scale != "dynamic" and not enabled:
        raise InputError(f"{place}={loss_scale!r} is for dtype='float16': leave it out")
    if isinstance(loss_scale, (int, float)) and not isinstance(loss_scale, bool) and loss_scale > 0:
        fixed = float(loss_scale)
        loss_scale = dict(init_scale=fixed)
    elif not isinstance(loss_scale, dict) and loss_scale != "dynamic":
        raise InputError(
            f"{place}={loss_scale!r}: give 'dynamic', a number > 0 or GradScaler's arguments"
        )
    arguments = loss_scale if isinstance(loss_scale, dict) else {}
    try:
        return torch.amp.GradScaler(device, enabled=enabled, **arguments), fixed
    except (TypeError, AssertionError) as error:
        raise InputError(f"{place}={loss_scale!r}: {error}") from error
