"""Evaluates a trained network under noise on its weights and on disturbed pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from bsam_suite.engine.metric_names import WATCHING
from bsam_suite.engine.validated_weights import validated_weights
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean
from bsam_suite.robustness.calibration import Calibration
from bsam_suite.robustness.corruptions import CORRUPTIONS, corrupted
from bsam_suite.robustness.validation import validate
from bsam_suite.robustness.weight_noise import filters, noisy_weights
from bsam_suite.sharpness.forward_state import ForwardState

SEVERITIES = dict(
    noise=(0.05, 0.1),
    blur=(0.03, 0.06),
    occlusion=(0.25, 0.5),
    contrast=(0.5, 0.25),
    brightness=(0.15, 0.3),
)
"""Of the corruptions, relative to the image: see :mod:`bsam_suite.robustness.corruptions`."""


@HOOKS.register_module()
class RobustnessHook(Hook):
    """At the end of training, validate under noise on the weights and on corrupted images.

    Logs the metric under ``robustness/clean``, ``robustness/weights 0.1``, ``robustness/blur 0.06``
    and so on, each name with its severity. Of a classifier, whose predictions are dicts with
    ``scores`` and ``label``, also ``robustness/ece`` and ``robustness/nll`` on the clean images.
    Other networks, such as those for poses, have no calibration measured. The weights are those
    that validations see. Weights, buffers and random numbers are left as they were.

    Args:
        weights: norms of the noise relative to that of each filter; ``[]`` for none. See
            :func:`bsam_suite.robustness.weight_noise.noisy_weights`.
        draws: of the noise on the weights; the mean over them is logged.
        corruptions: severities of each corruption by its name, from 0 to 1; :data:`SEVERITIES`
            where None, ``{}`` for none.
        metric: name of a validation metric; the first of the evaluator where None.
        seed: of all noise and of the places of what is hidden.

    Raises:
        InputError: a value cannot be used.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        weights: Sequence[float] = (0.05, 0.1, 0.2),
        draws: int = 3,
        corruptions: Mapping[str, Sequence[float]] | None = None,
        metric: str | None = None,
        seed: int = 0,
    ) -> None:
        corruptions = SEVERITIES if corruptions is None else corruptions
        if not isinstance(corruptions, Mapping):
            raise InputError(
                f"RobustnessHook: corruptions={corruptions!r}: give a dict, such as "
                "dict(blur=[0.03])"
            )
        for name in corruptions:
            if name not in CORRUPTIONS:
                raise InputError(
                    f"RobustnessHook: corruptions has {name!r}{did_you_mean(name, CORRUPTIONS)}"
                )
        for name, values in {"weights": weights, **corruptions}.items():
            _check_severities(name, values)
        for name, value, lowest in (("draws", draws, 1), ("seed", seed, 0)):
            if type(value) is not int or value < lowest:
                raise InputError(
                    f"RobustnessHook: {name}={value!r}: give a whole number from {lowest}"
                )
        self.weights, self.draws, self.corruptions = weights, draws, corruptions
        self.metric, self.seed = metric, seed

    def before_train(self, runner: Runner) -> None:
        """Corrupt one batch, to see that it can be done.

        Raises:
            InputError: there are no validation data, their images are not of 0 to 255, or the
                weights are spread over processes.
        """
        if runner.val_loop is None:
            raise InputError(
                "RobustnessHook: there are no validation data: give val_dataloader, val_cfg and "
                "val_evaluator (and leave out --no-validate), or leave out the hook"
            )
        if self.weights and any(
            hasattr(weight, "full_tensor") for weight, _ in filters(runner.model)
        ):
            raise InputError(
                "RobustnessHook: the weights are spread over processes (FSDP), and each filter's "
                "norm is needed: train with DDP or give the hook weights=[]"
            )
        state = ForwardState(runner.model, runner.model.parameters())
        try:
            batch = next(iter(runner.val_loop.dataloader))
            for name in self.corruptions:
                corrupted(batch, name, 0.5, self._generator())
        finally:
            state.restore()

    def after_train(self, runner: Runner) -> None:
        runner.logger.info("Robustness: the network is validated under noise and corruptions")
        state = ForwardState(runner.model, runner.model.parameters())
        try:
            with validated_weights(runner):
                measured = self._measure(runner)
        finally:
            state.restore()
        for name, value in measured.items():
            runner.message_hub.update_scalar(f"robustness/{name}", value)
        shown = ", ".join(f"{name}: {value:.4f}" for name, value in measured.items())
        runner.logger.info(f"Robustness: {shown}")

    def _measure(self, runner: Runner) -> dict[str, float]:
        batches = list(runner.val_loop.dataloader)

        def value(batches: Iterable) -> float:
            metrics = validate(runner, batches)
            return float(metrics[self.metric or next(iter(metrics))])

        metrics = validate(runner, batches, calibration=True)
        measured = dict(clean=float(metrics[self.metric or next(iter(metrics))]))
        measured |= {name: metrics[name] for name in Calibration.names if name in metrics}
        for strength in self.weights:
            drawn = []
            for draw in range(self.draws):
                with noisy_weights(runner.model, strength, self.seed + draw):
                    drawn.append(value(batches))
            measured[f"weights {strength:g}"] = float(np.mean(drawn))
        for name, severities in self.corruptions.items():
            for severity in severities:
                generator = self._generator()
                measured[f"{name} {severity:g}"] = value(
                    corrupted(batch, name, severity, generator) for batch in batches
                )
        return measured

    def _generator(self) -> torch.Generator:
        """Each process draws its own numbers for its images."""
        return torch.Generator("cpu").manual_seed(self.seed + get_rank())


WATCHING[RobustnessHook] = "metric"


def _check_severities(name: str, values: object) -> None:
    """Numbers from 0, and to 1 where they are of a corruption."""
    highest = math.inf if name == "weights" else 1
    fitting = isinstance(values, (list, tuple)) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= highest
        for value in values
    )
    if not fitting:
        raise InputError(
            f"RobustnessHook: {name}={values!r}: give a list of numbers, each "
            + ("0 or more" if name == "weights" else "from 0 to 1")
        )
