"""A weight that is rounded for good."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers import Codes
from bsam_suite.quantization.layers import QuantizedLayer


class RoundedWeight(nn.Module):
    """Stands for the weight's quantizer of a layer that holds rounded values itself.

    Quantizers that take their grid from the weights, such as DoReFa's, would round the rounded
    values once more, to others.

    Args:
        codes: the weight; its integers are not kept.
    """

    def __init__(self, codes: Codes) -> None:
        super().__init__()
        self.bit_width = codes.bit_width
        self.quant_min, self.quant_max = codes.quant_min, codes.quant_max
        self.register_buffer("scale", codes.scale.clone())
        self.register_buffer("offset", None if codes.offset is None else codes.offset.clone())

    def forward(self, weight: Tensor) -> Tensor:
        """``weight``, which is rounded already."""
        return weight

    @torch.no_grad()
    def codes(self, weight: Tensor) -> Codes:
        """The integers that stand for ``weight``."""
        shifted = weight if self.offset is None else weight - self.offset
        values = torch.round(shifted / self.scale).clamp(self.quant_min, self.quant_max)
        ends = self.quant_min, self.quant_max
        return Codes(values.to(torch.int16), self.scale, self.offset, *ends, self.bit_width)

    def reset(self) -> None:
        """Float weights arrive.

        Raises:
            InputError: always.
        """
        raise InputError(
            "the model holds a packed checkpoint's rounded weights: build it anew from its config "
            "to load float ones"
        )


def quantized_layers(model: nn.Module) -> dict[str, QuantizedLayer]:
    """The layers of ``model`` with quantized weights, by name.

    Raises:
        InputError: there is none.
    """
    found = {n: m for n, m in model.named_modules() if isinstance(m, QuantizedLayer)}
    if not found:
        raise InputError(
            f"{type(model).__name__} has no quantized layer: give the config of a model with "
            "type='Quantized', or convert it by bsam_suite.quantization.quantize"
        )
    return found


def weight_name(name: str, layer: QuantizedLayer) -> str:
    """The name of the layer's weight in the model's state dict."""
    return f"{name}.{layer.weight_name}" if name else layer.weight_name
