"""A weight that is rounded for good: in a packed checkpoint, or by learned rounding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError
from bsam_suite.quantization.fake_quantizers import Codes, FakeQuantizer


class RoundedWeight(nn.Module):
    """Stands for the weight's quantizer of a layer that holds rounded values itself.

    Quantizers that take their grid from the weights, such as DoReFa's, would round the rounded
    values once more, to others.

    Args:
        fake_quantizer: what it stands for.
        state: what a state dict has of it, see :meth:`state_of`.

    Raises:
        InputError: the quantizer has other bits.
    """

    quant_range: Tensor
    scale: Tensor

    def __init__(self, fake_quantizer: FakeQuantizer, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.fake_quantizer = (fake_quantizer,)  # no submodule: it is no part of the state
        fake_quantizer.check_bit_width(state["bits"])
        self.bit_width = fake_quantizer.bit_width
        for name, value in state.items():
            self.register_buffer(name, value.clone())

    @staticmethod
    def state_of(codes: Codes) -> dict[str, Tensor]:
        """What a state dict has of the weight besides its values."""
        quant_range = torch.tensor([codes.quant_min, codes.quant_max])
        state = dict(bits=torch.tensor(codes.bit_width), quant_range=quant_range, scale=codes.scale)
        state["rounded"] = torch.tensor(True)
        return state if codes.offset is None else {**state, "offset": codes.offset}

    def forward(self, weight: Tensor) -> Tensor:
        """``weight``, which is rounded already.

        Raises:
            InputError: it is to be trained.
        """
        if self.training and weight.requires_grad and torch.is_grad_enabled():
            raise InputError(
                "weights rounded for good (in a packed checkpoint, or by learned rounding) cannot "
                "be trained: start from the checkpoint that they were made from"
            )
        return weight

    @torch.no_grad()
    def codes(self, weight: Tensor) -> Codes:
        """The integers that stand for ``weight``."""
        offset = getattr(self, "offset", None)
        shifted = weight if offset is None else weight - offset
        low, high = self.quant_range.tolist()
        values = torch.round(shifted / self.scale).clamp(low, high).to(torch.int16)
        return Codes(values, self.scale, offset, low, high, self.bit_width)
