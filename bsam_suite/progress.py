"""How far long work is."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(shown: bool = True) -> Progress:
    """A bar with a description, the count and the time left, on the terminal's error stream.

    Args:
        shown: False draws nothing; nor is anything drawn where there is no terminal.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
        disable=not (shown and sys.stderr.isatty()),
    )
