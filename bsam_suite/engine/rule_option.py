"""A rule put into any config's ``optim_wrapper``, as ``--rule`` and comparisons do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS

from bsam_suite.engine.amp import BFloat16OptimWrapper
from bsam_suite.engine.optim_wrapper import SharpnessOptimWrapper
from bsam_suite.engine.precision import amp_dtype
from bsam_suite.engine.registered import find, registered
from bsam_suite.engine.registry import RULES, hyperparameters
from bsam_suite.engine.signatures import fields_of
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean
from bsam_suite.options import meaning
from bsam_suite.sharpness import Rule

NONE = "none"
"""The name of the base optimizer alone."""


def choose_rule(cfg: Config, name: str, values: Mapping[str, object], option: str) -> dict | None:
    """The config of a rule for ``cfg``.

    A rule that ``cfg`` trains with already keeps the hyperparameters that stand there.

    Args:
        cfg: a config with one optimizer.
        name: as in :data:`RULES`, in any case, or :data:`NONE`.
        values: hyperparameters, may be as typed.
        option: of the command line, for messages.

    Returns:
        What ``optim_wrapper.rule`` can be; None for no rule.

    Raises:
        InputError: there is no such rule, or it has no such hyperparameter.
    """
    rule: Any = find_rule(name, cfg.get("default_scope"), option)
    known = hyperparameters(rule)
    for key, value in values.items():
        if key not in known:
            hint = did_you_mean(key, known)
            raise InputError(f"{option} {name} {key}={value}: {name} has no {key!r}{hint}")
    if rule is None:
        return None
    kinds = fields_of(rule).kinds
    given = {key: meaning(value, kinds=kinds.get(key)) for key, value in values.items()}
    own_rule, own = _own(cfg)
    registered_as = {kind: n for n, kind in RULES.module_dict.items()}
    return dict(type=registered_as.get(rule, name)) | (own if own_rule is rule else {}) | given


def find_rule(name: str, scope: str | None, option: str) -> type[Rule] | None:
    """The rule of that name in any case, or None for :data:`NONE`.

    Raises:
        InputError: there is no such rule.
    """
    if name.lower() == NONE:
        return None
    names = registered(RULES, scope)
    by_name = {known.lower(): rule for known, rule in names.items()}
    rule = by_name.get(name.lower()) or find(name, RULES, scope)
    if not (isinstance(rule, type) and issubclass(rule, Rule)):
        raise InputError(
            f"{option} {name}: there is no such rule{did_you_mean(name, [*names, NONE])}"
        )
    return rule


def use_rule(cfg: Config, rule: dict | None) -> None:
    """Make ``cfg`` train with ``rule``, or with the base optimizer alone.

    What does not belong to the old rule stays: optimizer, clipping, accumulation, groups of
    parameters, mixed precision. Schedules of hyperparameters that only the old rule has go with it.

    Raises:
        InputError: its optimizer wrapper is another one than MMEngine's and the suite's.
    """
    kind, wrapper = _wrapper(cfg), cfg.optim_wrapper
    if rule is None and not issubclass(kind, SharpnessOptimWrapper):
        return
    old, _ = _own(cfg)
    of_old = hyperparameters(old)
    left_out = {"type", "rule", "dtype", "loss_scale", *(of_old if hasattr(kind, "rule") else ())}
    if rule is None:
        left_out |= {"perturbation", "nonfinite", "rho_warmup", "m"}
    new = {name: value for name, value in wrapper.items() if name not in left_out}
    precision = _precision(kind, wrapper)
    if rule is not None:
        new |= dict(type=SharpnessOptimWrapper.__name__, rule=dict(rule), **precision)
    elif not precision:
        new |= dict(type=OptimWrapper.__name__)
    elif "loss_scale" in precision:
        new |= dict(type=AmpOptimWrapper.__name__, **precision)
    else:
        new |= dict(type=BFloat16OptimWrapper.__name__)
    cfg.optim_wrapper = new
    _drop_schedules(cfg, of_old - hyperparameters(_own(cfg)[0]))


def optimizer_name(cfg: Config) -> str:
    """The name of the config's optimizer.

    Raises:
        InputError: there is none or several.
    """
    wrapper = cfg.get("optim_wrapper")
    optimizer = wrapper.get("optimizer") if isinstance(wrapper, Mapping) else None
    if not (isinstance(optimizer, Mapping) and "type" in optimizer):
        raise InputError(
            f"{cfg.filename}: optim_wrapper.optimizer is {optimizer!r}: a rule needs one "
            "optimizer, given as dict(type='SGD', ...)"
        )
    return str(getattr(optimizer["type"], "__name__", optimizer["type"]))


def _wrapper(cfg: Config) -> type[OptimWrapper]:
    """The class of the config's optimizer wrapper.

    Raises:
        InputError: see :func:`optimizer_name`; or it is neither MMEngine's nor the suite's.
    """
    optimizer_name(cfg)
    name = cfg.optim_wrapper.get("type", "OptimWrapper")
    kind: Any = find(name, OPTIM_WRAPPERS, cfg.get("default_scope"))
    plain = kind in (OptimWrapper, AmpOptimWrapper, BFloat16OptimWrapper)
    if plain or (isinstance(kind, type) and issubclass(kind, SharpnessOptimWrapper)):
        return kind
    names = [] if kind else registered(OPTIM_WRAPPERS, cfg.get("default_scope"))
    raise InputError(
        f"{cfg.filename}: optim_wrapper.type={name!r}: a rule takes the place of OptimWrapper, "
        f"AmpOptimWrapper and the suite's own{did_you_mean(str(name), names)}"
    )


def _own(cfg: Config) -> tuple[type[Rule] | None, dict]:
    """The rule that ``cfg`` trains with, and its hyperparameters that stand there."""
    kind, wrapper = _wrapper(cfg), cfg.optim_wrapper
    if not issubclass(kind, SharpnessOptimWrapper):
        return None, {}
    rule: Any = getattr(kind, "rule", None)
    if rule is not None:
        return rule, {name: wrapper[name] for name in hyperparameters(rule) & wrapper.keys()}
    given = dict(wrapper.get("rule") or {})
    name = given.pop("type", None)
    rule = find(name, RULES, cfg.get("default_scope")) if name is not None else None
    return rule, given


def _precision(kind: type[OptimWrapper], wrapper: Mapping) -> dict:
    """The fields for mixed precision, which MMEngine's wrapper and the suite's take alike."""
    default = {AmpOptimWrapper: "float16", BFloat16OptimWrapper: "bfloat16"}.get(kind)
    dtype = wrapper.get("dtype") or default
    if amp_dtype(dtype) is not torch.float16:
        return dict(dtype=dtype) if dtype else {}
    return dict(dtype=dtype, loss_scale=wrapper.get("loss_scale", "dynamic"))


def _drop_schedules(cfg: Config, names: set[str]) -> None:
    """Leave out the parameter schedulers that move what the optimizer no longer has."""
    schedulers = cfg.get("param_scheduler") or []
    several = schedulers if isinstance(schedulers, list) else [schedulers]
    stay = [one for one in several if one.get("param_name") not in names]
    if len(stay) < len(several):
        cfg.param_scheduler = stay
