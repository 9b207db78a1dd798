"""Disk errors as one-line messages."""

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
    """Turn errors of a full disk, or of a ``folder`` that is not writable, into one line.

    Raises:
        InputError: for such an error, also for one of a log file. Other errors are not changed.
    """
    handle = logging.Handler.handleError
    logging.Handler.handleError = _raise_or(handle)  # type: ignore[method-assign]
    try:
        yield
    except OSError as error:
        inside = isinstance(error.filename, str) and Path(folder) in Path(error.filename).parents
        if not (inside or error.errno in DISK):
            raise
        raise cannot_write(folder, error) from error
    finally:
        logging.Handler.handleError = handle  # type: ignore[method-assign]


def cannot_write(folder: str | Path, error: OSError) -> InputError:
    """The error for an ``error`` in writing to ``folder``."""
    where = f" ({error.filename})" if error.filename else ""
    return InputError(
        f"cannot write to {folder}: {error.strerror or error}{where}. Free some space or give "
        "another folder"
    )


def _raise_or(handle):
    """Loggers only print their own errors; errors of the disk must be raised."""

    def handle_error(handler: logging.Handler, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and error.errno in DISK:
            raise error
        handle(handler, record)

    return handle_error
