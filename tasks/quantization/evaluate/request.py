"""What is asked for, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field

import tasks.quantization.register_all  # noqa: F401
from bsam_suite.errors import InputError
from bsam_suite.quantization.convert import quantizer_types
from tasks.quantization.evaluate.post_training import ACTIVATION_TYPE, ROUNDINGS, STEPS, WEIGHT_TYPE


@dataclass
class Request:
    """An evaluation at several widths.

    Args:
        config: config file of a float or of a quantized model.
        bits: widths of weights and inputs, 2 to 8.
        out: folder for the results; None: ``quantized`` beside the checkpoint.
        weight_type: quantizer of weights, with a scale for each output channel.
        activation_type: quantizer of inputs, one for each layer.
        calibration_batches: training batches that the inputs' quantizers are set by, and the
            rounding is learned on.
        rounding: of weights: ``"nearest"`` or ``"learned"``.
        rounding_steps: of learned rounding, for each layer.
        command_line: what asks for it, to be told with the results.

    Raises:
        InputError: a value that is not usable.
    """

    config: str
    checkpoint: str
    bits: list[int] = field(default_factory=lambda: [8, 4, 3, 2])
    out: str | None = None
    weight_type: str = WEIGHT_TYPE
    activation_type: str = ACTIVATION_TYPE
    calibration_batches: int = 4
    rounding: str = "nearest"
    rounding_steps: int = STEPS
    skip: list[str] = field(default_factory=list)
    cfg_options: dict | None = None
    command_line: str = ""

    def __post_init__(self) -> None:
        self.bits = list(dict.fromkeys(self.bits))
        for bits in self.bits:
            if not 2 <= bits <= 8:
                raise InputError(f"--bits {bits}: give whole numbers from 2 to 8, such as 8 4 3 2")
        for option, kind, name in (
            ("--weight-type", "weight", self.weight_type),
            ("--activation-type", "activation", self.activation_type),
        ):
            if name not in quantizer_types(kind):
                names = ", ".join(quantizer_types(kind))
                raise InputError(f"{option} {name}: no quantizer for {kind}s, give one of {names}")
        if self.calibration_batches < 1:
            raise InputError(
                f"--calibration-batches {self.calibration_batches}: give a number from 1"
            )
        if self.rounding not in ROUNDINGS:
            raise InputError(f"--rounding {self.rounding}: give one of {', '.join(ROUNDINGS)}")
        if self.rounding_steps < 1:
            raise InputError(f"--rounding-steps {self.rounding_steps}: give a number from 1")

    def quantization(self, bits: int) -> dict:
        """Arguments of :func:`bsam_suite.quantization.quantize` at one width."""
        return dict(
            weight=dict(type=self.weight_type, bit_width=bits, per_channel=True),
            activation=dict(type=self.activation_type, bit_width=bits),
        )
