"""What all fake-quant modules have in common: bits, codes, calibration, checkpoints."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError, brief
from bsam_suite.quantization.matrix_view import MatrixView, to_matrix
from bsam_suite.quantization.statistics import Statistics
from bsam_suite.quantization.straight_through import StraightThrough
from bsam_suite.sharpness import perturbed


class Codes(NamedTuple):
    """A quantized tensor: integers and what turns them back into values.

    Attributes:
        values: the integers, int16, in the tensor's shape.
        scale: what one step of a code is worth, of a shape that broadcasts over ``values``.
        offset: the value of code 0, likewise; None for 0.
        quant_min: lowest code possible.
        quant_max: highest code possible.
        bit_width: bits that ``values - quant_min`` fits in.
    """

    values: Tensor
    scale: Tensor
    offset: Tensor | None
    quant_min: int
    quant_max: int
    bit_width: int

    def dequantize(self) -> Tensor:
        """The values that the quantizer's forward gives."""
        values = self.values.to(self.scale.dtype) * self.scale
        return values if self.offset is None else values + self.offset


class FakeQuantizer(nn.Module):
    """Rounds a tensor to ``2 ** bit_width`` levels in the forward pass, all in floating point.

    All state that a forward reads or changes is in parameters and buffers, with their final shape
    from the start. Values come from calibration: between :meth:`start_calibration` and
    :meth:`finish_calibration`, a forward hands its input on unrounded and takes notes.

    Args:
        bit_width: 2 to 8; some quantizers take 1 for weights.
        kind: ``"weight"`` or ``"activation"``. An activation's first dimension is the batch.
        signed: codes from ``-2 ** (bit_width - 1)``, or from 0. None: signed for weights; for
            activations, signed if calibration meets values below 0.
        channels: number of channels that get parameters of their own; None for one set of the
            whole tensor.
        dim: the dimension of these channels. Default 0 for weights, 1 for activations.

    Raises:
        InputError: a value out of its range, or a kind that the quantizer is not made for.
    """

    kinds: tuple[str, ...] = ("weight", "activation")
    fewest_bits = {"weight": 2, "activation": 2}
    #: Of a quantizer's config, what ``quantize`` reads itself.
    builder_fields: ClassVar[dict] = {"per_channel": frozenset({bool})}
    formula: StraightThrough
    quant_range: Tensor
    initialized: Tensor

    def __init__(
        self,
        bit_width: int,
        kind: str = "activation",
        signed: bool | None = None,
        channels: int | None = None,
        dim: int | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if kind not in self.kinds:
            raise InputError(f"{name} is made for {' and '.join(self.kinds)}s, not kind={kind!r}")
        fewest = self.fewest_bits[kind]
        if type(bit_width) is not int or not fewest <= bit_width <= 8:
            raise InputError(f"bit_width={bit_width!r} in {name} for {kind}s: give {fewest} to 8")
        if channels is not None and channels < 1:
            raise InputError(f"channels={channels!r} in {name}: give 1 or more, or None")
        self.bit_width, self.kind, self.channels = bit_width, kind, channels
        self.signed = True if signed is None and kind == "weight" else signed
        self.dim = None if channels is None else dim if dim is not None else int(kind != "weight")
        self.num_scales = channels or 1
        #: Whether a sharpness-aware rule's further passes run at Q(w) + e instead of Q(w + e), with
        #: e the perturbation: the rounding of the first pass is held. For weights.
        self.perturb_rounded = False
        #: Name of the layer in messages; conversion sets it.
        self.name = ""
        # For checkpoints alone: a look at a number on a GPU waits for all work.
        self.register_buffer("bits", torch.tensor(bit_width))
        codes = self.code_range(bool(self.signed))
        quant_range = torch.tensor(codes, dtype=torch.get_default_dtype())
        self.register_buffer("quant_range", quant_range)
        self.register_buffer("initialized", torch.tensor(False))
        self._statistics: Statistics | None = None
        # Once seen True, `initialized` is not read again: on a GPU reading it waits for all work.
        self._ready = False

    def code_range(self, signed: bool) -> tuple[int, int]:
        """Lowest and highest code. A single bit has the codes 0 and 1."""
        if signed and self.bit_width > 1:
            half = 2 ** (self.bit_width - 1)
            return -half, half - 1
        return 0, 2**self.bit_width - 1

    def forward(self, x: Tensor) -> Tensor:
        """``x`` rounded to the grid, in its own shape and dtype.

        Raises:
            InputError: it has not been calibrated.
        """
        if self._statistics is not None:
            self._statistics.add(to_matrix(x, self.dim))
            return x
        self._check_ready()
        return self._around_rounded(x) if self.perturb_rounded else self.fake_quantize(x)

    def _around_rounded(self, x: Tensor) -> Tensor:
        if perturbed():
            return x + self._rounding
        rounded = self.fake_quantize(x)
        self._rounding: Tensor = (rounded - x).detach()
        return rounded

    def fake_quantize(self, x: Tensor) -> Tensor:
        """``x`` rounded, by the parameters as they are."""
        return self.formula(x, self.dim, self.quant_range, self.formula_parameters())

    def formula_parameters(self) -> tuple[Tensor, ...]:
        """What the formula takes besides the range of codes, shape (R,) each.

        Without any there is nothing to calibrate.
        """
        return ()

    @torch.no_grad()
    def codes(self, x: Tensor) -> Codes:
        """The integers that stand for ``x``; they dequantize to what a forward gives, exactly.

        Under eager evaluation or compiled on a CPU "exactly" means bit for bit, but for the sign
        of zeros.

        Raises:
            InputError: it has not been calibrated.
        """
        self._check_ready()
        view = MatrixView(x, self.dim)
        columns = [p.view(-1, 1) for p in self.formula_parameters()]
        arguments = view.to_matrix(x).to(self.quant_range.dtype), *self.quant_range, *columns
        values = self.formula.codes(*arguments)
        shape = [1] * x.ndim
        if self.dim is not None:
            shape[self.dim] = -1
        scale, offset = self.formula.grid(*arguments)
        offset = None if offset is None else offset.view(shape)
        integers = view.from_matrix(values).to(torch.int16)
        low, high = map(int, self.quant_range.tolist())
        return Codes(integers, scale.view(shape), offset, low, high, self.bit_width)

    def start_calibration(self) -> None:
        """From now on a forward changes nothing of its input and takes notes."""
        self._statistics = Statistics()

    def cancel_calibration(self) -> None:
        """Throw the notes away; parameters stay as they are."""
        self._statistics = None

    def saw_data(self) -> bool:
        """Whether a forward has taken notes since calibration began."""
        return self._statistics is not None and self._statistics.batches > 0

    @torch.no_grad()
    def finish_calibration(self) -> None:
        """Set the range of codes and the parameters by what was seen.

        Raises:
            InputError: nothing was seen.
        """
        seen, self._statistics = self._statistics, None
        if seen is None or seen.batches == 0:
            raise InputError(
                f"{self.name or type(self).__name__} saw no data in calibration: give batches that "
                "reach this layer, or name it in skip"
            )
        signed = self.signed if self.signed is not None else bool(seen.low.min() < 0)
        self.quant_range.copy_(torch.tensor(self.code_range(signed)))
        self.fit(seen)
        self.initialized.fill_(True)
        self._ready = True

    def fit(self, seen: Statistics) -> None:
        """Set the parameters by what was seen; ``self.quant_range`` holds already."""

    def initialize(self, x: Tensor) -> FakeQuantizer:
        """Calibrate with one tensor, such as a weight. Returns itself."""
        self.start_calibration()
        self(x.detach())
        self.finish_calibration()
        return self

    def needs_calibration(self) -> bool:
        """Whether it has to be calibrated before it can be used."""
        self._ready = self._ready or not self.formula_parameters() or bool(self.initialized)
        return not self._ready

    def reset(self) -> None:
        """Ask for calibration again, as after new float weights."""
        self.initialized.fill_(False)
        self._ready = False

    def _check_ready(self) -> None:
        if not self._ready and self.needs_calibration():
            raise InputError(
                f"{self.name or type(self).__name__} is not calibrated: run "
                "bsam_suite.quantization.calibrate(model, batches) first, or in a config add "
                "custom_hooks = [dict(type='CalibrationHook')]"
            )

    def check_bit_width(self, saved: Tensor) -> None:
        """Make sure that a checkpoint has as many bits.

        Raises:
            InputError: it has others.
        """
        if saved.numel() != 1 or saved.item() != self.bit_width:
            raise InputError(
                f"{self.name or type(self).__name__} has {brief(saved.tolist())} bits in the "
                f"checkpoint and {self.bit_width} in the config: give the bits that it was trained "
                "with, or start from the float checkpoint"
            )

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:
        if prefix + "bits" in state_dict:
            self.check_bit_width(state_dict[prefix + "bits"])
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self._ready = False

    def extra_repr(self) -> str:
        per = "tensor" if self.channels is None else f"channel ({self.channels}, dim {self.dim})"
        return f"{self.bit_width} bits, {self.kind}, per {per}"
