"""The config that a checkpoint was trained with, as MMEngine records it there."""

from __future__ import annotations

import ast

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from bsam_suite.errors import InputError

OWN = ("bsam_suite.", "tasks.")
"""Packages whose modules a recorded config may import."""


def recorded_config(checkpoint: dict, path: str, *parts: str) -> Config:
    """Parts of the config in ``checkpoint["meta"]["cfg"]``, with its ``custom_imports`` done.

    MMEngine's ``Config.fromstring`` would run the text as a program, and its registries call
    whatever a ``type`` with a dot names. From a file that need not be trusted, only plain values,
    registered names and this project's modules are taken.

    Args:
        checkpoint: what :func:`bsam_suite.engine.checkpoint.read_checkpoint` gives.
        path: where it came from.
        parts: names of the fields that are wanted.

    Raises:
        InputError: there is no config, it lacks a part, or it holds more than that.
    """
    text = checkpoint.get("meta", {}).get("cfg")
    if not isinstance(text, str):
        raise InputError(f"checkpoint {path} holds no config: give it by --config FILE")
    remedy = "if you trust the model, give its config by --config FILE"
    try:
        content = _parse(text)
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f"the config in checkpoint {path} holds more than values ({error}): {remedy}"
        ) from error
    lacking = [name for name in parts if name not in content]
    if lacking:
        raise InputError(
            f"the config in checkpoint {path} has no {', '.join(lacking)}: give one by --config"
        )
    modules = (content.get("custom_imports") or {}).get("imports") or []
    modules = [modules] if isinstance(modules, str) else modules
    content = {name: content[name] for name in parts}
    foreign = [name for name in modules if not name.startswith(OWN)] + _dotted_types(content)
    if foreign:
        raise InputError(
            f"the config in checkpoint {path} names {foreign[0]}, which could run code: {remedy}"
        )
    import_modules_from_strings(modules)
    return Config(content)


def _parse(text: str) -> dict:
    content = {}
    for line in ast.parse(text).body:
        if not (isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)):
            raise ValueError(ast.unparse(line)[:60])
        content[line.targets[0].id] = ast.literal_eval(_PlainDicts().visit(line.value))
    return content


class _PlainDicts(ast.NodeTransformer):
    """Turns ``dict(a=1)`` and ``dict({"a": 1})`` into ``{"a": 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "dict":
            names = [k.arg for k in node.keywords]
            if not node.args and all(names):
                return ast.Dict(list(map(ast.Constant, names)), [k.value for k in node.keywords])
            if len(node.args) == 1 and isinstance(node.args[0], ast.Dict) and not names:
                return node.args[0]
        raise ValueError(ast.unparse(node)[:60])


def _dotted_types(value) -> list[str]:
    if isinstance(value, dict):
        found = [name for part in value.values() for name in _dotted_types(part)]
        kind = value.get("type")
        return [*found, kind] if isinstance(kind, str) and "." in kind else found
    if isinstance(value, (list, tuple)):
        return [name for part in value for name in _dotted_types(part)]
    return []
