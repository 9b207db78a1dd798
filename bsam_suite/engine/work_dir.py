"""The folder of a run's results; earlier results are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path

from bsam_suite.engine.folder_lock import LOCK, lock_folder
from bsam_suite.errors import InputError

POINTER = "last_checkpoint"
"""MMEngine's file in it that names the checkpoint which was saved last."""
STOPPED = "stopped.pth"
"""The checkpoint of a run that a signal has stopped."""


def has_results(folder: Path) -> bool:
    """Whether a training run has saved a checkpoint in ``folder``."""
    return (folder / POINTER).exists() or any(folder.glob("*.pth"))


def numbered(folder: Path) -> Iterator[Path]:
    """``folder``, ``folder-2``, ``folder-3``, ..."""
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in count(2))


def choose_out_dir(given: str | Path | None, default: Path) -> Path:
    """The folder for results: ``given``, or the first free one of ``default``, ``default-2``, ...

    It is created and locked until this process ends.

    Raises:
        InputError: the given folder is not empty, is a file, is in use or cannot be written to.
    """
    if given is None:
        folders = (folder for folder in numbered(default) if _is_free(folder))
        return next(folder for folder in folders if lock_folder(folder) and _is_free(folder))
    if not _is_free(Path(given)):
        what = "is not empty" if Path(given).is_dir() else "is a file"
        raise InputError(f"--out {given} {what}: give another folder")
    if not lock_folder(given):
        raise InputError(f"--out {given} is in use by another process: give another folder")
    return Path(given)


def _is_free(folder: Path) -> bool:
    if not folder.exists():
        return True
    return folder.is_dir() and all(entry.name == LOCK for entry in folder.iterdir())


def check_new_file(file: str | Path) -> Path:
    """``file``, which must not exist yet, in a folder that exists.

    Raises:
        InputError: ``file`` exists, or its folder does not.
    """
    file = Path(file)
    if file.exists():
        raise InputError(f"{file} exists: remove it, or give another name")
    if not file.parent.is_dir():
        raise InputError(f"{file}: the folder {file.parent} does not exist; create it first")
    return file


def choose_work_dir(
    config: str, given: str | None, resume: str | None, place: str = "--work-dir"
) -> str:
    """The folder for a run of ``config``: ``given``, or ``work_dirs/CONFIG_NAME``.

    It is created and locked until this process ends. Earlier results are never overwritten. A new
    run without ``given`` uses the next free ``work_dirs/CONFIG_NAME-2``, ``-3``, ...; a resumed run
    uses the last of them with results, or that of the checkpoint it resumes from.

    Args:
        resume: ``"auto"``, the checkpoint to resume from, or None for a new run.
        place: where ``given`` was set, for messages.

    Raises:
        InputError: the given folder has the results of another run, or the folder is in use or
            cannot be written to.
    """
    default = Path("work_dirs") / Path(config).stem
    of_file = Path(resume).parent if resume not in (None, "auto") else None
    if given is not None:
        folder = Path(given)
    elif resume == "auto":
        folder = [default, *takewhile(has_results, numbered(default))][-1]
    elif of_file is not None and _is_one_of(of_file, default):
        folder = of_file
    else:
        folders = (f for f in numbered(default) if not has_results(f))
        return str(next(f for f in folders if lock_folder(f) and not has_results(f)))
    if not lock_folder(folder):
        raise InputError(
            f"{place} {folder} is in use by another run: wait for it, or give another folder"
        )
    same = resume == "auto" or (of_file is not None and of_file.resolve() == folder.resolve())
    if has_results(folder) and not same:
        raise InputError(
            f"{place} {folder} has the checkpoints of an earlier run: continue it with --resume "
            "auto, or give another folder"
        )
    return str(folder)


def _is_one_of(folder: Path, default: Path) -> bool:
    """Whether ``folder`` is ``default``, ``default-2``, ..."""
    same = folder.resolve().parent == default.resolve().parent
    return same and re.fullmatch(rf"{re.escape(default.name)}(-\d+)?", folder.name) is not None
