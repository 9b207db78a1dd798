"""The registry of sharpness-aware rules; a new rule needs one more line here or in user code."""

from collections.abc import Callable

from mmengine.registry import Registry

from bsam_suite.engine.signatures import fields_of
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean
from bsam_suite.sharpness import Rule, rules

RULES = Registry("sharpness rule", locations=["bsam_suite.engine"])
for _name in rules.__all__:
    RULES.register_module(module=getattr(rules, _name))


def build_rule(config: dict | Rule) -> Rule:
    """The rule of an ``optim_wrapper``, which may be given as its config.

    Raises:
        InputError: there is no such rule, or it has no such hyperparameter.
    """
    if isinstance(config, Rule):
        return config
    place = "optim_wrapper.rule"
    if not isinstance(config, dict) or "type" not in config:
        raise InputError(f"{place}={config!r}: give a dict, such as dict(type='SAM', rho=0.05)")
    fields = {name: value for name, value in config.items() if name != "type"}
    kind = config["type"]
    rule = RULES.get(kind) if isinstance(kind, str) else kind
    if not (isinstance(rule, type) and issubclass(rule, Rule)):
        raise InputError(f"{place}.type={kind!r}{did_you_mean(str(kind), RULES.module_dict)}")
    known = hyperparameters(rule)
    for name, value in fields.items():
        if name not in known:
            raise InputError(
                f"{place}.{name}={value!r}: {rule.__name__} has no {name!r}"
                f"{did_you_mean(name, known)}"
            )
    return rule(**fields)


def hyperparameters(rule: Callable | None) -> set[str]:
    """The names of a rule's arguments, with those that it hands on to the rule it extends."""
    return set() if rule is None else set(fields_of(rule).kinds)
