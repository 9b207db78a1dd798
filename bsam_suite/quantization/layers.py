"""Convolutions and linear layers with quantized weights and inputs."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers import Codes, FakeQuantizer
from bsam_suite.quantization.rounded_weight import RoundedWeight


class QuantizedLayer(nn.Module):
    """Mixed into a layer of ``torch.nn``: quantizes input and weight, then computes as before.

    Made from a float layer by :meth:`from_float`. Parameters keep their names, so that a float
    checkpoint fits.

    Attributes:
        weight_quantizer: fake-quantizes ``weight``.
        input_quantizer: fake-quantizes the input; ``nn.Identity`` where inputs stay float.
        folded: whether a batch norm was folded into weight and bias.
    """

    weight_quantizer: FakeQuantizer | RoundedWeight
    input_quantizer: FakeQuantizer | nn.Identity
    folded = False
    #: Name of the parameter that is quantized.
    weight_name = "weight"

    @classmethod
    def from_float(cls, layer: nn.Module, weight: nn.Module, activation: nn.Module) -> nn.Module:
        """Turn ``layer`` itself into a quantized one, so that its owners and hooks stay.

        Args:
            layer: the float layer, of the class that this one extends.
            weight, activation: quantizers, or ``nn.Identity``.
        """
        layer.__class__ = cls
        layer.weight_quantizer, layer.input_quantizer = weight, activation
        return layer

    def quantized_weight(self) -> Tensor:
        """The weight as the layer uses it, rounded."""
        return self.weight_quantizer(getattr(self, self.weight_name))

    def weight_codes(self) -> Codes:
        """The integers that stand for the weight."""
        return self.weight_quantizer.codes(getattr(self, self.weight_name))

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        start = f"{prefix}weight_quantizer."
        state = {k[len(start) :]: v for k, v in state_dict.items() if k.startswith(start)}
        quantizer = self.weight_quantizer
        if isinstance(quantizer, RoundedWeight):
            (quantizer,) = quantizer.fake_quantizer
            self.quantize_weight_by(quantizer)
        if "rounded" in state:
            self.quantize_weight_by(RoundedWeight(quantizer, state))
        elif not state and prefix + self.weight_name in state_dict:
            self._float_weight_arrives(prefix[:-1])
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def quantize_weight_by(self, quantizer: FakeQuantizer | RoundedWeight) -> None:
        device = getattr(self, self.weight_name).device
        self.weight_quantizer = quantizer.to(device).train(self.training)

    def _float_weight_arrives(self, name: str) -> None:
        """A checkpoint of a float model: right for the weights, if no batch norm is folded."""
        if self.folded:
            raise InputError(
                f"{name}: the checkpoint is a float model's, whose batch norm is not folded. Load "
                "it into the float model before converting it; in a config give it as the "
                "Quantized model's checkpoint, not as load_from"
            )
        for quantizer in (self.weight_quantizer, self.input_quantizer):
            if isinstance(quantizer, FakeQuantizer):
                quantizer.reset()


class Conv2d(QuantizedLayer, nn.Conv2d):
    """``nn.Conv2d``, quantized; zeros that pad the input stay zeros."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(self.input_quantizer(x), self.quantized_weight(), self.bias)


class ConvTranspose2d(QuantizedLayer, nn.ConvTranspose2d):
    """``nn.ConvTranspose2d``, quantized. Its weight's output channels are in dimension 1."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        # PyTorch declares lists there and text here, and has tuples of numbers in both places.
        sizes: Any = self.stride, self.padding, self.kernel_size, 2, self.dilation
        output_padding = self._output_padding(x, output_size, *sizes)
        return F.conv_transpose2d(
            self.input_quantizer(x),
            self.quantized_weight(),
            self.bias,
            self.stride,
            self.padding,  # type: ignore[arg-type]
            output_padding,
            self.groups,
            self.dilation,
        )


class Linear(QuantizedLayer, nn.Linear):
    """``nn.Linear``, quantized."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.input_quantizer(x), self.quantized_weight(), self.bias)


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
