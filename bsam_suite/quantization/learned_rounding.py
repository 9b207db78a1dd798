"""Learned rounding: each weight up or down, so that the layers' outputs change least."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError, listed
from bsam_suite.quantization.calibration import run
from bsam_suite.quantization.fake_quantizers import Codes
from bsam_suite.quantization.layers import QuantizedLayer, quantized_layers
from bsam_suite.quantization.matrix_product import from_product, to_product
from bsam_suite.quantization.reconstruction import Reconstruction
from bsam_suite.quantization.rounded_weight import RoundedWeight

ZETA, GAMMA = 1.1, -0.1
"""Where the rectified sigmoid would end, without being cut off at 1 and 0."""
BETA = 20.0, 2.0
"""The regularizer's exponent at its start and at the end."""
WEIGHT = 0.01
"""Of the regularizer."""
WARM_UP = 0.2
"""Share of the steps without it."""
LEARNING_RATE = 0.01


class OutputErrors(NamedTuple):
    """Of a layer, mean square over the calibration inputs of output less float output.

    A sum over output channels, each relative to its own mean square.
    """

    nearest: float
    learned: float


def learn_rounding(
    model: nn.Module,
    batches: Iterable[Any],
    steps: int = 1000,
    forward: Callable[[nn.Module, Any], Any] = run,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, OutputErrors]:
    """Round the weights of a calibrated model for good, up or down as is best for its outputs.

    AdaRound: M. Nagel et al., "Up or Down? Adaptive Rounding for Post-Training Quantization", ICML
    2020, arXiv 2004.10568. Scales and ranges stay. Layer by layer, in the order of their calls, it
    minimizes ``|W x - V y|^2 + 0.01 sum(1 - |2 h - 1|^beta)`` by Adam: x are the inputs in the
    float model, y those in the model whose earlier layers are rounded already, with inputs
    quantized as the model does; ``V = s clip(floor(W / s) + h, n, p)``, and h is a rectified
    sigmoid. beta falls from 20 to 2 after the first fifth of the steps. Then h is rounded.

    Different from the paper: the function after the layer (ReLU) is not part of the error, so that
    the error depends on the second moments of the inputs alone. They are gathered once and each
    step is one on all calibration data: nothing is drawn at random. The error of an output channel
    is relative to its mean square, as if a batch norm was folded into the layer. A channel whose
    error came out larger than with nearest rounding gets nearest rounding.

    Args:
        model: a quantized and calibrated model, changed in place. Its weights are not for further
            training. Its modes and its random numbers stay.
        batches: as of :func:`bsam_suite.quantization.calibrate`; held in memory.
        steps: of Adam, for each layer.
        forward: runs a model on a batch of another kind: ``forward(model, batch)``.
        advance: called after each step.

    Returns:
        The errors of each layer by name, in the order of their calls.

    Raises:
        InputError: no batch, steps below 1, a layer that no batch reaches or that is rounded
            already, or a quantizer that is not calibrated or does not round to the nearest level.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InputError(f"steps={steps!r} of learned rounding: give a whole number from 1")
    layers, batches = quantized_layers(model), list(batches)
    if not batches:
        raise InputError("learned rounding got no batch to calibrate on: give at least one")
    check_up_or_down(model)
    float_model = _float(model)
    float_layers = quantized_layers(float_model)
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        errors = {}
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            for name in _order(layers, partial(forward, model, batches[0])):
                seen = Reconstruction(layers[name], float_layers[name])
                for batch in batches:
                    seen.add(partial(forward, model, batch), partial(forward, float_model, batch))
                errors[name] = _round(layers[name], seen, steps, advance)
    finally:
        for module, mode in modes.items():
            module.training = mode
        for layer in layers.values():
            layer.weight_quantizer.train(layer.training)
    return errors


def check_up_or_down(model: nn.Module) -> None:
    """Make sure that :func:`learn_rounding` can round the weights of a quantized model.

    Raises:
        InputError: a layer that is rounded already, or whose quantizer does not round to the
            nearest level.
    """
    for name, layer in quantized_layers(model).items():
        if isinstance(layer.weight_quantizer, RoundedWeight):
            raise InputError(
                f"{name} is rounded already: start from the float checkpoint, quantized anew"
            )
        weight, codes = getattr(layer, layer.weight_name).detach(), layer.weight_codes()
        position = _position(weight, codes).clamp(codes.quant_min, codes.quant_max)
        if (position - codes.values).abs().max() > 0.501:
            kind = type(layer.weight_quantizer).__name__
            raise InputError(
                f"{name}: {kind} does not round a weight to the level next to it, so there is no "
                "up or down to learn: choose MinMaxFakeQuantizer, LSQ or LSQPlus for weights"
            )


def _position(weight: Tensor, codes: Codes) -> Tensor:
    """Where on the grid the weights lie, in steps from code 0."""
    return (weight if codes.offset is None else weight - codes.offset) / codes.scale


def _float(model: nn.Module) -> nn.Module:
    """A copy of ``model`` without quantization, in evaluation mode."""
    found = copy.deepcopy(model).eval()
    for layer in quantized_layers(found).values():
        layer.weight_quantizer = layer.input_quantizer = nn.Identity()  # type: ignore[assignment]
    return found


def _order(layers: dict[str, QuantizedLayer], run: Callable[[], object]) -> list[str]:
    """Names of the layers in the order in which a forward first calls them."""
    called: dict[str, None] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda *_, name=name: called.setdefault(name))
        for name, layer in layers.items()
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    if missed := layers.keys() - called.keys():
        raise InputError(
            f"the first batch of learned rounding never reaches {listed(sorted(missed))}: the "
            "model does not call the layer in evaluation; name it in skip"
        )
    return list(called)


def _round(
    layer: QuantizedLayer, seen: Reconstruction, steps: int, advance: Callable
) -> OutputErrors:
    """Learn the rounding of ``layer`` and round it."""
    weight, nearest = getattr(layer, layer.weight_name), layer.weight_codes()
    low = _position(weight, nearest).floor()
    power = seen.output_power().clamp_min(torch.finfo(weight.dtype).tiny)

    def changes(codes: Tensor) -> Tensor:
        clipped = codes.clamp(nearest.quant_min, nearest.quant_max)
        return to_product(layer, nearest._replace(values=clipped).dequantize() - weight)

    part = (_position(weight, nearest) - low - GAMMA) / (ZETA - GAMMA)
    logits = torch.logit(part).requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=LEARNING_RATE)
    for step in range(steps):
        with torch.enable_grad():
            up = _rectified_sigmoid(logits)
            change = changes(low + up)
            # Half the gradient of a quadratic form takes one product of matrices, autograd's three.
            gradient = 2 * seen.half_gradient(change.detach()) / power
            loss = (change * gradient).sum()
            if (progress := (step / steps - WARM_UP) / (1 - WARM_UP)) >= 0:
                beta = BETA[1] + (BETA[0] - BETA[1]) * (1 + math.cos(math.pi * progress)) / 2
                loss = loss + WEIGHT * (1 - (2 * up - 1).abs().pow(beta)).sum()
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        advance()
    learned = low + (_rectified_sigmoid(logits) >= 0.5)
    errors = [seen.errors(changes(c)) / power for c in (nearest.values.to(low.dtype), learned)]
    better = (errors[1] < errors[0]).expand_as(to_product(layer, low))
    values = torch.where(from_product(layer, better), learned, nearest.values)
    values = values.clamp(nearest.quant_min, nearest.quant_max).to(nearest.values.dtype)
    _set(layer, nearest._replace(values=values))
    return OutputErrors(errors[0].sum().item(), torch.minimum(*errors).sum().item())


def _rectified_sigmoid(logits: Tensor) -> Tensor:
    return (torch.sigmoid(logits) * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def _set(layer: QuantizedLayer, codes: Codes) -> None:
    """Let the layer hold the values of ``codes`` in place of its weight."""
    if codes.offset is not None and not codes.offset.any():
        codes = codes._replace(offset=None)
    old = getattr(layer, layer.weight_name)
    # A parameter of its own: an embedding that shares the old one stays as it is.
    new = nn.Parameter(codes.dequantize().to(old.dtype), requires_grad=old.requires_grad)
    setattr(layer, layer.weight_name, new)
    fake_quantizer: Any = layer.weight_quantizer
    layer.quantize_weight_by(RoundedWeight(fake_quantizer, RoundedWeight.state_of(codes)))
