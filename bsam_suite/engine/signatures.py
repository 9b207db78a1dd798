"""What a class or function takes, read from its signature and its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

NUMBERS = {int, float, bool}

STRICT = ("bsam_suite", "mmengine", "tasks", "torch")
"""Libraries that take one number where they say so; others may take several, such as a colour."""


class Fields(NamedTuple):
    """The arguments of a class or function.

    Attributes:
        kinds: for each name the types it is annotated with, or None where that is not known. What
            has no annotation takes what its default is, if that is a number or a bool.
        open: whether others are taken as well.
    """

    kinds: dict[str, frozenset[type] | None]
    open: bool


@cache
def fields_of(kind: Callable) -> Fields:
    """The arguments of ``kind``; of a class also those that it hands on to its bases.

    A class whose attribute ``rule`` is a class takes its arguments out of those that it hands on.
    """
    if not inspect.isclass(kind):
        return _fields(kind)
    kinds: dict = {}
    for base in kind.__mro__:
        init = vars(base).get("__init__")
        if init is None or base.__module__ in ("builtins", "torch.nn.modules.module"):
            continue
        own = _fields(init)
        kinds = own.kinds | kinds
        if not own.open:
            break
        if inspect.isclass(vars(base).get("rule")):
            kinds = fields_of(vars(base)["rule"]).kinds | kinds
        elif not _hands_on(init):
            return Fields(kinds, True)
    return Fields(kinds, False)


def _fields(function: Callable) -> Fields:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return Fields({}, True)
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    kinds = {p.name: _kinds(p, function) for p in named if p.name != "self"}
    return Fields(kinds, any(p.kind == p.VAR_KEYWORD for p in parameters))


def _kinds(parameter: inspect.Parameter, function: Callable) -> frozenset[type] | None:
    hint, default = parameter.annotation, parameter.default
    strict = function.__module__.partition(".")[0] in STRICT
    if isinstance(hint, str):
        try:
            hint = eval(hint, getattr(inspect.unwrap(function), "__globals__", {}))
        except (AttributeError, NameError, TypeError):
            return None
    if hint is parameter.empty:
        return _with_several({type(default)} & NUMBERS, strict) or None
    found = set()
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    for part in typing.get_args(hint) if union else [hint]:
        kind = typing.get_origin(part) or part
        if part is None or part is type(None):
            continue
        if not isinstance(kind, type):
            return None
        # Text is a sequence too, but not one of numbers.
        found.add(list if issubclass(str, kind) and _of_numbers(part) else kind)
    return _with_several(found | {type(default)} & {bool, float, str}, strict)


def _with_several(kinds: set[type], strict: bool) -> frozenset[type]:
    return frozenset(kinds | ({list} if kinds & {int, float} and not strict else set()))


def _of_numbers(hint: object) -> bool:
    inner = typing.get_args(hint)
    return all(map(_of_numbers, inner)) if inner else hint in (*NUMBERS, ...)


def _hands_on(init: Callable) -> bool:
    """Whether all that ``init`` does with its ``**kwargs`` is to give them to a base's."""
    name = next(
        p.name for p in inspect.signature(init).parameters.values() if p.kind == p.VAR_KEYWORD
    )
    tree = _tree(init)
    if tree is None:
        return False
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]
    handed = [
        keyword.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "__init__"
        for keyword in call.keywords
        if keyword.arg is None and keyword.value in uses
    ]
    return len(handed) == len(uses) > 0


@cache
def reads(function: Callable, name: str) -> dict[str, frozenset[type] | None]:
    """The keys that ``function`` sets or looks up in its dict ``name``, or in ``self.name``.

    Args:
        function: a function, or a class for all of its methods.
        name: of a variable in it.

    Returns:
        For each key its kinds, as in :class:`Fields`: where it is True or False by default, a bool.
        ``"**"`` is among them where the dict is handed on, to what may take more.
    """
    found: dict = {}
    for node in ast.walk(_tree(function) or ast.Module([], [])):
        key, owner, default = None, None, None
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", None) == name:
            found |= {keyword.arg: None for keyword in getattr(node.value, "keywords", ())}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("get", "pop", "setdefault") and node.args:
                key, owner, default = node.args[0], node.func.value, node.args[-1]
        elif isinstance(node, ast.Subscript):
            key, owner = node.slice, node.value
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
            key, owner = node.left, node.comparators[0]
        elif isinstance(node, ast.keyword) and node.arg is None and _label(node.value) == name:
            found["**"] = None
        if _label(owner) == name and isinstance(key, ast.Constant) and isinstance(key.value, str):
            is_bool = isinstance(getattr(default, "value", None), bool)
            found[key.value] = frozenset({bool}) if is_bool else found.get(key.value)
    return found


@cache
def names_in(kind: type) -> frozenset[str]:
    """The texts and the names of attributes in the source of a class and its bases."""
    nodes = [node for base in kind.__mro__ for node in ast.walk(_tree(base) or ast.Module([], []))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return frozenset(text for text in texts | attributes if isinstance(text, str))


def _label(node: ast.AST | None) -> str | None:
    return getattr(node, "id", getattr(node, "attr", None))


def _tree(function: Callable) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, SyntaxError, TypeError):
        return None


def wrong_kind(value: object, kinds: frozenset[type] | None) -> str | None:
    """What to give instead of ``value``, where it is surely of another kind than ``kinds``.

    Judged are text and lists where numbers belong, and what is neither true nor false where that
    is asked for. Everything else passes: libraries are lax about what they annotate.
    """
    if value is None or not kinds or not kinds & NUMBERS:
        return None
    wanted = "a number"
    if isinstance(value, str):
        right = isinstance(value, tuple(kinds))
        wanted = "True or False" if kinds == {bool} else wanted
    elif not kinds <= NUMBERS:
        right = True
    elif kinds == {bool}:
        right, wanted = value in (True, False), "True or False"
    else:
        right = not isinstance(value, (list, tuple, dict))
    return None if right else wanted
