"""Where a run keeps its results, and how earlier results are kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

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

    Raises:
        InputError: the folder given by hand holds something, or is a file.
    """
    if given is None:
        return next(folder for folder in numbered(default) if _is_free(folder))
    if not _is_free(Path(given)):
        what = "is not empty" if Path(given).is_dir() else "is a file"
        raise InputError(f"--out {given} {what}: name another folder")
    return Path(given)


def _is_free(folder: Path) -> bool:
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


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


def choose_work_dir(config: str, given: str | None, resume: bool) -> str:
    """The folder for a run of ``config``: ``given``, or ``work_dirs/CONFIG_NAME``.

    Earlier results are never overwritten. A new run in the default place goes to the next free
    ``work_dirs/CONFIG_NAME-2``, ``-3``, ...; a resumed one to the last of them with results.

    Raises:
        InputError: the folder given by hand holds the results of another run.
    """
    if given is not None:
        if has_results(Path(given)) and not resume:
            raise InputError(
                f"--work-dir {given} holds the checkpoints of an earlier run: go on with it by "
                "--resume auto, or name another folder"
            )
        return given
    last = None
    for folder in numbered(Path("work_dirs") / Path(config).stem):
        if not has_results(folder):
            return str(last if resume and last else folder)
        last = folder
