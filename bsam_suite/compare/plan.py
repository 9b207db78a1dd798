"""The runs of a comparison."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mmengine.config import Config

from bsam_suite.atomic_write import write_text
from bsam_suite.compare.methods import Method, list_methods
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.rule_option import use_rule
from bsam_suite.engine.summary import METRICS
from bsam_suite.errors import InputError


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        setting: label of the config fields that ``--grid`` sets, ``""`` if it sets none.
    """

    name: str
    setting: str
    method: Method
    seed: int
    config: Path
    text: str
    imports: tuple[str, ...]
    epochs: int
    folder: Path

    @property
    def passes(self) -> float:
        """Forward and backward passes over the training set, as planned."""
        return self.epochs * self.method.passes

    @property
    def done(self) -> bool:
        return (self.folder / METRICS).is_file()

    def write_config(self) -> None:
        self.config.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.config, self.text)


def plan(
    config: str,
    rules: Sequence[str],
    seeds: int,
    grid: dict[str, list],
    equal_compute: bool,
    options: dict | None,
    out: Path,
) -> list[Run]:
    """The runs in their order: all rules of a seed, then the next seed.

    Args:
        rules: see :func:`bsam_suite.compare.methods.list_methods`.
        seeds: number of seeds; they are 0, 1, ...
        grid: lists of values. A name with a dot, such as ``model.label_smoothing``, is a field of
            the config: all rules are compared for each of its values. Others are hyperparameters of
            rules.
        equal_compute: see :func:`bsam_suite.compare.methods.list_methods`.

    Raises:
        InputError: a value cannot be used, the config counts iterations, or ``out`` has a run of
            the same name with another config.
    """
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: give a number from 1")
    fields = {name: values for name, values in grid.items() if "." in name}
    hyper = {name: values for name, values in grid.items() if "." not in name}
    configs = {}
    for values in product(*fields.values()):
        setting = dict(zip(fields, values))
        label = " ".join(f"{name.rpartition('.')[2]}={value}" for name, value in setting.items())
        chosen = {**(options or {}), **setting}
        base = load_config(config, chosen)
        for method in list_methods(base, rules, hyper, equal_compute):
            cfg = copy.deepcopy(base)
            use_rule(cfg, method.rule)
            check_optim_wrapper(cfg)
            multiply_epochs(cfg, method.epoch_factor)
            hooks = cfg.get("default_hooks") or {}
            saving = hooks.get("checkpoint") or dict(type="CheckpointHook")
            cfg.default_hooks = {**hooks, "checkpoint": {**saving, "max_keep_ckpts": 2}}
            configs[label, method] = cfg
    runs = [
        _run(label, method, seed, cfg, out)
        for seed in range(seeds)
        for (label, method), cfg in configs.items()
    ]
    unfinished = {run.setting for run in runs if not run.done}
    for cfg in {label: cfg for (label, _), cfg in configs.items() if label in unfinished}.values():
        preflight(cfg)
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


def _run(setting: str, method: Method, seed: int, cfg: Config, out: Path) -> Run:
    name = ", ".join(filter(None, [setting, method.name, f"seed={seed}"]))
    slug = name.replace(", ", ",").replace(" ", ",").replace("/", "-")
    run = Run(
        name,
        setting,
        method,
        seed,
        out / "configs" / f"{slug}.py",
        cfg.pretty_text,
        tuple(cfg.get("custom_imports", {}).get("imports", [])),
        cfg.train_cfg.max_epochs,
        out / "runs" / slug,
    )
    if run.config.is_file() and run.config.read_text() != run.text:
        raise InputError(
            f"{run.config} belongs to a comparison with other settings: repeat its command to "
            "continue it, or give another folder by --out"
        )
    return run
