"""Short runs of an MMEngine config, each as ``bsam train`` begins it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from torch import Tensor, nn

from bsam_suite.engine.building import building
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.engine.registry import build_rule
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.engine.rule_option import NONE, use_rule
from bsam_suite.engine.runner import Runner
from bsam_suite.engine.sheet_hook import is_sheet
from bsam_suite.errors import InputError
from bsam_suite.rho_finder.find import Watch
from bsam_suite.rho_finder.line import Closure, check_rule

SHORTEST, LONGEST = 20, 300
"""Steps of a short run that is a fifth of the training, at least and at most."""


class ConfigRuns:
    """A config's training, begun again and again (:class:`bsam_suite.rho_finder.find.Training`).

    Args:
        path: of the config.
        options: as of ``--cfg-options``.
        name: of the rule.
        values: its hyperparameters but the radii, may be as typed.
        looks: the number of batches to look at, of one epoch.
        seed: of all chance.

    Raises:
        InputError: the config, the rule or its data cannot be used.
    """

    def __init__(
        self,
        path: str,
        options: dict | None,
        name: str,
        values: Mapping[str, object],
        looks: int,
        seed: int,
    ) -> None:
        self.path, self.looks, self.seed, self.out = path, looks, seed, Path()
        for key, value in values.items():
            if key.startswith("rho") and key != "rho_min_follows_lr":
                raise InputError(f"--rule {name} {key}={value}: leave it out, radii are found here")
        if name.lower() == NONE:
            raise InputError(f"--rule {name}: it has no radius to find; give one such as BSAM")
        if type(looks) is not int or looks < 2:
            raise InputError(f"--looks {looks}: give a number of batches from 2")
        self.prepared = cfg = _prepare(load_config(path, options, (name, dict(values))), seed)
        self.rule = build_rule(dict(cfg.optim_wrapper.rule))
        check_rule(self.rule)
        if not cfg.get("train_dataloader"):
            raise InputError(f"{path} has no train_dataloader to look at")
        check_optim_wrapper(cfg)
        preflight(cfg)
        self.loader = self._build_loader(cfg)
        self.parts = cfg.optim_wrapper.get("accumulative_counts", 1)
        there = len(self.loader) // self.parts
        if there < 2:
            raise InputError(
                f"train_dataloader of {path}: {there} batches of a step in an epoch, and two are "
                "needed at least: give more data or a smaller batch_size"
            )
        loop, epochs = cfg.train_cfg, cfg.train_cfg.get("max_epochs")
        self.whole = epochs * len(self.loader) if epochs else loop.get("max_iters", LONGEST * 5)
        self.steps = max(SHORTEST, min(self.whole // 5, LONGEST))

    def config(self, rho: float | None) -> Config:
        """The config of a run with the rule at this radius, or with the base optimizer alone."""
        cfg = copy.deepcopy(self.prepared)
        if rho is None:
            use_rule(cfg, None)
        else:
            cfg.optim_wrapper.rule.update(dict.fromkeys(self.rule.radius_names, rho))
        return cfg

    def _build_loader(self, cfg: Config) -> Any:
        with building(cfg):
            return Runner.build_dataloader(cfg.train_dataloader, seed=self.seed)

    def closures(self, model: nn.Module) -> list[Closure]:
        """One for each step's batches; the model's inputs are on its device already."""
        whole: Any = model
        batches = list(islice(iter(self.loader), self.looks * self.parts))
        batches = batches[: len(batches) // self.parts * self.parts]
        data = [whole.data_preprocessor(batch, True) for batch in batches]
        steps = [data[i : i + self.parts] for i in range(0, len(data), self.parts)]
        return [_closure(whole, step) for step in steps]

    def train(self, rho: float | None, steps: int, watch: Watch) -> None:
        """Train in a folder of its own in :attr:`out`."""
        cfg = self.config(rho)
        name = "plain" if rho is None else f"rho={rho:g}"
        cfg.work_dir = str(self.out / "runs" / name)
        cfg.experiment_name = f"{self.out.name}_{name}"
        with building(cfg), report_disk_errors(cfg.work_dir):
            runner = Runner.from_cfg(cfg)
            runner.register_hook(_WatchHook(watch, steps))
            try:
                runner.train()
            except _Enough:
                return
        raise InputError(f"{self.path} ends its training before {steps} steps: give --steps fewer")


def _prepare(cfg: Config, seed: int) -> Config:
    """Leave out validation, checkpoints, and a warm-up of the radius."""
    for part in ("val", "test"):
        for field in ("cfg", "dataloader", "evaluator"):
            cfg[f"{part}_{field}"] = None
    make_reproducible(cfg, seed)
    cfg.default_hooks = {**cfg.default_hooks, "checkpoint": None}
    watching = ("CurvesHook", "EarlyStoppingHook")  # of validations, as the sheets
    cfg.custom_hooks = [
        h for h in cfg.custom_hooks if h.get("type") not in watching and not is_sheet(h)
    ]
    cfg.resume, cfg.log_level, cfg.visualizer = False, "ERROR", None
    cfg.optim_wrapper.pop("rho_warmup", None)
    return cfg


class _Enough(Exception):
    """The run is as long as it should be."""


class _WatchHook(Hook):
    """Tells of a run's losses, and ends it."""

    priority = "LOWEST"

    def __init__(self, watch: Watch, steps: int) -> None:
        self.watch, self.steps, self.made = watch, steps, 0

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if self.made == 0:
            self.watch(runner.model, None)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        self.made += 1
        self.watch(runner.model, float(torch.as_tensor((outputs or {})["loss"]).detach()))
        if self.made == self.steps:
            raise _Enough


def _closure(model: Any, data: list) -> Closure:
    def closure() -> Tensor:
        model.zero_grad()
        total = torch.zeros(())
        for one in data:
            losses = model._run_forward(one, mode="loss")
            loss = model.parse_losses(losses)[0] / len(data)
            loss.backward()
            total = loss.detach() + total.to(loss.device)
        return total

    return closure
