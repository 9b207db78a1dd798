"""The methods to compare: rules with their hyperparameters, and the plain optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from mmengine.config import Config

from bsam_suite.engine.registry import RULES, hyperparameters
from bsam_suite.engine.rule_option import choose_rule, find_rule, optimizer_name
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer


@dataclass(frozen=True)
class Method:
    """A rule with its hyperparameters, or the plain base optimizer.

    Attributes:
        name: the label, such as ``"bsam rho=0.1"`` or ``"sgd x3"``.
        rule: config of the rule; None for the base optimizer alone.
        passes: forward and backward passes of a step, on average.
        epoch_factor: how many times the config's epochs it trains.
    """

    name: str
    rule: dict | None = field(default=None, hash=False)
    passes: float = 1
    epoch_factor: float = 1


def list_methods(
    cfg: Config, rules: Sequence[str], grid: dict[str, list], equal_compute: bool
) -> list[Method]:
    """The methods to compare: each rule with every combination of its values in ``grid``.

    The rule of ``cfg`` keeps its hyperparameters from there; other rules have their defaults.

    Args:
        rules: names as in ``RULES``, in any case; ``none`` is the config's optimizer alone, whose
            label is its name.
        equal_compute: add the base optimizer with as many passes as each rule: twice the epochs
            for SAM, three times for BSAM.

    Raises:
        InputError: the config has no optimizer or several, a rule is unknown, or none of the rules
            has a hyperparameter.
    """
    plain = optimizer_name(cfg).lower()
    found, used = [], set()
    for name in dict.fromkeys(rule.lower() for rule in rules):
        kind = find_rule(name, cfg.get("default_scope"), "--rules")
        takes = [n for n in grid if n in hyperparameters(kind)]
        used.update(takes)
        for values in product(*(grid[n] for n in takes)):
            rule = choose_rule(cfg, name, dict(zip(takes, values)), "--rules")
            label = " ".join([name, *(f"{n}={v}" for n, v in zip(takes, values))])
            found.append(Method(label, rule, count_passes(rule)) if rule else Method(plain))
    missed = grid.keys() - used
    if missed:
        raise InputError(f"--grid {min(missed)}: {', '.join(rules)}: no rule has it")
    if equal_compute:
        for passes in sorted({v.passes for v in found} - {1}):
            found.append(Method(f"{plain} x{passes:g}", epoch_factor=passes))
    return found


def count_passes(rule: dict) -> float:
    """Forward and backward passes of a step of ``rule``, on average over its k steps."""
    weight, built = torch.ones(2, requires_grad=True), RULES.build(rule)
    optimizer = SharpnessOptimizer([weight], torch.optim.SGD, built, lr=0.1, momentum=0.9)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    for _ in range(built.k or 1):
        optimizer.step(closure)
    return optimizer.passes_per_step
