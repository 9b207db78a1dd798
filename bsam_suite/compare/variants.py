"""The rules to compare, as variants of one config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import torch
from mmengine.config import Config

from bsam_suite.engine.registry import RULES, hyperparameters
from bsam_suite.engine.rule_option import choose_rule, find_rule, use_rule
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer


@dataclass(frozen=True)
class Variant:
    """A rule with its hyperparameters, or the plain base optimizer.

    Attributes:
        name: the label, such as ``"bsam rho=0.1"`` or ``"sgd x3"``.
        rule: config of the rule; None for the base optimizer alone.
        passes: forward and backward passes of a step.
        stretch: how many times the config's epochs it trains.
    """

    name: str
    rule: dict | None = field(default=None, hash=False)
    passes: int = 1
    stretch: int = 1

    def configure(self, cfg: Config) -> None:
        """Make ``cfg`` train with this variant."""
        use_rule(cfg, self.rule)


def variants(
    cfg: Config, rules: Sequence[str], grid: dict[str, list], equal_compute: bool
) -> list[Variant]:
    """The variants of ``cfg``, each rule with every combination of its values in ``grid``.

    A rule that ``cfg`` itself trains with keeps the hyperparameters that stand there; others have
    their defaults.

    Args:
        cfg: the config to compare rules on.
        rules: names as in ``RULES``, in any case; ``none`` is the config's optimizer alone, whose
            label is its name.
        grid: values of hyperparameters by name.
        equal_compute: add the base optimizer with as many epochs as give it the passes of each
            rule: twice as many for SAM, three times for BSAM.

    Raises:
        InputError: a config with no or several optimizers, an unknown rule, or a hyperparameter
            that none of the rules has.
    """
    plain = _optimizer_name(cfg)
    found, used = [], set()
    for name in dict.fromkeys(rule.lower() for rule in rules):
        kind = find_rule(name, cfg.get("default_scope"), "--rules")
        takes = [n for n in grid if kind and n in hyperparameters(kind)]
        used.update(takes)
        for values in product(*(grid[n] for n in takes)):
            rule = choose_rule(cfg, name, dict(zip(takes, values)), "--rules")
            label = " ".join([name, *(f"{n}={v}" for n, v in zip(takes, values))])
            found.append(Variant(label, rule, count_passes(rule)) if rule else Variant(plain))
    missed = grid.keys() - used
    if missed:
        raise InputError(f"--grid {min(missed)}: {', '.join(rules)}: no rule has it")
    if equal_compute:
        for passes in sorted({v.passes for v in found} - {1}):
            found.append(Variant(f"{plain} x{passes}", stretch=passes))
    return found


def count_passes(rule: dict) -> int:
    """Forward and backward passes of a step of ``rule``."""
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
            f"{cfg.filename}: optim_wrapper.optimizer is {optimizer!r}: rules can be compared on "
            "one optimizer, given as dict(type='SGD', ...)"
        )
    return kind.lower()
