"""How a command-line tool ends."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bsam_suite.errors import InputError


def run(main: Callable[[], object], stopped: str | None = None) -> None:
    """Run a tool: what the user can mend ends it with one line and exit status 1.

    That is an :class:`InputError`, a gradient that is not finite with ``nonfinite="raise"``, or a
    file that cannot be written (no room, no permission).

    Args:
        main: the tool.
        stopped: what to say after Ctrl-C, where there is something to say.
    """
    try:
        main()
    except (InputError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        if stopped is None:
            raise
        sys.exit(stopped)
    except OSError as error:
        from bsam_suite.engine.disk_errors import DISK, cannot_write

        if error.errno not in DISK and not (isinstance(error, PermissionError) and error.filename):
            raise
        sys.exit(f"error: {cannot_write(error.filename or 'the disk', error)}")
