"""How far long work is, and how long yet."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from bsam_suite.quiet import is_quiet

SECONDS = 30
"""Between two lines, where there is no terminal to draw a bar on."""


def progress_bar(shown: bool = True) -> Progress:
    """A progress bar with a description, the count and the time left, on standard error.

    Without a terminal, a line is printed from time to time instead.

    Args:
        shown: False tells nothing, nor does ``--quiet``.
    """
    shown = shown and not is_quiet()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    on_terminal = sys.stderr.isatty()
    kind = _Lines if shown and not on_terminal else Progress
    drawn = shown and on_terminal
    console = Console(stderr=True)
    return kind(*columns, console=console, redirect_stdout=False, disable=not drawn)


class _Lines(Progress):
    """Prints plain lines to standard error in the place of bars."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._told = time.monotonic()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._tell(task_id)

    def update(self, task_id: TaskID, **changes) -> None:
        super().update(task_id, **changes)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        task, now = self._tasks[task_id], time.monotonic()
        if task.completed and now - self._told >= SECONDS:
            self._told = now
            of = f" of {task.total:,.0f}" if task.total else ""
            left = f", {duration(task.time_remaining)} left" if task.time_remaining else ""
            line = f"{task.description}: {task.completed:,.0f}{of}{left}"
            print(line, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """``2 min 5 s`` or ``3 h 4 min``."""
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
