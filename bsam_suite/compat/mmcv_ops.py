"""mmcv's compiled ops where only mmcv-lite is installed: what torchvision computes, and refusals.

mmcv itself offers torchvision's ``roi_align`` (``use_torchvision=True``) as the same function; its
``nms`` was written after torchvision's.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from bsam_suite.errors import InputError

ON_CPU = "mmcv.ops.multi_scale_deform_attn"
"""A module of ops that has a way of its own, in PyTorch, where the data is on a CPU."""

BY_NAME = {"soft_nms": "softnms", "nms_rotated": "nms_rotated", "nms_quadri": "nms_quadri"}
"""What ``batched_nms`` finds by the type in a config, and the op that it calls."""


class CompiledOps(ModuleType):
    """Replaces ``mmcv._ext``: every op exists; those that torchvision has not end in an error."""

    def __getattr__(self, name: str) -> Callable:
        if name.startswith("__"):
            raise AttributeError(name)
        return BY_TORCHVISION.get(name) or _refusing(name)


def check_ops(model: nn.Module, config: Mapping | None = None) -> None:
    """Refuse a model that would call an op which is not there.

    Args:
        model: built.
        config: what it was built from.

    Raises:
        InputError: a layer needs such an op, or ``nms`` in the config names one; which.
    """
    for place, layer in model.named_modules():
        missing = {op for kind in type(layer).__mro__ for op in _missing(kind.__module__)}
        if missing:
            what = f"{place or 'the model'} is mmcv's {type(layer).__name__}, which"
            raise InputError(f"{type(model).__name__}: {what} needs {_lacking(*missing)}")
    nms = sys.modules.get("mmcv.ops.nms")
    if isinstance(getattr(nms, "ext_module", None), CompiledOps):
        for kind in _types(config):
            if kind in BY_NAME:
                needed = _lacking(BY_NAME[kind])
                raise InputError(f"{type(model).__name__}: type={kind!r} in model needs {needed}")


def _missing(module: str) -> set[str]:
    """The ops that a module of mmcv calls and that are not there."""
    source = sys.modules.get(module) if module.startswith("mmcv.ops.") else None
    if source is None or not isinstance(getattr(source, "ext_module", None), CompiledOps):
        return set()
    if module == ON_CPU and not torch.cuda.is_available():
        return set()
    called = re.findall(r"ext_module\.(\w+)\(", inspect.getsource(source))
    return set(called) - BY_TORCHVISION.keys()


def _types(config: object) -> Iterator[Any]:
    if isinstance(config, Mapping) and isinstance(config.get("type"), str):
        yield config["type"]
    if isinstance(config, (Mapping, list, tuple)):
        for inner in config.values() if isinstance(config, Mapping) else config:
            yield from _types(inner)


def _refusing(name: str) -> Callable:
    def op(*args, **kwargs):
        raise InputError(f"the model needs {_lacking(name)}")

    return op


def _lacking(*ops: str) -> str:
    return (
        f"mmcv's compiled {', '.join(sorted(ops))}, and this is mmcv-lite, which has none: take a "
        "model without it, or an mmcv that was built with its ops"
    )


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """The boxes to keep, best first, where a width is ``x2 - x1 + offset``.

    Args:
        boxes: (N, 4), corners.
        scores: (N,).
    """
    from torchvision.ops import nms

    ends = boxes.new_tensor([0, 0, offset, offset])
    return nms(_wide(boxes) + ends, _wide(scores), iou_threshold)


def roi_align_forward(
    features: Tensor, rois: Tensor, output: Tensor, argmax_y: Tensor, argmax_x: Tensor, **how
) -> None:
    """Put what is pooled of (N, C, H, W) features into ``output``."""
    output.copy_(_roi_align(features, rois, **how))


def roi_align_backward(
    grad: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor, **how
) -> None:
    """Put the gradient with respect to the features into ``grad_input``."""
    with torch.enable_grad():  # the same at any features, because it is linear in them
        features = _wide(torch.zeros_like(grad_input)).requires_grad_()
        pooled = _roi_align(features, rois, **how)
    grad_input.copy_(torch.autograd.grad(pooled, features, _wide(grad))[0])


def _roi_align(
    features: Tensor,
    rois: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> Tensor:
    from torchvision.ops import roi_align

    if pool_mode != 1:
        raise InputError(f"RoIAlign(pool_mode='max') needs {_lacking('roi_align_forward')}")
    size = aligned_height, aligned_width
    return roi_align(_wide(features), _wide(rois), size, spatial_scale, sampling_ratio, aligned)


def sigmoid_focal_loss_forward(
    scores: Tensor, classes: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Put the focal loss of each of the (N, C) scores into ``output``."""
    output.copy_(_focal_loss(_wide(scores), classes, weight, gamma, alpha))


def sigmoid_focal_loss_backward(
    scores: Tensor, classes: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Put the gradient of the sum of all losses into ``grad_input``."""
    with torch.enable_grad():
        scores = _wide(scores.detach()).requires_grad_()
        total = _focal_loss(scores, classes, weight, gamma, alpha).sum()
    grad_input.copy_(torch.autograd.grad(total, scores)[0])


def _focal_loss(
    scores: Tensor, classes: Tensor, weight: Tensor, gamma: float, alpha: float
) -> Tensor:
    """Of (N, C) scores; class C is the background, and a weight is that of the sample's class."""
    from torchvision.ops import sigmoid_focal_loss

    count = scores.shape[1]
    targets = one_hot(classes, count + 1)[:, :count].to(scores)
    losses = sigmoid_focal_loss(scores, targets, alpha, gamma)
    return losses * weight[classes][:, None] if weight.numel() else losses


def _wide(tensor: Tensor) -> Tensor:
    """In float32 at least: torchvision has no kernels for bfloat16."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


BY_TORCHVISION: dict[str, Callable] = {
    function.__name__: function
    for function in (
        nms,
        roi_align_forward,
        roi_align_backward,
        sigmoid_focal_loss_forward,
        sigmoid_focal_loss_backward,
    )
}
