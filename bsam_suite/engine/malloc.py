"""Settings of glibc's memory allocator for training on a CPU."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Keep glibc from returning freed memory to the system, because training needs it again.

    The system fills new pages with zeros. That takes a few percent of a step's time, more if
    several gradients exist at once. Except on Linux with glibc this function does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, -1)
        mallopt(M_MMAP_MAX, 0)
