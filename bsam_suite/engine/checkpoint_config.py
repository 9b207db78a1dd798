"""The config that a checkpoint was trained with, as MMEngine stores it there.

Neither the checkpoint nor its config is trusted. The text of the config is read as plain values and
never run. It may import only modules of this project and those that the user allows. Only
registered modules of given packages are built from it.
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
"""The modules of this project that such a config may import."""
LONGEST, SLACK = 10**6, 4
REMEDY = "if you trust the model, give its config by --config FILE"


def config_of_checkpoint(checkpoint: dict, path: str) -> dict:
    """The config in ``checkpoint["meta"]["cfg"]`` as plain values; its imports are made.

    MMEngine's ``Config.fromstring`` would run the text as a program.

    Raises:
        InputError: there is no config, it contains more than plain values, or it imports a module
            that is not in :data:`MODULES`, not in ``BSAM_SUITE_ALLOW`` and not yet imported.
    """
    meta = checkpoint.get("meta")
    text = meta.get("cfg") if isinstance(meta, dict) else None
    if not isinstance(text, str):
        raise InputError(f"checkpoint {path} contains no config: give it by --config FILE")
    where = f"the config in checkpoint {path}"
    try:
        content = _parse(text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise InputError(f"{where} contains more than values ({reason}): {REMEDY}") from error
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
        raise InputError(f"{where} imports a module that does not exist: {error}") from error
    return content


def check_types(
    value, registries: Sequence[Registry], packages: Sequence[str], where: str, name: str
) -> None:
    """Check that each ``type`` in ``value`` is registered and defined in a known package.

    Args:
        value: plain values of the config of a checkpoint.
        registries: where each ``type`` is looked up.
        packages: modules or packages that may define it, in addition to those the user allows.

    Raises:
        InputError: a ``type`` is none of these.
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
        found = [f for f in (find_registered(kind, r) for r in registries) if f is not None]
        if not found or any(not _is_of(part, known) for part in found):
            raise InputError(
                f"{where} sets {name + '.type'!r} to {str(kind)[:60]!r}, which a checkpoint is not "
                f"allowed to use: {REMEDY}"
            )


def find_registered(kind, registry: Registry):
    """The class registered as ``kind`` in a registry or its parents, or None; imports nothing."""
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
def building_safely(where: str, weights: int) -> Iterator[None]:
    """Build and try the model of a checkpoint's config safely: registered names only, limited size.

    Without this, a registry imports the module of a name that it does not have.

    Args:
        weights: number of weights in the file. The modules may have :data:`SLACK` times as many,
            because some are built only to be replaced.

    Raises:
        InputError: the modules have more weights, or one of them cannot be built or run.
    """
    left = SLACK * weights

    def count(module, name, parameter):
        nonlocal left
        left -= 0 if parameter is None else parameter.numel()
        if left < 0:
            raise InputError(f"{where} is of a larger model than the {weights} weights of the file")

    handle = register_module_parameter_registration_hook(count)
    imported, lookup.get_object_from_string = lookup.get_object_from_string, lambda name: None
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
