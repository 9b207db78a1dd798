"""The registry of sharpness-aware rules; a new rule needs one more line here or in user code."""

import inspect

from mmengine.registry import Registry

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


def hyperparameters(rule: type[Rule] | None) -> set[str]:
    """The names of a rule's arguments, with those of the rules that it extends."""
    names = set()
    for kind in rule.__mro__[: rule.__mro__.index(Rule)] if rule else ():
        if "__init__" in vars(kind):
            arguments = inspect.signature(vars(kind)["__init__"]).parameters
            names |= {n for n, a in arguments.items() if a.kind is not a.VAR_KEYWORD}
    return names - {"self"}
