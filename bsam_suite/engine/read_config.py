"""Read a config file, and instead of it or of one of its bases what it is ``replaced_by``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.config import Config

from bsam_suite.compat import missing_package
from bsam_suite.engine.imports import inherited_imports, metafiles_once
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean, nearest
from bsam_suite.options import meaning

FIELDS = ("option", "found", "holds", "config")


def read_config(path: str, options: Mapping) -> Config:
    """The config at ``path``; of ``options`` it takes those that choose between files.

    A config, or a base of one, may say which config takes its place once there is data for it::

        replaced_by = [
            dict(option="data_root", holds="cifar-10-batches-py", config="./cifar10.py"),
            dict(option="data_root", config="./folder.py"),
        ]

    The first entry that fits is taken: its ``option`` is given, or there is a file or folder
    ``found``, and in it is a folder that the pattern ``holds``. Its ``config`` is a path from the
    file that says so, or else what the option is. MMEngine reads no such field:
    ``Config.fromfile`` gives the config that nothing replaces.

    Raises:
        InputError: no such config, or one that cannot be read.
    """
    if not Path(path).is_file():
        raise InputError(f"config {path!r} does not exist{_near(path)}")
    try:
        with inherited_imports(), metafiles_once(), _replacing(options):
            return Config.fromfile(path, import_custom_modules=False)
    except InputError:
        raise
    except Exception as error:  # whatever the config's own code raises
        missing = missing_package(error) if isinstance(error, ModuleNotFoundError) else None
        if missing is not None:
            raise missing from error
        raise InputError(
            f"config {path!r} cannot be read: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def _replacing(options: Mapping) -> Iterator[None]:
    read = Config._file2dict

    def read_or_replace(filename: str, *args, **kwargs) -> tuple:
        found = read(filename, *args, **kwargs)
        # Its bases have been read by this function, so what is left is its own.
        other = _replacement(found[0].pop("replaced_by", []), options, Path(filename))
        return found if other is None else read_or_replace(other, *args, **kwargs)

    Config._file2dict = staticmethod(read_or_replace)
    try:
        yield
    finally:
        Config._file2dict = staticmethod(read)


def _replacement(entries: list[dict], options: Mapping, file: Path) -> str | None:
    for entry in entries:
        for field in entry:
            if field not in FIELDS:
                raise InputError(
                    f"replaced_by in {file}: there is no field {field!r}"
                    f"{did_you_mean(field, FIELDS)}"
                )
        given: Any = meaning(options.get(entry["option"]), kinds=[str])
        found = entry.get("found")
        place = given or (found if found and Path(found).exists() else None)
        if place is None or not _holds(Path(place), entry.get("holds")):
            continue
        if "config" in entry:
            return str(file.parent / entry["config"])
        if not Path(place).is_file():
            raise InputError(f"{entry['option']}={place} does not exist: give a config file")
        return str(Path(place).resolve())
    return None


def _holds(root: Path, pattern: str | None) -> bool:
    return pattern is None or any(path.is_dir() for path in root.glob(pattern))


def _near(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f": there is no folder {str(folder)!r}"
    beside = {str(path): path.name for path in folder.glob("*.py")}
    close = nearest(Path(path).name, beside.values())
    if close:
        return f": did you mean {str(folder / close)!r}?"
    return f"; {folder} has {sorted(beside.values())}"
