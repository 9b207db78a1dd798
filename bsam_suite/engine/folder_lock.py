"""A folder belongs to one run at a time."""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from bsam_suite.engine.disk_errors import cannot_write

LOCK = ".lock"
"""The file in a claimed folder. What is locked is its content, not its being there."""

_claims: dict[Path, int] = {}
_made: list[Path] = []


def lock_folder(folder: str | Path) -> bool:
    """Take ``folder``, which is made if need be, for this process until it ends.

    The claim ends with the process, however that ends, and is not handed on to its children.

    Returns:
        False where another process has it.

    Raises:
        InputError: there cannot be such a folder, or nothing can be written to it.
    """
    folder = Path(folder).resolve()
    if folder in _claims:
        return True
    try:
        _make(folder)
        opened = _lock(folder / LOCK)
    except OSError as error:
        raise cannot_write(folder, error) from error
    if opened is None:
        return False
    _claims[folder] = opened
    return True


def _make(folder: Path) -> None:
    for parent in reversed([folder, *folder.parents]):
        try:
            parent.mkdir()
            _made.append(parent)
        except FileExistsError:
            if not parent.is_dir():
                raise
        except OSError:  # a system's own folder, such as /, cannot be made though it is there
            if not parent.is_dir():
                raise


def _lock(file: Path) -> int | None:
    while True:
        opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(opened)
            return None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                os.close(opened)
                raise
            print(f"WARNING: no locks on the file system of {file}: nothing else may write there")
            return opened
        if _is_at(opened, file):
            return opened
        os.close(opened)  # its owner has ended and removed it in between


def _is_at(opened: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), os.stat(file))
    except FileNotFoundError:
        return False


@atexit.register
def _release() -> None:
    """Remove the lock files, and the folders that were made and never used."""
    for folder, opened in _claims.items():
        if _is_at(opened, folder / LOCK):
            (folder / LOCK).unlink()
    while _made:
        with suppress(OSError):  # it holds something, as it should
            _made.pop().rmdir()


def _forget() -> None:
    """In a child: its copies of the locks must not outlive their owner."""
    while _claims:
        os.close(_claims.popitem()[1])
    _made.clear()


os.register_at_fork(after_in_child=_forget)
