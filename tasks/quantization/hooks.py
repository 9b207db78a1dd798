"""Calibration at the start of a run."""

from __future__ import annotations

from itertools import islice

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization import calibrate, needs_calibration
from bsam_suite.quantization.calibration import quantizers
from bsam_suite.sharpness import RandomState


@HOOKS.register_module()
class CalibrationHook(Hook):
    """Before training, calibrate a quantized model on the first batches of the training data.

    The batches go through the model in float, in evaluation mode (``mode="tensor"``). A model that
    is calibrated already, such as a resumed one, stays as it is. With several processes all take
    what the first one found.

    Args:
        batches: how many batches. Default 4.

    Raises:
        InputError: batches is less than 1.
    """

    # Before hooks that copy the model, such as those for averaged weights.
    priority = "VERY_HIGH"

    def __init__(self, batches: int = 4) -> None:
        if isinstance(batches, bool) or not isinstance(batches, int) or batches < 1:
            raise InputError(f"batches={batches!r} in CalibrationHook: give a whole number from 1")
        self.batches = batches

    def before_train(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not needs_calibration(model):
            return
        random_state = RandomState(model.parameters())
        count = calibrate(model, islice(runner.train_dataloader, self.batches))
        random_state.restore()
        _share(model)
        runner.logger.info(f"{len(quantizers(model))} quantizers calibrated on {count} batches")


def _share(model: nn.Module) -> None:
    for quantizer in quantizers(model).values():
        for value in quantizer.state_dict().values():
            broadcast(value)
