"""Measures of flatness during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS

from bsam_suite.engine.validated_weights import validated_weights
from bsam_suite.errors import InputError
from bsam_suite.sharpness.forward_state import RandomState

if TYPE_CHECKING:
    from bsam_suite.flatness import Objective


@HOOKS.register_module()
class FlatnessHook(Hook):
    """Log measures of flatness every n epochs, as ``flatness/NAME``.

    They are those of tools/analyze_flatness.py (docs/flatness.md), on a fixed part of the training
    data without augmentation, of the weights that validations see. The training stays as it was,
    bit for bit: random numbers, modes, buffers and gradients are left as they were. By default it
    logs the loss of these data and, as one step of training finds them, ``max_sharpness``,
    ``min_sharpness`` and ``flatness``: together two gradients and two losses. With several
    processes each has its share of the data.

    Args:
        measures: some of ``bsam_suite.flatness.measures.MEASURES``, but ``density``.
        interval: epochs from one measurement to the next; None for the last epoch alone.
        samples: how many; they stay in memory.
        batch_size: samples at a time; by default that of ``train_dataloader``.
        settings: arguments of ``bsam_suite.flatness.measures.Settings``, such as
            ``dict(rho=[0.05])``. By default the forms of sharpness are ``["plain"]`` here.

    Raises:
        InputError: an argument cannot be used; before training.

    Example:
        >>> custom_hooks = [dict(type='FlatnessHook', interval=5, measures=['one_step', 'trace'])]
    """

    # After hooks that change the weights, such as those that average them, and before the
    # checkpoint.
    priority = "BELOW_NORMAL"

    def __init__(
        self,
        measures: Sequence[str] = ("loss", "one_step"),
        interval: int | None = 1,
        samples: int = 256,
        batch_size: int | None = None,
        settings: dict | None = None,
    ) -> None:
        if interval is not None and (type(interval) is not int or interval < 1):
            raise InputError(
                f"interval={interval!r} in FlatnessHook: give a whole number from 1, or None"
            )
        self.measures, self.interval = measures, interval
        self.samples, self.batch_size = samples, batch_size
        self.settings = {"forms": ["plain"], **(settings or {})}
        self.objective: Objective | None = None

    def before_train(self, runner) -> None:
        # Not at the top: bsam_suite.flatness is built on this package.
        from bsam_suite.flatness.batches import training_loader
        from bsam_suite.flatness.hessian import check_eigenvalues
        from bsam_suite.flatness.measures import Settings
        from bsam_suite.flatness.trained import mmengine_objective

        self.wanted = Settings.of(self.settings, "settings of FlatnessHook")
        self.wanted.check(self.measures, "FlatnessHook")
        if "density" in self.measures:
            raise InputError("measures of FlatnessHook: density is a curve; leave it out")
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if any(hasattr(p, "to_local") for p in model.parameters()):
            raise InputError(
                "FlatnessHook does not measure models that fully_shard has cut: leave it out, and "
                "measure the checkpoints by tools/analyze_flatness.py"
            )
        state = RandomState(model.parameters())
        loader = training_loader(runner.cfg, self.samples, self.batch_size)
        self.objective = mmengine_objective(model, loader)
        state.restore()
        if "eigenvalues" in self.measures:
            check_eigenvalues(self.wanted.eigenvalues, self.objective)

    def after_train_epoch(self, runner) -> None:
        if not self.every_n_epochs(runner, self.interval or runner.max_epochs):
            return
        from bsam_suite.flatness.measures import measure

        objective = self.objective
        assert objective is not None
        with validated_weights(runner):
            rows = list(measure(objective, self.measures, self.wanted))
        names = [row.name for row in rows]
        values = {
            f"flatness/{row.name}" + (f"/{row.setting}" if names.count(row.name) > 1 else ""): row
            for row in rows
        }
        for name, row in values.items():
            runner.message_hub.update_scalar(name, row.value)
        runner.visualizer.add_scalars(
            {name: row.value for name, row in values.items()}, step=runner.epoch + 1
        )
        shown = (f"{name}: {row.value:.4g}" for name, row in values.items())
        runner.logger.info(f"Epoch {runner.epoch + 1}  {'  '.join(shown)}")
