"""Fold batch norms into the layers before them."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Container
from itertools import chain, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bsam_suite.quantization.folded_batch_norm import FoldedBatchNorm, watch
from bsam_suite.quantization.quantizable import kind_of

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)


class Pair(NamedTuple):
    """A layer and the batch norm that is registered right behind it, with their names."""

    layer: Any  # of LAYERS
    norm: Any  # of BATCH_NORMS
    names: tuple[str, str]


@torch.no_grad()
def fold_batch_norms(
    model: nn.Module, layers: Container[str] | None = None
) -> list[tuple[str, str]]:
    """Fold each batch norm with running statistics that is registered right behind a layer.

    In evaluation mode the model computes what it did. In training mode the batch's own statistics
    no longer count.

    A pair is left as it is, with a warning, where one of the two is in another module, too, shares
    a parameter or has hooks. That the layer's output and weight go nowhere else shows in forward
    passes, which refuse otherwise: see :func:`bsam_suite.quantization.folded_batch_norm.watch`.

    Args:
        model: changed in place. Batch norms become
            :class:`bsam_suite.quantization.folded_batch_norm.FoldedBatchNorm`.
        layers: names of the layers to fold into; None: all.

    Returns:
        Names of the layers and their batch norms.
    """
    owners = _owners(model)
    folded = []
    for pair in _pairs(model):
        if layers is not None and pair.names[0] not in layers:
            continue
        reason = _reason(pair, owners)
        if reason:
            warnings.warn(f"{pair.names[1]} is not folded: {reason}", stacklevel=3)
            continue
        _fold(pair.layer, pair.norm)
        pair.layer.folded = True
        parent, _, name = pair.names[1].rpartition(".")
        setattr(model.get_submodule(parent), name, FoldedBatchNorm(pair.layer, pair.names))
        folded.append(pair)
    if folded:
        watch(model)
    return [pair.names for pair in folded]


def scale_and_shift(gamma, beta, mean, variance, epsilon: float) -> tuple:
    """What a batch norm in evaluation mode multiplies by and adds, (C,) each; tensors or arrays.

    Args:
        gamma, beta, mean, variance: (C,) each, in float64 where digits count.
    """
    factor = gamma / (variance + epsilon) ** 0.5
    return factor, beta - mean * factor


def _pairs(model: nn.Module) -> list[Pair]:
    found = []
    for name, parent in model.named_modules():
        for (first, layer), (second, norm) in pairwise(list(parent.named_children())):
            # Classes of their own, such as timm's norms with an activation, may compute otherwise.
            if kind_of(layer) not in LAYERS or type(norm) not in BATCH_NORMS:
                continue
            if norm.running_mean is not None and norm.num_features == _outputs(layer):
                names = f"{name}.{first}".lstrip("."), f"{name}.{second}".lstrip(".")
                found.append(Pair(layer, norm, names))
    return found


def _owners(model: nn.Module) -> Counter:
    """How many modules hold each module and each parameter, by id."""
    held = ((*m._modules.values(), *m._parameters.values()) for m in model.modules())
    return Counter(id(x) for x in chain.from_iterable(held))


def _reason(pair: Pair, owners: Counter) -> str | None:
    """Why the pair cannot be folded; None where it can."""
    for module, name in zip(pair, pair.names):
        if owners[id(module)] > 1:
            return f"{name} is in {owners[id(module)]} places of the model"
        shared = [n for n, p in module._parameters.items() if p is not None and owners[id(p)] > 1]
        if shared:
            return f"{name}.{shared[0]} is shared with another layer"
        if any(getattr(module, kind) for kind in HOOKS):
            return f"{name} has hooks"
    if "weight" not in pair.layer._parameters:
        return f"the weight of {pair.names[0]} is computed from other parameters"
    return None


HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def _outputs(layer: Any) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _fold(layer: Any, norm: Any) -> None:
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    gamma = torch.ones_like(mean) if norm.weight is None else norm.weight.double()
    beta = torch.zeros_like(mean) if norm.bias is None else norm.bias.double()
    factor, shift = scale_and_shift(gamma, beta, mean, variance, norm.eps)
    weight = layer.weight.double()
    if isinstance(layer, nn.ConvTranspose2d):  # (in, out / groups, height, width)
        groups = weight.unflatten(0, (layer.groups, -1))
        weight = (groups * factor.view(layer.groups, 1, -1, 1, 1)).flatten(0, 1)
    else:
        weight = weight * factor.view(-1, *[1] * (weight.ndim - 1))
    bias = shift if layer.bias is None else layer.bias.double() * factor + shift
    layer.bias = _like(layer.weight if layer.bias is None else layer.bias, bias)
    layer.weight = _like(layer.weight, weight)  # others may look at the old one's memory


def _like(parameter: nn.Parameter, values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.to(parameter.dtype), parameter.requires_grad)
