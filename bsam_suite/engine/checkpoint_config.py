"""The config that a checkpoint was trained with, as MMEngine records it there.

A checkpoint need not be trusted, so neither is its config: its text is read as plain values and
never run; it may import only modules of this project and those that the user allows; and only
registered parts of chosen packages are built by it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmengine.registry import Registry
from mmengine.registry import registry as lookup
from mmengine.utils import import_modules_from_strings
from torch.nn.modules.module import register_module_parameter_registration_hook

from bsam_suite.compat.safe_globals import BY_USER, allowed_by_user
from bsam_suite.errors import InputError

TASKS = ("pose", "classification", "quantization")
MODULES = tuple(f"tasks.{task}.register_all" for task in TASKS)
"""The modules of this project that a recorded config may import."""
LONGEST, SLACK = 10**6, 4
REMEDY = "if you trust the model, give its config by --config FILE"


def config_of_checkpoint(checkpoint: dict, path: str) -> dict:
    """The config in ``checkpoint["meta"]["cfg"]`` as plain values, with its imports done.

    MMEngine's ``Config.fromstring`` would run the text as a program.

    Args:
        checkpoint: what :func:`bsam_suite.engine.checkpoint.read_checkpoint` gives.
        path: where it came from.

    Raises:
        InputError: there is no config, it holds more than plain values, or it imports another
            module than :data:`MODULES`, those in ``BSAM_SUITE_ALLOW`` and what is imported already.
    """
    meta = checkpoint.get("meta")
    text = meta.get("cfg") if isinstance(meta, dict) else None
    if not isinstance(text, str):
        raise InputError(f"checkpoint {path} holds no config: give it by --config FILE")
    where = f"the config in checkpoint {path}"
    try:
        content = _parse(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise InputError(f"{where} holds more than values ({reason}): {REMEDY}") from error
    imports = content.get("custom_imports") or {}
    modules = imports.get("imports") or [] if isinstance(imports, dict) else imports
    modules = modules if isinstance(modules, (list, tuple)) else [modules]
    taken = {*MODULES, *allowed_by_user(), *sys.modules}
    foreign = [str(m).split() for m in modules if not isinstance(m, str) or m not in taken]
    if foreign:
        name = " ".join(foreign[0])[:60]
        allow = ",".join([*allowed_by_user(), name])
        raise InputError(
            f"{where} imports {name}, which could run code: if you trust that module, set "
            f"the environment variable {BY_USER}={allow}, or give the config by --config FILE"
        )
    try:
        import_modules_from_strings(list(modules))
    except ImportError as error:
        raise InputError(f"{where} imports what is not there: {error}") from error
    return content


def check_types(
    value, registries: Sequence[Registry], packages: Sequence[str], where: str, name: str
) -> None:
    """Make sure that all that ``value`` names by ``type`` is registered and of known packages.

    Args:
        value: plain values of a recorded config.
        registries: where each ``type`` is looked up.
        packages: modules, or packages of modules, that its class may be defined in, besides those
            that the user allows.
        where: the config, for messages.
        name: of the value in it.

    Raises:
        InputError: a ``type`` that is none of these.
    """
    if isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            check_types(part, registries, packages, where, f"{name}[{index}]")
    if not isinstance(value, dict):
        return
    for key, part in value.items():
        check_types(part, registries, packages, where, f"{name}.{key}")
    if "type" in value:
        kind, known = value["type"], [*packages, *allowed_by_user()]
        found = [f for f in (registered(kind, r) for r in registries) if f is not None]
        if not found or any(not _is_of(part, known) for part in found):
            raise InputError(
                f"{where} sets {name + '.type'!r} to {str(kind)[:60]!r}, which is not among the "
                f"parts that a checkpoint may name: {REMEDY}"
            )


def registered(kind, registry: Registry):
    """What ``kind`` stands for in a registry or its parents, or None; it is not imported."""
    if not isinstance(kind, str) or "." in kind:  # a dot would name a scope or a module
        return None
    registry.import_from_location()
    while registry is not None and kind not in registry.module_dict:
        registry = registry.parent
    return None if registry is None else registry.module_dict[kind]


def _is_of(part, packages: Sequence[str]) -> bool:
    module = getattr(part, "__module__", None) or ""
    return any(module == package or module.startswith(package + ".") for package in packages)


@contextmanager
def building(where: str, weights: int) -> Iterator[None]:
    """Build and try a model of a recorded config in here: registered names alone, nothing huge.

    A registry that lacks a name would import the module of that name.

    Args:
        where: the config, for messages.
        weights: how many the file holds. The modules that are built may have :data:`SLACK` times
            as many, since some are built only to be replaced.

    Raises:
        InputError: there are more, or a part does not take its values, in whatever way.
    """
    left = SLACK * weights

    def count(module, name, parameter):
        nonlocal left
        left -= 0 if parameter is None else parameter.numel()
        if left < 0:
            raise InputError(f"{where} is of a larger model than the {weights} weights of the file")

    handle = register_module_parameter_registration_hook(count)
    imported, lookup.get_object_from_string = lookup.get_object_from_string, _no_object
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise InputError(f"{where} cannot be used: {reason[:300]}") from error
    finally:
        lookup.get_object_from_string = imported
        handle.remove()


def _no_object(name: str) -> None:
    return None


def _parse(text: str) -> dict:
    if len(text) > LONGEST:
        raise ValueError(f"{len(text)} characters")
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
