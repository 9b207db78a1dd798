"""The modules that a config names in ``custom_imports``."""

from __future__ import annotations

import importlib
import sys
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from mmengine.config import Config, utils
from mmengine.fileio import load
from mmengine.utils import get_installed_path, is_installed

from bsam_suite.compat import import_scope
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean

FIELDS = ("imports", "allow_failed_imports")


def config_file(path: str) -> str:
    """The file of a config given as ``PACKAGE::FILE``, as MMEngine finds it; others as they are.

    Raises:
        InputError: the package is not installed.
    """
    package, sign, file = path.partition("::")
    if not sign:
        return path
    if not is_installed(package):
        raise InputError(f"config {path!r}: there is no package {package!r}: install it")
    return str(Path(get_installed_path(package), ".mim/configs", file))


@contextmanager
def inherited_imports() -> Iterator[None]:
    """While configs are read inside, ``custom_imports`` add to those of ``_base_``.

    MMEngine puts one list in the place of the other, and what the base registers is missing then.
    """
    merge = Config._merge_a_into_b

    def adding(a: dict, b: dict, *args, **kwargs) -> dict:
        own, base = a.get("custom_imports"), b.get("custom_imports")
        if isinstance(own, Mapping) and isinstance(base, Mapping) and "_delete_" not in own:
            names = dict.fromkeys([*_names(base), *_names(own)])
            a = {**a, "custom_imports": {**own, "imports": list(names)}}
        return merge(a, b, *args, **kwargs)

    Config._merge_a_into_b = staticmethod(adding)
    try:
        yield
    finally:
        Config._merge_a_into_b = staticmethod(merge)


_load_once = cache(load)


@contextmanager
def metafiles_once() -> Iterator[None]:
    """While configs are read inside, each list of a package's configs is read once.

    MMEngine 0.10.7 reads all of them, for MMSegmentation 53 files, for each ``PACKAGE::FILE``.
    """
    utils.load = _load_once
    try:
        yield
    finally:
        utils.load = load


def import_parts(cfg: Config, path: str) -> None:
    """Import ``cfg.custom_imports``: what is installed, and modules beside the config or above.

    So a task's folder is found from the configs of its project. The package of OpenMMLab that is
    the config's scope is imported first, patched as it needs to be.

    Args:
        cfg: a config that the user gave, never one out of a checkpoint.

    Raises:
        InputError: a module is missing or cannot be imported.
    """
    import_scope(cfg.get("default_scope"))
    given = cfg.get("custom_imports") or {}
    if not isinstance(given, Mapping):
        raise InputError(f"custom_imports={given!r}: give dict(imports=['module'])")
    for field in given:
        if field not in FIELDS:
            hint = did_you_mean(field, FIELDS)
            raise InputError(f"custom_imports.{field}: there is no such field{hint}")
    for name in _names(given):
        try:
            _import(name, Path(path).resolve().parent)
        except InputError as error:
            if not given.get("allow_failed_imports"):
                raise
            warnings.warn(f"{error}; it is left out", stacklevel=2)


def _names(given: Mapping) -> list:
    names = given.get("imports") or []
    return [names] if isinstance(names, str) else list(names)


def _import(name: object, folder: Path) -> None:
    if not isinstance(name, str):
        raise InputError(f"custom_imports.imports: {name!r} is no name of a module: give text")
    try:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):  # it is found, but not what it imports
                raise
            _add_home(name, folder)
            importlib.import_module(name)
    except InputError:
        raise
    except Exception as error:  # whatever the module's own code raises
        raise _refused(name, error) from error


def _add_home(name: str, folder: Path) -> None:
    """Let a module be found in ``folder`` or one above it, such as the project of the config.

    They come last in ``sys.path``: nothing that is installed is hidden by them.
    """
    top, part = name.partition(".")[0], Path(*name.split("."))
    home = next((f for f in (folder, *folder.parents) if _is_module(f / part)), None)
    if home is None:
        beside = [p.stem for p in folder.glob("*.py")] + [p.name for p in folder.glob("*/")]
        raise InputError(
            f"custom_imports: module {name!r} is neither installed nor in {folder} or a folder "
            f"above it{did_you_mean(top, beside)}"
        )
    if str(home) not in sys.path:
        sys.path.append(str(home))
    importlib.invalidate_caches()


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_name(f"{path.name}.py").is_file()


def _refused(name: str, error: Exception) -> InputError:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place, said = f"{frame.filename}:{frame.lineno}", " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        place, said = f"{error.filename}:{error.lineno}", error.msg
    return InputError(
        f"custom_imports: module {name!r} cannot be imported: {type(error).__name__}: {said} "
        f"({place})"
    )
