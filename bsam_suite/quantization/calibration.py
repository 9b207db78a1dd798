"""Set the quantizers of a model by the first data that it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from bsam_suite.errors import InputError, listed
from bsam_suite.quantization.fake_quantizers import FakeQuantizer


def quantizers(model: nn.Module) -> dict[str, FakeQuantizer]:
    """The quantizers of ``model`` by name."""
    return {n: m for n, m in model.named_modules() if isinstance(m, FakeQuantizer)}


def needs_calibration(model: nn.Module) -> bool:
    """Whether some quantizer of ``model`` cannot be used yet."""
    return any(quantizer.needs_calibration() for quantizer in quantizers(model).values())


@torch.no_grad()
def calibrate(
    model: nn.Module, batches: Iterable[Any], forward: Callable[[Any], Any] | None = None
) -> int:
    """Run ``model`` in float on ``batches`` and set all quantizers by what they see.

    The model is in evaluation mode meanwhile; its own parameters and statistics stay.

    Args:
        model: a converted model.
        batches: such as a data loader: inputs, or tuples and lists that start with them, as
            ``(inputs, targets)``; what MMEngine's loaders give, for a model of MMEngine.
        forward: runs the model on a batch of another kind.

    Returns:
        The number of batches.

    Raises:
        InputError: there is no batch, no quantizer, or one that no batch reaches. Quantizers stay
            as they were.
    """
    found = quantizers(model)
    if not found:
        raise InputError(
            f"{type(model).__name__} has no quantizer to calibrate: convert it first with "
            "bsam_suite.quantization.quantize"
        )
    modes = {module: module.training for module in model.modules()}
    count = 0
    try:
        for quantizer in found.values():
            quantizer.start_calibration()
        model.eval()
        # Notes are no part of a graph: a compiled model would be compiled anew for each layer.
        with torch.compiler.set_stance("force_eager"):
            for batch in batches:
                forward(batch) if forward else run(model, batch)
                count += 1
        _check_reached(found, count)
        for quantizer in found.values():
            quantizer.finish_calibration()
    finally:
        for quantizer in found.values():
            quantizer.cancel_calibration()
        for module, mode in modes.items():
            module.training = mode
    return count


def run(model: nn.Module, batch: Any) -> None:
    """Run ``model`` on what :func:`calibrate` takes for a batch.

    Raises:
        InputError: it is something else.
    """
    if isinstance(model, BaseModel) and not isinstance(batch, Tensor):
        model._run_forward(model.data_preprocessor(batch, False), mode="tensor")
        return
    inputs = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
    if not isinstance(inputs, Tensor):
        raise InputError(
            f"a calibration batch is a {type(batch).__name__} and not inputs or (inputs, targets): "
            "give calibrate(..., forward=FUNCTION), which runs the model on it"
        )
    weight = next(model.parameters())
    model(inputs.to(weight.device))


def _check_reached(found: dict[str, FakeQuantizer], count: int) -> None:
    if count == 0:
        raise InputError("calibration got no batch: give at least one")
    missed = [name for name, quantizer in found.items() if not quantizer.saw_data()]
    if missed:
        layers = dict.fromkeys(name.rpartition(".")[0] for name in missed)
        raise InputError(
            f"calibration on {count} batches never called {listed(layers)}: the model uses the "
            "weight by itself, or not at all in evaluation; name the layer in skip"
        )
