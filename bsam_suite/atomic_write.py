"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(file: str | Path) -> Iterator[Path]:
    """Gives the path of ``FILE.part`` to write to; what is written there then becomes ``file``.

    It does so at once and after it has reached the disk, so that a process or machine that dies
    leaves the old content of ``file`` or the new one. After an error the old one stays.
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
    """Write ``file`` as :func:`atomic_path` does."""
    with atomic_path(file) as part:
        part.write_bytes(content)


def write_text(file: str | Path, content: str, encoding: str = "utf-8") -> None:
    """Write ``file`` as :func:`atomic_path` does."""
    write_bytes(file, content.encode(encoding))


def _sync_folder(folder: Path) -> None:
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # a system whose folders cannot be opened has no need of it
        return
    try:
        os.fsync(opened)
    except OSError:  # some network file systems refuse this for folders
        pass
    finally:
        os.close(opened)
