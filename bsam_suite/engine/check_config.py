"""Misspelt types, fields and values of a config, found before any long work."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module

from mmengine import registry as registries
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner, TestLoop, ValLoop
from mmengine.utils.dl_utils import set_multi_processing
from torch.utils.data import DataLoader

from bsam_suite.engine.check_part import BOOL, EMPTY, check_fields, check_part
from bsam_suite.engine.signatures import Fields, fields_of, reads
from bsam_suite.errors import InputError, brief
from bsam_suite.nearest import did_you_mean, nearest


def check_config(cfg: Config) -> None:
    """Check what MMEngine's ``Runner`` builds: types, names of fields, kinds of values.

    What there is to choose from is read from the registries, and what a part takes from its
    signature. ``optim_wrapper`` and ``param_scheduler`` have
    :func:`bsam_suite.engine.check_optim.check_optim_wrapper`.

    Raises:
        InputError: the first thing that is wrong, with its place and the nearest right name.
    """
    _check_names(cfg)
    scope = cfg.get("default_scope")
    _check_scope(scope)
    if cfg.get("model") is not None:
        check_part(cfg.model, registries.MODELS, "model", scope)
    for split, loops in LOOPS.items():
        if cfg.get(f"{split}_dataloader") is not None:
            _check_loader(cfg[f"{split}_dataloader"], f"{split}_dataloader", scope)
        if cfg.get(f"{split}_cfg") is not None:
            _check_loop(cfg[f"{split}_cfg"], loops, f"{split}_cfg", scope)
        if cfg.get(f"{split}_evaluator") is not None:
            _check_evaluator(cfg[f"{split}_evaluator"], f"{split}_evaluator", scope)
    _check_hooks(cfg, scope)
    for name, (registry, default) in SINGLE.items():
        if cfg.get(name) is not None:
            check_part(cfg[name], registry, name, scope, default=default)
    for name, (function, argument) in PLAIN.items():
        if argument is None:
            known = fields_of(function)
        else:
            known = Fields(reads(function, argument), False)
        outer, _, inner = name.partition(".")
        fields = cfg.get(outer) or {}
        check_fields((fields.get(inner) or {}) if inner else fields, known, name, name)


LOOPS = dict(train=None, val=ValLoop, test=TestLoop)
SINGLE = dict(
    visualizer=(registries.VISUALIZERS, "Visualizer"),
    log_processor=(registries.LOG_PROCESSORS, "LogProcessor"),
)
PLAIN = {
    "env_cfg": (Runner.setup_env, "env_cfg"),
    "auto_scale_lr": (Runner.scale_lr, "auto_scale_lr"),
    "randomness": (Runner.set_randomness, None),
    "env_cfg.mp_cfg": (set_multi_processing, None),
    "env_cfg.dist_cfg": (init_dist, None),
}
"""Dicts without a type: which function takes them, and by which argument (None: as arguments)."""


def _check_names(cfg: Config) -> None:
    """A field of the config that is nearly one of the Runner's would be passed over."""
    known = list(inspect.signature(Runner.__init__).parameters)
    for name in cfg:
        close = None if name in known else nearest(name, known, 0.87)
        if close and not _holds(cfg.get(close), cfg[name]):
            raise InputError(
                f"{name}: MMEngine reads no such field of a config{did_you_mean(name, [close])}"
            )


def _holds(whole: object, part: object) -> bool:
    if whole == part:
        return True
    if not isinstance(whole, (Mapping, list, tuple)):
        return False
    inner = whole.values() if isinstance(whole, Mapping) else whole
    return any(_holds(value, part) for value in inner)


def _check_scope(scope: str | None) -> None:
    known = {registries.MODELS.scope, *registries.MODELS.children}
    if scope in (None, *known):
        return
    try:
        import_module(f"{scope}.registry")
    except ImportError as error:
        raise InputError(
            f"default_scope={scope!r}: there is no such library{did_you_mean(str(scope), known)}"
        ) from error


def _check_loader(loader: object, place: str, scope: str | None) -> None:
    if not isinstance(loader, (Mapping, DataLoader)):
        raise InputError(f"{place}={brief(loader)}: give a dict")
    if isinstance(loader, DataLoader):
        return
    own = reads(Runner.build_dataloader, "dataloader_cfg")
    check_fields(loader, fields_of(DataLoader), "a DataLoader", place, own)
    parts = dict(
        dataset=registries.DATASETS,
        sampler=registries.DATA_SAMPLERS,
        batch_sampler=registries.DATA_SAMPLERS,
        collate_fn=registries.FUNCTIONS,
        worker_init_fn=registries.FUNCTIONS,
    )
    for name in ("dataset", "sampler"):
        if loader.get(name) is None:
            raise InputError(f"{place} has no {name}: add {name}=dict(type=...)")
    for name, registry in parts.items():
        if loader.get(name) is not None:
            check_part(loader[name], registry, f"{place}.{name}", scope)


def _check_loop(loop: object, kind: type | None, place: str, scope: str | None) -> None:
    if isinstance(loop, Mapping) and "type" not in loop:
        if kind is None:
            by_epoch = loop.get("by_epoch", True)
            kind = EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop
        extra = {"by_epoch": BOOL} if place == "train_cfg" else EMPTY
        check_fields(loop, fields_of(kind), kind.__name__, place, extra)
    else:
        check_part(loop, registries.LOOPS, place, scope)


def _check_evaluator(evaluator: object, place: str, scope: str | None) -> None:
    if isinstance(evaluator, Mapping) and "metrics" in evaluator:
        check_part(evaluator, registries.EVALUATOR, place, scope, default="Evaluator")
        place, evaluator = f"{place}.metrics", evaluator["metrics"]
    _check_each(evaluator, registries.METRICS, place, scope)


def _check_each(parts: object, registry: Registry, place: str, scope: str | None) -> None:
    if not isinstance(parts, (list, tuple)):
        check_part(parts, registry, place, scope)
        return
    for i, part in enumerate(parts):
        check_part(part, registry, f"{place}.{i}", scope)


def _check_hooks(cfg: Config, scope: str | None) -> None:
    hooks = cfg.get("default_hooks") or {}
    if not isinstance(hooks, Mapping):
        raise InputError(f"default_hooks={brief(hooks)}: give a dict of dicts")
    own = reads(Runner.register_default_hooks, "default_hooks")
    for name, hook in hooks.items():
        place = f"default_hooks.{name}"
        close = None if name in own else nearest(name, own, 0.8)
        if close or (hook is None and name not in own):
            raise InputError(f"{place}: there is no such hook{did_you_mean(name, own)}")
        if hook is not None:
            check_part(hook, registries.HOOKS, place, scope, extra={"priority": None})
    custom = cfg.get("custom_hooks") or []
    if not isinstance(custom, (list, tuple)):
        raise InputError(f"custom_hooks={brief(custom)}: give a list of dicts")
    for i, hook in enumerate(custom):
        check_part(hook, registries.HOOKS, f"custom_hooks.{i}", scope, extra={"priority": None})
