"""How well a trained network fits the data that it was trained on."""

from __future__ import annotations

import copy

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from bsam_suite.compare.hold_out import as_evaluated, of_items
from bsam_suite.engine.validated_weights import validated_weights


@HOOKS.register_module()
class FitHook(Hook):
    """Evaluate the training data at the end of training, labels as they are given.

    They are prepared as validation data are, without augmentation. The metrics are logged under
    ``fit/NAME``.
    """

    priority = "VERY_LOW"

    def after_train(self, runner: Runner) -> None:
        setting = copy.deepcopy(runner.cfg.val_dataloader)
        setting.dataset = as_evaluated(runner.cfg.train_dataloader.dataset, setting.dataset)
        loader = Runner.build_dataloader(setting)
        evaluator = runner.build_evaluator(of_items(runner.cfg.val_evaluator))
        evaluator.dataset_meta = getattr(loader.dataset, "metainfo", None)
        with validated_weights(runner), torch.no_grad():
            for batch in loader:
                evaluator.process(runner.model.val_step(batch), batch)
        for name, value in evaluator.evaluate(len(loader.dataset)).items():
            runner.message_hub.update_scalar(f"fit/{name}", value)
