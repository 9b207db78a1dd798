"""The methods to compare: rules with their hyperparameters, and the plain optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper

from bsam_suite.engine import BSAMOptimWrapper
from bsam_suite.engine.registry import RULES, hyperparameters
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer

KEPT = ("optimizer", "constructor", "paramwise_cfg", "clip_grad", "accumulative_counts")
KEPT_BY_RULES = ("perturbation", "nonfinite")


@dataclass(frozen=True)
class Method:
    """A rule with its hyperparameters, or the plain base optimizer.

    Attributes:
        name: the label, such as ``"bsam rho=0.1"`` or ``"sgd x3"``.
        rule: config of the rule; None for the base optimizer alone.
        passes: forward and backward passes per step.
        epoch_factor: its epochs divided by those of the config.
    """

    name: str
    rule: dict | None = field(default=None, hash=False)
    passes: int = 1
    epoch_factor: int = 1

    def configure(self, cfg: Config) -> None:
        """Make ``cfg`` train with this method."""
        old = cfg.optim_wrapper
        new = {name: old[name] for name in KEPT if name in old}
        precision = _precision(old)
        if self.rule is not None:
            new.update({name: old[name] for name in KEPT_BY_RULES if name in old})
            new.update(type="SharpnessOptimWrapper", rule=dict(self.rule), **precision)
        elif precision:
            new.update(type="AmpOptimWrapper", **precision)
        else:
            new.update(type="OptimWrapper")
        cfg.optim_wrapper = new


def list_methods(
    cfg: Config, rules: Sequence[str], grid: dict[str, list], equal_compute: bool
) -> list[Method]:
    """The methods to compare: each rule with every combination of its values in ``grid``.

    The rule of ``cfg`` keeps its hyperparameters from there; other rules have their defaults.

    Args:
        cfg: the config to compare rules with.
        rules: names as in ``RULES``, in upper or lower case. The name of the config's optimizer,
            such as ``sgd``, means that optimizer without a rule.
        grid: values of hyperparameters by name.
        equal_compute: add the base optimizer with as many passes as each rule: twice the epochs
            for SAM, three times for BSAM.

    Raises:
        InputError: the config has no optimizer or several, a rule is unknown, or none of the rules
            has a hyperparameter.
    """
    plain = _optimizer_name(cfg)
    RULES.get("BSAM")  # lets the registry import its modules
    known = {name.lower(): name for name in RULES.module_dict}
    own = _own_rule(cfg.optim_wrapper)
    found, used = [], set()
    for name in dict.fromkeys(rule.lower() for rule in rules):
        if name == plain:
            found.append(Method(plain))
            continue
        if name not in known:
            raise InputError(f"--rules {name}: give {plain} or one of {', '.join(sorted(known))}")
        base = own if own.get("type") == known[name] else dict(type=known[name])
        takes = [n for n in grid if n in hyperparameters(RULES.get(known[name]))]
        used.update(takes)
        for values in product(*(grid[n] for n in takes)):
            rule = {**base, **dict(zip(takes, values))}
            label = " ".join([name, *(f"{n}={v}" for n, v in zip(takes, values))])
            found.append(Method(label, rule, count_passes(rule)))
    missed = grid.keys() - used
    if missed:
        raise InputError(f"--grid {min(missed)}: none of {', '.join(rules)} has it")
    if equal_compute:
        for passes in sorted({v.passes for v in found} - {1}):
            found.append(Method(f"{plain} x{passes}", epoch_factor=passes))
    return found


def count_passes(rule: dict) -> int:
    """Forward and backward passes per step of ``rule``."""
    weight = torch.ones(2, requires_grad=True)
    optimizer = SharpnessOptimizer([weight], torch.optim.SGD, RULES.build(rule), lr=0.1)
    calls = 0

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return calls


def _optimizer_name(cfg: Config) -> str:
    optimizer = cfg.get("optim_wrapper", {}).get("optimizer")
    kind = optimizer.get("type") if isinstance(optimizer, dict) else None
    if not isinstance(kind, str):
        raise InputError(
            f"{cfg.filename}: optim_wrapper.optimizer is {optimizer!r}: a comparison needs one "
            "optimizer, given as dict(type='SGD', ...)"
        )
    return kind.lower()


def _own_rule(wrapper: dict) -> dict:
    if isinstance(wrapper.get("rule"), dict):
        return dict(wrapper["rule"])
    if str(wrapper.get("type", "")).endswith(BSAMOptimWrapper.__name__):
        names = hyperparameters(BSAMOptimWrapper.rule) & set(wrapper)
        return dict(type="BSAM", **{n: wrapper[n] for n in names})
    return {}


def _precision(wrapper: dict) -> dict:
    """The fields for mixed precision; MMEngine's wrapper and the suite's have the same."""
    amp = str(wrapper.get("type", "")).endswith(AmpOptimWrapper.__name__)
    dtype = wrapper.get("dtype") or ("float16" if amp else None)
    if dtype is None:
        return {}
    scale = wrapper.get("loss_scale", "dynamic") if dtype == "float16" else "dynamic"
    return dict(dtype=dtype, loss_scale=scale)
