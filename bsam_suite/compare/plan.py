"""The runs of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

import bsam_suite.compare.fit
import bsam_suite.robustness
from bsam_suite.atomic_write import write_text
from bsam_suite.compare.hold_out import hold_out
from bsam_suite.compare.methods import count_passes
from bsam_suite.compare.record import Record, config_hash
from bsam_suite.compare.study import Cell, Method, Settings, Study, label
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config
from bsam_suite.engine.rule_option import choose_rule, use_rule
from bsam_suite.errors import InputError

PARTS = [m.__name__ for m in (bsam_suite.compare.fit, bsam_suite.robustness)]
"""What configs of a study may name, beside the parts of their tasks; the first imports ``Part``."""

TUNING, TEST = "tuning", "test"
"""What a run is for: its metric is of the part to choose by, or of the one to report."""


@dataclass(frozen=True)
class Folders:
    """Where a study keeps its runs and, apart from them, the records of those that ended."""

    out: Path
    records: Path


@dataclass(frozen=True)
class Training:
    """What is trained, with whatever seed.

    Attributes:
        passes: forward and backward passes over the training set, as planned.
    """

    cfg: Config
    passes: float

    @cached_property
    def text(self) -> str:
        return self.cfg.pretty_text

    @cached_property
    def hash(self) -> str:
        return config_hash(self.cfg)


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        cell: name of the setting.
        chosen: the tuned settings.
        part: :data:`TUNING` or :data:`TEST`.
    """

    cell: str
    method: str
    chosen: Settings
    part: str
    seed: int
    training: Training
    folders: Folders

    @property
    def name(self) -> str:
        method = f"{self.method} {label(self.chosen)}".strip()
        part = TUNING if self.part == TUNING else ""
        return ", ".join(filter(None, [self.cell, method, part, f"seed={self.seed}"]))

    @property
    def slug(self) -> str:
        return self.name.replace(", ", ",").replace(" ", ",").replace("/", "-")

    @property
    def folder(self) -> Path:
        return self.folders.out / "runs" / self.slug

    @property
    def config(self) -> Path:
        return self.folders.out / "configs" / f"{self.slug}.py"

    @property
    def record_file(self) -> Path:
        return self.folders.records / f"{self.slug}.{self.training.hash}.json"

    @property
    def done(self) -> bool:
        return self.record_file.is_file()

    @property
    def record(self) -> Record:
        return Record.read(self.record_file)

    def write_config(self) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.config, self.training.text)


def plan_runs(
    study: Study,
    cell: Cell,
    method: Method,
    chosen: Settings,
    part: str,
    seeds: Iterable[int],
    folders: Folders,
) -> list[Run]:
    """A run for each seed, all of one config.

    Raises:
        InputError: a value cannot be used, the config counts iterations, or ``folders`` has a run
            of the same name with another config.
    """
    chosen = {name: value for name, value in chosen.items() if name not in method.settings}
    settings = {**method.settings, **chosen}
    fields = {name: value for name, value in settings.items() if "." in name}
    hyper = {name: value for name, value in settings.items() if "." not in name}
    held_out = study.validation if part == TUNING else None
    data = held_out if isinstance(held_out, Mapping) else {}
    cfg = load_config(cell.config, {**cell.options, **fields, **data})
    rule = choose_rule(cfg, method.rule, hyper, f"method {method.name!r}:")
    use_rule(cfg, rule)
    check_optim_wrapper(cfg)
    multiply_epochs(cfg, method.epochs)
    imports = cfg.get("custom_imports") or {}
    cfg.custom_imports = {**imports, "imports": [*imports.get("imports", []), *PARTS]}
    hooks = cfg.get("default_hooks") or {}
    saving = hooks.get("checkpoint") or dict(type="CheckpointHook")
    cfg.default_hooks = {**hooks, "checkpoint": {**saving, "max_keep_ckpts": 2}}
    added = [*method.hooks, *(study.hooks if part == TEST else ())]
    if added:
        cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), *added]
    if isinstance(held_out, float):
        hold_out(cfg, held_out)
    elif part == TEST and study.trials and cfg.get("test_dataloader"):
        cfg.val_dataloader, cfg.val_evaluator = cfg.test_dataloader, cfg.test_evaluator
    training = Training(cfg, cfg.train_cfg.max_epochs * count_passes(rule))
    runs = [
        Run(cell.name, method.name, dict(chosen), part, seed, training, folders) for seed in seeds
    ]
    for run in runs:
        if run.config.is_file() and run.config.read_text() != training.text:
            raise InputError(
                f"{run.config} belongs to a comparison with other settings: repeat its command to "
                "continue it, or give another folder by --out"
            )
    return runs


def multiply_epochs(cfg: Config, factor: float) -> None:
    """Train ``factor`` times as many epochs, with the schedules by epoch scaled likewise.

    Where these are no whole numbers, the nearest are taken.

    Raises:
        InputError: the config counts iterations.
    """
    if "max_epochs" not in cfg.train_cfg:
        raise InputError(f"{cfg.filename}: train_cfg.max_epochs is not set; comparisons need it")
    cfg.train_cfg.max_epochs = round(factor * cfg.train_cfg.max_epochs)
    schedulers = cfg.get("param_scheduler") or []
    for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
        if scheduler.get("by_epoch", True):
            for name in scheduler.keys() & {"begin", "end", "T_max", "milestones", "step_size"}:
                value = scheduler[name]
                several = isinstance(value, list)
                whole = [round(factor * v) for v in (value if several else [value])]
                scheduler[name] = whole if several else whole[0]
