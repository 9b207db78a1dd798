"""MMEngine writes files atomically."""

from __future__ import annotations

import os

from bsam_suite.atomic_write import write_bytes, write_text


def patch_file_backend() -> None:
    """Let MMEngine 0.10.7 write to a temporary file that then replaces the old one.

    Its backend for local files, which writes all checkpoints, writes to the file itself: if the run
    is killed at that moment, the checkpoint is incomplete.
    """
    from mmengine.fileio.backends import LocalBackend

    LocalBackend.put = _put
    LocalBackend.put_text = _put_text


def _put(self, obj: bytes, filepath) -> None:
    os.makedirs(os.path.dirname(filepath) or ".", exist_ok=True)
    write_bytes(filepath, obj)


def _put_text(self, obj: str, filepath, encoding: str = "utf-8") -> None:
    os.makedirs(os.path.dirname(filepath) or ".", exist_ok=True)
    write_text(filepath, obj, encoding)
