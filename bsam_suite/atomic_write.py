"""Atomic writes: a file is complete or does not exist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(file: str | Path) -> Iterator[Path]:
    """Yield a temporary path, ``FILE.part``, that replaces ``file`` at the end.

    The content is on the disk before it replaces ``file`` in one step. If the process or the
    machine dies, ``file`` has its old content or the new one. After an error it has the old one.
    """
    file = Path(file)
    part = file.with_name(f"{file.name}.part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def write_bytes(file: str | Path, content: bytes) -> None:
    """Write ``file`` through :func:`atomic_path`."""
    with atomic_path(file) as part:
        part.write_bytes(content)


def write_text(file: str | Path, content: str, encoding: str = "utf-8") -> None:
    """Write ``file`` through :func:`atomic_path`."""
    write_bytes(file, content.encode(encoding))


def _sync_folder(folder: Path) -> None:
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # systems whose folders cannot be opened do not need it
        return
    try:
        os.fsync(opened)
    except OSError:  # some network file systems cannot do this for folders
        pass
    finally:
        os.close(opened)
