"""Packages that only an export needs."""

from __future__ import annotations

import importlib
from types import ModuleType

from bsam_suite.errors import InputError
from bsam_suite.shell import add_extra


def need(name: str) -> ModuleType:
    """Import a package of the extra ``export``.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise InputError(
            f"{package} cannot be imported ({error}): install the extra export, "
            f"{add_extra('export')}"
        ) from error
