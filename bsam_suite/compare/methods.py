"""The methods that the command line names: rules with their hyperparameters, and none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.config import Config

from bsam_suite.compare.study import Method, combinations, label
from bsam_suite.engine.registry import RULES, hyperparameters
from bsam_suite.engine.rule_option import choose_rule, find_rule, optimizer_name
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer


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
    found: list[Method] = []
    used: set[str] = set()
    passes: set[float] = set()
    for name in dict.fromkeys(rule.lower() for rule in rules):
        kind = find_rule(name, cfg.get("default_scope"), "--rules")
        takes = {n: values for n, values in grid.items() if n in hyperparameters(kind)}
        used.update(takes)
        for settings in combinations(takes):
            rule = choose_rule(cfg, name, settings, "--rules")
            passes.add(count_passes(rule))
            found.append(
                Method(f"{name} {label(settings)}".strip() if rule else plain, name, settings)
            )
    missed = grid.keys() - used
    if missed:
        raise InputError(f"--grid {min(missed)}: {', '.join(rules)}: no rule has it")
    if equal_compute:
        for count in sorted(passes - {1}):
            found.append(Method(f"{plain} x{count:g}", epochs=count))
    return found


def count_passes(rule: dict | None) -> float:
    """Forward and backward passes of a step of ``rule``, on average over its k steps.

    Over the data of a step, with those of an auxiliary batch.
    """
    if rule is None:
        return 1
    weight, built = torch.ones(2, requires_grad=True), RULES.build(rule)
    optimizer = SharpnessOptimizer([weight], torch.optim.SGD, built, lr=0.1, momentum=0.9)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    for _ in range(built.k or 1):
        optimizer.step(closure, auxiliary=closure if built.auxiliary else None)
    return optimizer.passes_per_step
