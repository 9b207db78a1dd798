"""Load a config with the options of the command line."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner

from bsam_suite.errors import InputError

_OPTIONS: ContextVar[dict | None] = ContextVar("options", default=None)


def cfg_option(name: str, default=None):
    """What ``--cfg-options NAME=...`` says, for configs that decide by it while they are read."""
    return (_OPTIONS.get() or {}).get(name, default)


@contextmanager
def _options(options: dict) -> Iterator[None]:
    token = _OPTIONS.set(options)
    try:
        yield
    finally:
        _OPTIONS.reset(token)


def load_config(path: str, options: dict | None = None) -> Config:
    """Read the config at ``path`` and merge ``options`` (dotted keys) into it.

    ``data_root`` among the options moves every path of the config that lies in its own
    ``data_root``.

    Raises:
        InputError: no such config, a config that cannot be read, or an unknown option.
    """
    options = dict(options or {})
    if not Path(path).is_file():
        raise InputError(f"config {path!r} does not exist{_near(path)}")
    with _options(options):
        try:
            cfg = Config.fromfile(path)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"config {path!r} cannot be read: {type(error).__name__}: {error}"
            ) from error
    known = set(cfg) | set(inspect.signature(Runner.__init__).parameters)
    for key in options:
        if key.split(".")[0] not in known:
            close = difflib.get_close_matches(key.split(".")[0], known, n=1)
            hint = f": did you mean {close[0]!r}?" if close else f"; it has {sorted(cfg)}"
            raise InputError(
                f"--cfg-options {key}: {path} has no field {key.split('.')[0]!r}{hint}"
            )
    old_root, new_root = cfg.get("data_root"), options.pop("data_root", None)
    if new_root is not None:
        if not isinstance(old_root, str):
            raise InputError(f"--cfg-options data_root={new_root}: {path} sets no data_root")
        moved = _move_root(cfg._cfg_dict.to_dict(), old_root, new_root)
        cfg = Config(moved, filename=cfg.filename)
    cfg.merge_from_dict(options)
    _call(cfg, "resolve")
    return cfg


def preflight(cfg: Config) -> None:
    """Run the config's ``preflight`` functions: checks and preparations before any long work.

    Each entry is a config of a function in MMEngine's ``FUNCTIONS`` registry, called with ``cfg``
    as first argument. So are those of ``resolve``, by which a config that was loaded follows what
    it is about, such as its data: quickly, and without a word on data that is not there.
    """
    _call(cfg, "preflight")


def _call(cfg: Config, field: str) -> None:
    for entry in cfg.get(field, []):
        arguments = dict(entry)
        name = arguments.pop("type")
        function = FUNCTIONS.get(name)
        if function is None:
            raise InputError(f"{field} {name!r} in {cfg.filename} is not in registry FUNCTIONS")
        function(cfg, **arguments)


def _move_root(value, old: str, new: str):
    if isinstance(value, dict):
        return {k: _move_root(v, old, new) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_move_root(v, old, new) for v in value)
    if isinstance(value, str):
        if value.rstrip("/") == old.rstrip("/"):
            return new
        if value.startswith(old.rstrip("/") + "/"):
            return new.rstrip("/") + value[len(old.rstrip("/")) :]
    return value


def _near(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f": there is no folder {str(folder)!r}"
    names = sorted(p.name for p in folder.glob("*.py"))
    close = difflib.get_close_matches(Path(path).name, names, n=1)
    return f": did you mean {str(folder / close[0])!r}?" if close else f"; {folder} has {names}"
