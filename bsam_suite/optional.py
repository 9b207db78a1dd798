"""Packages that only some uses need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bsam_suite.errors import InputError
from bsam_suite.shell import add_extra


def need(name: str, extra: str) -> Any:
    """Import a module of a package that not every install has.

    Args:
        name: the module, such as ``"safetensors.torch"``.
        extra: the extra of the suite that installs it.

    Returns:
        The module.

    Raises:
        InputError: it cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"{name.partition('.')[0]} cannot be imported ({error}): install the extra {extra}, "
            f"{add_extra(extra)}"
        ) from error
