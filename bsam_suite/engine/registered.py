"""What MMEngine's registries hold, seen from a scope."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from mmengine.registry import Registry, root

from bsam_suite.errors import InputError

ROOTS = [value for value in vars(root).values() if isinstance(value, Registry)]
"""MMEngine's registries, the parents of those of other libraries."""


def registered(registry: Registry, scope: str | None) -> dict[str, Callable]:
    """What can be built by its name, where ``default_scope`` or ``_scope_`` is ``scope``.

    Raises:
        InputError: the library of that scope cannot be imported.
    """
    _module(scope)
    child = registry.children.get(scope, registry)
    try:
        child.import_from_location()
    except ImportError as error:
        raise InputError(
            f"default_scope={scope!r}: the library cannot be imported: {error}: install it, or "
            "name the module that imports it first in custom_imports"
        ) from error
    return {**registry.module_dict, **child.module_dict}


def registries_of(scope: str | None) -> list[Registry]:
    """:data:`ROOTS`, and those of the library ``scope`` that have no parent among them."""
    own = vars(_module(scope) or root).values()
    return [*ROOTS, *(r for r in own if isinstance(r, Registry) and r.root not in ROOTS)]


def find(kind: str | Callable, registry: Registry, scope: str | None) -> Callable | None:
    """What ``kind`` names in ``registry``, in any of its libraries or as a path with dots."""
    if not isinstance(kind, str):
        return kind if callable(kind) else None
    found = registered(registry, scope).get(kind)
    dotted = "." in kind.strip(".") and not kind.startswith(".")
    return registry.get(kind) if found is None and dotted else found


def find_anywhere(kind: str | Callable, scope: str | None) -> list[Callable]:
    """All that ``kind`` names in any of :func:`registries_of`."""
    found = [find(kind, registry, scope) for registry in registries_of(scope)]
    return list({id(one): one for one in found if one is not None}.values())


def _module(scope: str | None) -> ModuleType | None:
    try:
        return import_module(f"{scope}.registry") if scope else None
    except ImportError:
        return None  # such as the scope of a registry in another module
