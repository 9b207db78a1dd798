"""A folder is used by one run at a time."""

from __future__ import annotations

import atexit
import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from bsam_suite.engine.disk_errors import cannot_write
from bsam_suite.quiet import tell

LOCK = ".lock"
"""The file in a locked folder. The lock is a system lock on this file, not its existence."""

_locks: dict[Path, int] = {}
_created: list[Path] = []


def lock_folder(folder: str | Path) -> bool:
    """Lock ``folder`` for this process until it ends; the folder is created if it does not exist.

    The lock ends with the process, however that ends. Child processes do not inherit it.

    Returns:
        False if another process has locked it.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    folder = Path(folder).resolve()
    if folder in _locks:
        return True
    try:
        _make(folder)
        opened = _lock(folder / LOCK)
    except OSError as error:
        raise cannot_write(folder, error) from error
    if opened is None:
        return False
    _locks[folder] = opened
    return True


def _make(folder: Path) -> None:
    for parent in reversed([folder, *folder.parents]):
        try:
            parent.mkdir()
            _created.append(parent)
        except FileExistsError:
            if not parent.is_dir():
                raise
        except OSError:  # system folders such as / exist but cannot be created
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
            tell(f"WARNING: the file system of {file} has no locks: use it for one run at a time")
            return opened
        if _is_at(opened, file):
            return opened
        os.close(opened)  # its owner has ended and removed the file in between


def _is_at(opened: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened), os.stat(file))
    except FileNotFoundError:
        return False


@atexit.register
def _release() -> None:
    """Remove the lock files, and created folders that are still empty."""
    for folder, opened in _locks.items():
        if _is_at(opened, folder / LOCK):
            (folder / LOCK).unlink()
    while _created:
        with suppress(OSError):  # it is not empty
            _created.pop().rmdir()


def _forget() -> None:
    """In a child process: close the copies of the locks, which must not outlive their owner."""
    while _locks:
        os.close(_locks.popitem()[1])
    _created.clear()


os.register_at_fork(after_in_child=_forget)
