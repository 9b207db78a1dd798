"""Errors of the disk, told in a line."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bsam_suite.errors import InputError

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


@contextmanager
def report_disk_errors(folder: str | Path) -> Iterator[None]:
    """Tell in one line of a disk that is full or a folder that can no longer be written to.

    Raises:
        InputError: for such an error, that of a log file included; all others stay what they are.
    """
    handle = logging.Handler.handleError
    logging.Handler.handleError = _raise_or(handle)
    try:
        yield
    except OSError as error:
        inside = isinstance(error.filename, str) and Path(folder) in Path(error.filename).parents
        if not (inside or error.errno in DISK):
            raise
        raise cannot_write(folder, error) from error
    finally:
        logging.Handler.handleError = handle


def cannot_write(folder: str | Path, error: OSError) -> InputError:
    """What to tell of an ``error`` in writing to ``folder``."""
    where = f" ({error.filename})" if error.filename else ""
    return InputError(
        f"cannot write to {folder}: {error.strerror or error}{where}. Make room or name another "
        "folder"
    )


def _raise_or(handle):
    """Loggers print errors of their own and go on: not those of the disk."""

    def handle_error(handler: logging.Handler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and error.errno in DISK:
            raise error
        handle(handler, record)

    return handle_error
