"""A quantized model by the config of the float one."""

from __future__ import annotations

from functools import partial

import torch
from mmengine.config import ConfigDict
from mmengine.logging import print_log
from mmengine.registry import MODELS
from torch import nn

from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.quantization import layer_bits, quantize


@MODELS.register_module("Quantized")
def quantized(model: dict, quantization: dict, checkpoint: str | None = None) -> nn.Module:
    """Build a float model and quantize it; the result is of the float model's own class.

    When a training starts, ``checkpoint`` gives the weights, or the float model's initialization
    where there is none; activations are calibrated by ``CalibrationHook``. To evaluate, or to go on
    with, a quantized checkpoint, the float one need not exist.

    Args:
        model: config of the float model.
        quantization: arguments of :func:`bsam_suite.quantization.quantize`.
        checkpoint: file with the float model's weights, to start training from.

    Raises:
        InputError: see :func:`bsam_suite.quantization.quantize`; when training starts, a
            checkpoint that is missing or of another model.

    Example:
        >>> model = dict(
        ...     type='Quantized',
        ...     model=dict(type='TopdownPoseEstimator', ...),
        ...     quantization=dict(
        ...         weight=dict(type='LSQ', bit_width=4), activation=dict(type='LSQ', bit_width=4)),
        ...     checkpoint='float.pth')
        >>> custom_hooks = [dict(type='CalibrationHook', batches=4)]
    """
    built = quantize(MODELS.build(model), **quantization)
    built.init_weights = partial(_start, built, ConfigDict(model), quantization, checkpoint)
    return built


#: Which fields are the arguments of which function, for the check of configs.
quantized.arguments_of = {"quantization": quantize}


@torch.no_grad()
def _start(built: nn.Module, model: dict, quantization: dict, checkpoint: str | None) -> None:
    """Give ``built`` the weights that training starts from."""
    # A second float model, since a folded batch norm leaves no place to load it into.
    source = MODELS.build(model)
    if checkpoint is not None:
        content = read_checkpoint(checkpoint)
        load_weights(source, content, checkpoint)
    elif hasattr(source, "init_weights"):
        source.init_weights()
    state = quantize(source, **quantization).state_dict()
    built.load_state_dict(state)
    table = layer_bits(built)
    lines = [f"{row.name} W{row.weight_bits}A{row.activation_bits}" for row in table]
    print_log("Bits of weights and inputs: " + ", ".join(lines), logger="current")
