"""Where a run keeps its results, and how earlier results are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

from bsam_suite.engine.claim import LOCK, claim
from bsam_suite.errors import InputError


def has_results(folder: Path) -> bool:
    """Whether a training run has saved a checkpoint there."""
    return (folder / "last_checkpoint").exists() or any(folder.glob("*.pth"))


def numbered(folder: Path) -> Iterator[Path]:
    """``folder``, ``folder-2``, ``folder-3``, ..."""
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in count(2))


def choose_out_dir(given: str | Path | None, default: Path) -> Path:
    """The folder for results: ``given``, or the first free of ``default``, ``default-2``, ...

    It is made, and belongs to this process until it ends.

    Raises:
        InputError: the folder given by hand holds something, is a file or in use, or nothing can
            be written there.
    """
    if given is None:
        folders = (folder for folder in numbered(default) if _is_free(folder))
        return next(folder for folder in folders if claim(folder) and _is_free(folder))
    if not _is_free(Path(given)):
        what = "is not empty" if Path(given).is_dir() else "is a file"
        raise InputError(f"--out {given} {what}: name another folder")
    if not claim(given):
        raise InputError(f"--out {given} is in use by another process: name another folder")
    return Path(given)


def _is_free(folder: Path) -> bool:
    if not folder.exists():
        return True
    return folder.is_dir() and all(entry.name == LOCK for entry in folder.iterdir())


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


def choose_work_dir(
    config: str, given: str | None, resume: str | None, place: str = "--work-dir"
) -> str:
    """The folder for a run of ``config``: ``given``, or ``work_dirs/CONFIG_NAME``.

    It is made, and belongs to this process until it ends. Earlier results are never overwritten. A
    new run in the default place goes to the next free ``work_dirs/CONFIG_NAME-2``, ``-3``, ...; a
    resumed one to the last of them with results, or to that of the checkpoint it goes on from.

    Args:
        config: config file.
        given: the folder chosen by hand.
        resume: ``"auto"``, the checkpoint to go on from, or None for a new run.
        place: where ``given`` was set, for messages.

    Raises:
        InputError: the folder given by hand holds the results of another run; the one to be used
            is in use; or nothing can be written there.
    """
    default = Path("work_dirs") / Path(config).stem
    of_file = Path(resume).parent if resume not in (None, "auto") else None
    if given is not None:
        folder = Path(given)
    elif resume == "auto":
        folder = _last_with_results(default)
    elif of_file is not None and _is_one_of(of_file, default):
        folder = of_file
    else:
        folders = (folder for folder in numbered(default) if not has_results(folder))
        return str(next(folder for folder in folders if claim(folder) and not has_results(folder)))
    if not claim(folder):
        raise InputError(
            f"{place} {folder} is in use by another run: wait for its end, or name another folder"
        )
    goes_on = resume == "auto" or (of_file is not None and of_file.resolve() == folder.resolve())
    if has_results(folder) and not goes_on:
        raise InputError(
            f"{place} {folder} holds the checkpoints of an earlier run: go on with it by "
            "--resume auto, or name another folder"
        )
    return str(folder)


def _last_with_results(default: Path) -> Path:
    found = list(takewhile(has_results, numbered(default)))
    return found[-1] if found else default


def _is_one_of(folder: Path, default: Path) -> bool:
    """Whether ``folder`` is ``default``, ``default-2``, ..."""
    same = folder.resolve().parent == default.resolve().parent
    return same and re.fullmatch(rf"{re.escape(default.name)}(-\d+)?", folder.name) is not None
