"""What rounding costs a network that was trained in float."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from bsam_suite.compare.fit import validated_weights
from bsam_suite.errors import InputError
from bsam_suite.quantization import quantize
from bsam_suite.quantization.learned_rounding import check_up_or_down
from bsam_suite.sharpness.forward_state import ForwardState
from tasks.quantization.evaluate.post_training import (
    ACTIVATION_TYPE,
    ROUNDINGS,
    STEPS,
    WEIGHT_TYPE,
    first_batches,
    quantize_after_training,
)


@HOOKS.register_module()
class RoundingHook(Hook):
    """At the end of training, evaluate copies of the model that are quantized without training.

    At each width once with nearest and once with learned rounding, see
    :func:`bsam_suite.quantization.learn_rounding`, on the validation data. The evaluator's first
    metric is logged under ``rounding/w4 nearest`` and so on; with quantized inputs under
    ``rounding/w4a4 nearest``. The weights are those that validations see. The model, and all
    random numbers, stay as they are.

    For one process.

    Args:
        bits: widths, 2 to 8.
        activations: whether the layers' inputs are quantized, too, at the same width.
        batches: training batches to calibrate on, and to learn the rounding on.
        steps: of learned rounding, for each layer.
        weight_type: quantizer of weights, with a scale for each output channel.
        activation_type: quantizer of inputs, one for each layer.
        **conversion: other arguments of :func:`bsam_suite.quantization.quantize`, such as
            ``first_last_bit_width`` (8) and ``skip``.

    Raises:
        InputError: a value that is not usable.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        bits: Sequence[int] = (8, 4, 3, 2),
        activations: bool = False,
        batches: int = 4,
        steps: int = STEPS,
        weight_type: str = WEIGHT_TYPE,
        activation_type: str = ACTIVATION_TYPE,
        **conversion: Any,
    ) -> None:
        if not bits or not all(type(width) is int and 2 <= width <= 8 for width in bits):
            raise InputError(
                f"bits={bits!r} in RoundingHook: give whole numbers from 2 to 8, such as [8, 4]"
            )
        for name, value in (("batches", batches), ("steps", steps)):
            if type(value) is not int or value < 1:
                raise InputError(f"{name}={value!r} in RoundingHook: give a whole number from 1")
        self.batches, self.steps = batches, steps
        self.quantizations: dict[str, dict] = {}
        for width in bits:
            config: dict[str, Any] = dict(
                weight=dict(type=weight_type, bit_width=width, per_channel=True), **conversion
            )
            if activations:
                config["activation"] = dict(type=activation_type, bit_width=width)
            self.quantizations[f"w{width}a{width}" if activations else f"w{width}"] = config

    def before_train(self, runner: Runner) -> None:
        """Refuse what cannot be done before it has cost a training.

        Raises:
            InputError: several processes, no validation, or a model that cannot be quantized so.
        """
        if get_world_size() > 1:
            raise InputError(f"RoundingHook in {get_world_size()} processes: train in one process")
        if not runner.cfg.get("val_dataloader") or not runner.cfg.get("val_evaluator"):
            raise InputError(
                "RoundingHook evaluates on the validation data, and the config has none: set "
                "val_dataloader and val_evaluator"
            )
        for config in self.quantizations.values():
            check_up_or_down(quantize(_copy(runner.model), **config))

    def after_train(self, runner: Runner) -> None:
        state = ForwardState(runner.model, runner.model.parameters())
        try:
            with validated_weights(runner):
                model = _copy(runner.model)
            self._measure(runner, model)
        finally:
            state.restore()

    def _measure(self, runner: Runner, model: nn.Module) -> None:
        batches = first_batches(runner.cfg.train_dataloader, runner.seed, self.batches)
        loader = Runner.build_dataloader(runner.cfg.val_dataloader, seed=runner.seed)
        evaluator = runner.build_evaluator(copy.deepcopy(runner.cfg.val_evaluator))
        evaluator.dataset_meta = getattr(loader.dataset, "metainfo", None)
        start, done = time.monotonic(), 0
        total = len(self.quantizations) * len(ROUNDINGS)
        for width, config in self.quantizations.items():
            for rounding in ROUNDINGS:
                quantized = quantize_after_training(model, config, batches, rounding, self.steps)
                with torch.no_grad():
                    for batch in loader:
                        evaluator.process(quantized.val_step(batch), batch)
                metric, value = next(iter(evaluator.evaluate(len(loader.dataset)).items()))
                runner.message_hub.update_scalar(f"rounding/{width} {rounding}", value)
                done += 1
                left = (time.monotonic() - start) / done * (total - done)
                runner.logger.info(
                    f"rounding [{done}/{total}] {width} {rounding}: {metric} {value:.4f}, "
                    f"{left:.0f} s left"
                )


def _copy(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode."""
    found = copy.deepcopy(model).eval()
    # A compiled forward is an attribute of the instance, and would go on with the original.
    for name in [n for n in vars(found) if callable(getattr(type(found), n, None))]:
        delattr(found, name)
    return found
