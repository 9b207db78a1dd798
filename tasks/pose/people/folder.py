"""Write a folder atomically: it is complete or does not exist."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from pathlib import Path


def _prefix(root: Path) -> str:
    host = "".join(c if c.isalnum() else "_" for c in socket.gethostname())
    return f".{root.name}.tmp-{host}-"


def temporary_sibling(root: Path) -> Path:
    """Create a folder next to ``root`` with the process id in its name.

    Raises:
        OSError: If it can't be created.
    """
    folder = root.parent / f"{_prefix(root)}{os.getpid()}-{secrets.token_hex(4)}"
    folder.mkdir()
    return folder


def publish(folder: Path, root: Path) -> bool:
    """Rename ``folder`` to ``root`` in one step.

    Returns:
        False if something (other than an empty folder) is already at ``root``; then nothing
        has changed.

    Raises:
        OSError: If renaming fails for another reason.
    """
    try:
        os.rename(folder, root)
    except OSError:
        if root.exists():
            return False
        raise
    return True


def remove_stale(root: Path) -> None:
    """Delete temporary siblings of ``root`` left behind by processes that no longer run."""
    prefix = _prefix(root)
    for folder in root.parent.iterdir():
        if folder.name.startswith(prefix):
            process = folder.name[len(prefix) :].split("-")[0]
            if process.isdigit() and not _runs(int(process)):
                shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
