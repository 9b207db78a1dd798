"""``--quiet``: long work prints nothing; warnings, errors and results are told all the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_screen: TextIO | None = None
"""Standard output while it is redirected."""


@contextmanager
def quiet() -> Iterator[None]:
    """Whatever prints to standard output meanwhile, others' code too, is not seen."""
    global _screen
    before, _screen = _screen, sys.stdout
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        _screen = before


def is_quiet() -> bool:
    """Whether :func:`quiet` is in effect."""
    return _screen is not None


def screen() -> TextIO:
    """Standard output as it is seen."""
    return _screen or sys.stdout


def tell(*lines: object) -> None:
    """Print what is to be seen in any case: warnings, results, where they are, what to do next."""
    print(*lines, sep="\n", file=screen(), flush=True)
