"""What an export needs: packages of the extra, and a new file."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from bsam_suite.errors import InputError


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
            "pip install 'bsam-suite[export]'"
        ) from error


def check_new(file: str | Path) -> Path:
    """``file``, a path at which nothing is yet, in a folder that exists.

    Raises:
        InputError: there is something at ``file``, or no such folder.
    """
    file = Path(file)
    if file.exists():
        raise InputError(f"{file} exists: remove it, or give another name")
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no folder {file.parent}; make it first")
    return file
