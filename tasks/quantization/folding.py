"""Fold batch norms into the layers before them."""

from __future__ import annotations

import weakref
from itertools import pairwise

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError

LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.SyncBatchNorm)


class FoldedBatchNorm(nn.Module):
    """Stands where a batch norm was that is now part of the layer before it: changes nothing.

    Its first forward makes sure that its input is that layer's output.
    """

    def __init__(self, layer: nn.Module, names: tuple[str, str]) -> None:
        super().__init__()
        self._names = names
        self._output: weakref.ref | None = None
        self._watch = layer.register_forward_hook(self._after_layer)

    def _after_layer(self, layer: nn.Module, args: tuple, output: Tensor) -> None:
        self._output = weakref.ref(output)

    def forward(self, x: Tensor) -> Tensor:
        """``x``.

        Raises:
            InputError: in the first forward, if ``x`` does not come from the layer before.
        """
        if self._watch is not None:
            if self._output is None or self._output() is not x:
                layer, norm = self._names
                raise InputError(
                    f"{norm} stands behind {layer} in the model but does not take its output, so "
                    "it cannot be folded: set fold_batch_norm=False"
                )
            self._watch.remove()
            self._watch = self._output = None
        return x


@torch.no_grad()
def fold_batch_norms(model: nn.Module) -> list[tuple[str, str]]:
    """Fold each batch norm with running statistics that is registered right behind a layer.

    In evaluation mode the model computes what it did. In training mode the batch's own statistics
    no longer count.

    Args:
        model: changed in place. Batch norms become :class:`FoldedBatchNorm`.

    Returns:
        Names of the layers and their batch norms.
    """
    folded = []
    for name, parent in model.named_modules():
        for (first, layer), (second, norm) in pairwise(list(parent.named_children())):
            if not (isinstance(layer, LAYERS) and isinstance(norm, BATCH_NORMS)):
                continue
            if norm.running_mean is None or norm.num_features != _outputs(layer):
                continue
            _fold(layer, norm)
            layer.folded = True
            names = tuple(f"{name}.{child}" if name else child for child in (first, second))
            setattr(parent, second, FoldedBatchNorm(layer, names))
            folded.append(names)
    return folded


def _outputs(layer: nn.Module) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels


def _fold(layer: nn.Module, norm: nn.Module) -> None:
    factor = (norm.running_var + norm.eps).rsqrt()
    if norm.weight is not None:
        factor = factor * norm.weight
    shift = -norm.running_mean * factor
    if norm.bias is not None:
        shift = shift + norm.bias
    if isinstance(layer, nn.ConvTranspose2d):  # (in, out / groups, height, width)
        groups = layer.weight.unflatten(0, (layer.groups, -1))
        layer.weight.copy_((groups * factor.view(layer.groups, 1, -1, 1, 1)).flatten(0, 1))
    else:
        layer.weight.mul_(factor.view(-1, *[1] * (layer.weight.ndim - 1)))
    if layer.bias is None:
        layer.bias = nn.Parameter(shift)
    else:
        layer.bias.mul_(factor).add_(shift)
