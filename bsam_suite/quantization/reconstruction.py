"""How far a layer's outputs are from those in the float model, for any rounding of its weight."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bsam_suite.quantization.layers import QuantizedLayer
from bsam_suite.quantization.matrix_product import input_vectors, rounded_inputs, to_product

AT_ONCE = {2: 65536, 4: 16}
"""Vectors, or images, whose product is taken at once, by the dimensions of the inputs."""


class Reconstruction:
    """Mean of ``|(W + D) y - W x|^2`` as a function of the change D, from moments of y and x.

    With ``e = W (y - x)`` it is ``D E[y y'] D' + 2 D E[y e'] + E[e^2]``, for each output channel.

    Args:
        layer: the quantized layer, whose inputs are y.
        float_layer: the same layer in the float model, whose inputs are x and whose weight is W.
    """

    def __init__(self, layer: QuantizedLayer, float_layer: QuantizedLayer) -> None:
        self._layers = layer, float_layer
        weight = getattr(float_layer, float_layer.weight_name).detach()
        self._weight = to_product(float_layer, weight)  # (G, R, D)
        groups, rows, inputs = self._weight.shape
        self._yy = self._weight.new_zeros(groups, inputs, inputs)
        self._ye = self._weight.new_zeros(groups, rows, inputs)
        self._ee = self._weight.new_zeros(groups, rows, 1)
        self._count = self._weight.new_zeros(groups, 1, 1)

    def add(self, run: Callable[[], object], run_float: Callable[[], object]) -> None:
        """Add what the layers see while both models run on a batch."""
        calls = [_inputs(layer, f) for layer, f in zip(self._layers, (run, run_float))]
        for call in zip(*calls, strict=True):
            # Of an attention a tensor for each group, else one for all.
            groups = torch.arange(len(self._weight)).chunk(len(call[0]))
            for group, y, x in zip(groups, *call):
                size = AT_ONCE[y.ndim]
                for part in zip(y.split(size), x.split(size)):
                    self._add(slice(group[0], group[-1] + 1), *part)

    def _add(self, groups: slice, y: Tensor, x: Tensor) -> None:
        y, x = (input_vectors(layer, values) for layer, values in zip(self._layers, (y, x)))
        error = (y - x) @ self._weight[groups].mT
        self._yy[groups] += y.mT @ y
        self._ye[groups] += error.mT @ y
        self._ee[groups] += error.square().sum(1).unsqueeze(2)
        self._count[groups] += y.shape[1]

    def errors(self, change: Tensor) -> Tensor:
        """The mean square for each output channel, (G, R, 1), with ``change`` (G, R, D)."""
        linear = self.half_gradient(change) + self._ye / self._count
        return (linear * change).sum(2, keepdim=True) + self._ee / self._count

    def half_gradient(self, change: Tensor) -> Tensor:
        """Half the gradient of its sum over channels, in ``change``."""
        return (change @ self._yy + self._ye) / self._count

    def output_power(self) -> Tensor:
        """Mean of ``(W y)^2`` for each output channel, (G, R, 1)."""
        return ((self._weight @ self._yy) * self._weight).sum(2, keepdim=True) / self._count


def _inputs(layer: QuantizedLayer, run: Callable[[], object]) -> list[list[Tensor]]:
    """Inputs of each call of ``layer`` while ``run`` runs."""
    found = []

    def note(_, args, kwargs):
        found.append(rounded_inputs(layer, args, kwargs))

    hook = layer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        run()
    finally:
        hook.remove()
    return found
