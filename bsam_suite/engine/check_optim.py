"""Misspelt or unusable optimizer settings, found before any long work."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from mmengine import registry as registries
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, DefaultOptimWrapperConstructor
from mmengine.registry import DefaultScope
from torch import nn

from bsam_suite.engine.building import building
from bsam_suite.engine.check_part import BOOL, check_fields, check_part
from bsam_suite.engine.optim_wrapper import SharpnessOptimWrapper
from bsam_suite.engine.registered import find, registered
from bsam_suite.engine.registry import RULES
from bsam_suite.engine.signatures import Fields, fields_of, reads
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean, nearest

BUILDER = ("optimizer", "constructor", "paramwise_cfg")
"""Fields of ``optim_wrapper`` that MMEngine reads itself."""

CLIPPING = dict(norm=nn.utils.clip_grad_norm_, value=nn.utils.clip_grad_value_)


def check_optim_wrapper(cfg: Config) -> None:
    """Check ``cfg.optim_wrapper`` and ``cfg.param_scheduler``, and build both for a lone weight.

    Raises:
        InputError: a type that does not exist, a field that it does not take, a value that is
            unusable, or several wrappers of which one is sharpness-aware.
    """
    wrapper, scope = cfg.get("optim_wrapper"), cfg.get("default_scope")
    if not isinstance(wrapper, Mapping):
        if isinstance(wrapper, (str, list, tuple)):
            raise InputError(f"optim_wrapper={wrapper!r}: give a dict, such as dict(type=...)")
        return
    _check_finite(wrapper, "optim_wrapper")
    if _refuse_several(wrapper):
        return
    _check_wrapper(wrapper, scope)
    schedulers = cfg.get("param_scheduler") or []
    several = isinstance(schedulers, (list, tuple))
    schedulers = list(schedulers) if several else [schedulers]
    for i, scheduler in enumerate(schedulers):
        place = f"param_scheduler.{i}" if several else "param_scheduler"
        _check_finite(scheduler, place)
        check_part(
            scheduler,
            registries.PARAM_SCHEDULERS,
            place,
            scope,
            extra={"convert_to_iter_based": BOOL},
        )
    with building(cfg), DefaultScope.overwrite_default_scope(scope):
        _build(wrapper, schedulers, cfg.get("train_cfg"))


def _refuse_several(wrappers: Mapping) -> bool:
    """Whether ``wrappers`` holds several optimizer wrappers."""
    if "optimizer" in wrappers:
        return False
    several = False
    for name, inner in wrappers.items():
        kind = inner.get("type") if isinstance(inner, Mapping) else None
        found = find(kind, registries.OPTIM_WRAPPERS, None) if kind is not None else None
        if isinstance(found, type) and issubclass(found, SharpnessOptimWrapper):
            raise InputError(
                f"optim_wrapper.{name}.type={kind!r}: a sharpness-aware wrapper cannot be one of "
                "several (OptimWrapperDict). Its further passes replay the whole model's forward, "
                "and such models step through their parts instead: give them OptimWrapper"
            )
        several |= isinstance(inner, Mapping) and "optimizer" in inner
    return several


def _check_finite(value: object, place: str) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "norm_type":  # the largest entry is the norm of order infinity
                _check_finite(inner, f"{place}.{name}")
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            _check_finite(inner, f"{place}.{i}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{place}={value}: give a finite number")


def _check_wrapper(wrapper: Mapping, scope: str | None) -> None:
    place = "optim_wrapper"
    kind = check_part(
        {k: v for k, v in wrapper.items() if k not in (*BUILDER, "rule", "clip_grad")},
        registries.OPTIM_WRAPPERS,
        place,
        scope,
        default="OptimWrapper",
        # A constructor of one's own may read more.
        extra=dict.fromkeys(wrapper if "constructor" in wrapper else BUILDER),
    )
    if kind is AmpOptimWrapper and not torch.cuda.is_available():
        raise InputError(
            f"{place}.type={wrapper['type']!r} needs a GPU and there is none: leave it out, and "
            "add --amp for bfloat16 on the CPU"
        )
    optimizer = check_part(
        wrapper.get("optimizer"), registries.OPTIMIZERS, f"{place}.optimizer", scope
    )
    if wrapper.get("rule") is not None:
        check_part(wrapper["rule"], RULES, f"{place}.rule", scope)
    _check_clipping(wrapper.get("clip_grad"), f"{place}.clip_grad")
    constructor = _find_constructor(wrapper, scope)
    if wrapper.get("paramwise_cfg"):
        # A group may set what another rule takes: one config serves several.
        parts = [*registered(RULES, scope).values(), *([optimizer] if optimizer else [])]
        group: dict = dict(lr_mult=None, decay_mult=None)
        for part in parts:
            group |= {k: v for k, v in fields_of(part).kinds.items() if k != "params"}
        _check_paramwise(wrapper["paramwise_cfg"], constructor, group)


def _check_clipping(clip: object, place: str) -> None:
    if clip is None:
        return
    if not isinstance(clip, Mapping):
        raise InputError(f"{place}={clip!r}: give a dict, such as dict(max_norm=1.0)")
    kind = clip.get("type", "norm")
    if kind not in CLIPPING:
        raise InputError(f"{place}.type={kind!r} does not exist{did_you_mean(str(kind), CLIPPING)}")
    function = CLIPPING[kind]
    check_fields(clip, fields_of(function), function.__name__, place)
    for name in ("max_norm", "clip_value"):
        value = clip.get(name)
        if isinstance(value, str) or (value is not None and not value > 0):
            raise InputError(f"{place}.{name}={value!r}: give a number > 0, such as 1.0")


def _find_constructor(wrapper: Mapping, scope: str | None) -> Any:
    kind = wrapper.get("constructor", "DefaultOptimWrapperConstructor")
    found = find(kind, registries.OPTIM_WRAPPER_CONSTRUCTORS, scope)
    if found is None:
        names = registered(registries.OPTIM_WRAPPER_CONSTRUCTORS, scope)
        hint = did_you_mean(str(kind), names)
        raise InputError(f"optim_wrapper.constructor={kind!r} does not exist{hint}")
    return found


def _check_paramwise(settings: Mapping, constructor: type, group: dict) -> None:
    """Check names that MMEngine looks up and, if they are not there, passes over."""
    place = "optim_wrapper.paramwise_cfg"
    known: dict = {}
    for base in constructor.__mro__[:-1]:
        known |= reads(base, "paramwise_cfg")
    if constructor is not DefaultOptimWrapperConstructor:  # it may read them in other ways
        other = [n for n in settings if n not in known and nearest(n, known, 0.8) is None]
        known |= dict.fromkeys(other)
    check_fields(settings, Fields(known, False), constructor.__name__, place)
    multipliers = {name for name in known if name.endswith("_mult")}
    for name in multipliers & set(settings):
        _check_multiplier(settings[name], f"{place}.{name}")
    custom = settings.get("custom_keys") or {}
    if not isinstance(custom, Mapping):
        raise InputError(f"{place}.custom_keys={custom!r}: give a dict of dicts")
    for pattern, changes in custom.items():
        where = f"{place}.custom_keys.{pattern}"
        # Optimizers and hooks of other libraries mark groups by fields of their own.
        own = [n for n in changes if nearest(str(n), group, 0.75) is None]
        check_fields(changes, Fields(group, False), "a parameter group", where, dict.fromkeys(own))
        for name in {"lr_mult", "decay_mult"} & set(changes):
            _check_multiplier(changes[name], f"{where}.{name}")


def _check_multiplier(value: object, place: str) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    if value is not None and not number:
        raise InputError(f"{place}={value!r}: give a number >= 0, such as 0.1")


def _build(wrapper: Mapping, schedulers: list, train_cfg: object) -> None:
    """What the constructors refuse comes out here: ranges of values, above all."""
    wrapper = copy.deepcopy({k: v for k, v in wrapper.items() if k not in BUILDER[1:]})
    epochs = train_cfg if isinstance(train_cfg, Mapping) else {}
    weight = nn.Parameter(torch.zeros(1))
    constructor = DefaultOptimWrapperConstructor(wrapper)
    built = constructor(nn.ParameterList([weight]))
    for scheduler in copy.deepcopy(schedulers):
        counted = "max_epochs" if scheduler.get("by_epoch", True) else "max_iters"
        end = epochs.get(counted)
        known = isinstance(end, int) and end > 0  # else the check of train_cfg has the better words
        scheduler.setdefault("end", end if known else 2**31)
        registries.PARAM_SCHEDULERS.build(
            scheduler, default_args=dict(optimizer=built, epoch_length=1)
        )
