"""Misspelt optimizer settings, found before any long work."""

from __future__ import annotations

import difflib
import inspect

from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS

from bsam_suite.engine.optim_wrapper import SharpnessOptimWrapper
from bsam_suite.engine.registry import hyperparameters
from bsam_suite.errors import InputError
from bsam_suite.sharpness import Rule

BUILDER = {"type", "_scope_", "optimizer", "constructor", "paramwise_cfg"}
"""Fields that MMEngine reads itself."""


def check_optim_wrapper(cfg: Config) -> None:
    """Check the types and field names of ``cfg.optim_wrapper`` and its optimizer.

    Raises:
        InputError: an optimizer or wrapper that does not exist, a field that it does not take, or
            several wrappers of which one is sharpness-aware.
    """
    wrapper = cfg.get("optim_wrapper")
    if isinstance(wrapper, dict):
        _refuse_several(wrapper)
    if not isinstance(wrapper, dict) or "constructor" in wrapper:
        return
    _check(wrapper, "OptimWrapper", OPTIM_WRAPPERS, "optim_wrapper", BUILDER)
    if isinstance(wrapper.get("optimizer"), dict):
        _check(
            wrapper["optimizer"], None, OPTIMIZERS, "optim_wrapper.optimizer", {"type", "_scope_"}
        )


def _refuse_several(wrappers: dict) -> None:
    for name, inner in wrappers.items():
        kind = inner.get("type") if isinstance(inner, dict) else None
        found = OPTIM_WRAPPERS.get(kind) if isinstance(kind, str) else kind
        if isinstance(found, type) and issubclass(found, SharpnessOptimWrapper):
            raise InputError(
                f"optim_wrapper.{name}.type={kind!r}: a sharpness-aware wrapper cannot be one of "
                "several (OptimWrapperDict). Its further passes replay the whole model's forward, "
                "and such models step through their parts instead: give them OptimWrapper"
            )


def _check(fields: dict, default: str | None, registry, place: str, known: set[str]) -> None:
    kind = fields.get("type", default)
    found = registry.get(kind) if isinstance(kind, str) else kind
    if found is None:
        names = list(registry.module_dict)
        raise InputError(f"{place}.type={kind!r} does not exist{_hint(str(kind), names)}")
    names = known | _arguments(found) | hyperparameters(getattr(found, "rule", Rule))
    for name in fields:
        if name not in names:
            raise InputError(
                f"{place}.{name}={fields[name]!r}: {found.__name__} takes no {name!r}"
                f"{_hint(name, sorted(names))}"
            )


def _arguments(kind: type) -> set[str]:
    """Names that ``kind`` takes, those that it hands on to its bases included."""
    names = set()
    for base in kind.__mro__:
        if "__init__" in vars(base):
            parameters = inspect.signature(base.__init__).parameters.values()
            names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
            if not any(p.kind == p.VAR_KEYWORD for p in parameters):
                break
    return names - {"self", "params"}


def _hint(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f": did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"
