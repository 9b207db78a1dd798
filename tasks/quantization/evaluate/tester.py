"""Models of one config under the config's own test loop."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from torch import nn

from bsam_suite.engine.runner import Runner
from tasks.quantization.evaluate.post_training import first_batches


class Tester:
    """Builds data and evaluator once and tests any number of models with them.

    Args:
        cfg: config with the float model.
        folder: for what MMEngine logs.
        advance: called after each batch.

    Attributes:
        model: the float model, on its device, with random weights.
        seed: of all chance.
    """

    def __init__(self, cfg: Config, folder: str, advance: Callable[[], None]) -> None:
        cfg = Config(cfg._cfg_dict.to_dict(), filename=cfg.filename)
        cfg.launcher, cfg.work_dir, cfg.log_level = "none", folder, "WARNING"
        # Hooks of training and of pictures; what they do to weights is in the checkpoint.
        cfg.custom_hooks, cfg.default_hooks = [], dict(logger=None, checkpoint=None)
        # MMEngine keeps loggers and visualizers by name, for as long as the process lives.
        cfg.experiment_name = Path(folder).name
        cfg.visualizer = dict(type="Visualizer", name=cfg.experiment_name, vis_backends=[])
        cfg.load_from, cfg.resume = None, False
        randomness = cfg.get("randomness", {})
        cfg.randomness = {**randomness, "seed": randomness.get("seed") or 0}
        self._runner = Runner.from_cfg(cfg)
        self._runner.register_hook(_Advance(advance), priority="LOWEST")
        self._train = cfg.train_dataloader
        self.model, self.seed = self._runner.model, self._runner.seed
        self.device = next(self.model.parameters()).device

    def training_batches(self, count: int) -> list[Any]:
        """The first batches of the training data, the same ones in every call.

        Raises:
            InputError: there is none.
        """
        with _silence():
            return first_batches(self._train, self._runner.seed, count)

    def test_batch_count(self) -> int:
        """Number of batches in the test data."""
        with _silence():
            self._runner._test_loop = self._runner.build_test_loop(self._runner._test_loop)
        return len(self._runner.test_loop.dataloader)

    def metrics(self, model: nn.Module) -> dict[str, float]:
        """What the config's test evaluator says of ``model``."""
        self._runner.model = model
        with _silence():
            return {name: float(value) for name, value in self._runner.test().items()}


def batch_size(batch: Any) -> int:
    """Images in a batch of the data loader."""
    return len(batch["inputs"] if isinstance(batch, dict) else batch[0])


class _Advance(Hook):
    def __init__(self, advance: Callable[[], None]) -> None:
        self.advance = advance

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.advance()


def _silence():
    # COCO's tools print tables of their own.
    return contextlib.redirect_stdout(io.StringIO())
