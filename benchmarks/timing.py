"""Time several functions in turn, in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from rich.progress import track

Name = TypeVar("Name", bound=Hashable)


def interleaved_times(
    functions: Mapping[Name, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Name, list[float]]:
    """Seconds of each function in each round; each round starts with another one.

    All run once before. In a round each runs twice and the second time counts, because in practice
    a step also follows one of its own kind.
    """
    names, times = list(functions), {name: [] for name in functions}
    for name in names:
        functions[name]()
    for i in track(range(rounds), "rounds", transient=True):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            times[name].append(_seconds(functions[name], clock))
    return times


def _seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    run()
    _wait()
    start = clock()
    run()
    _wait()
    return clock() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ratio(numerators: list[float], denominators: list[float], digits: int = 2) -> str:
    """Median and quartiles of the rounds' ratios."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(numerators, denominators)], n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def milliseconds(times: list[float], digits: int = 1) -> str:
    """The median of ``times``."""
    return f"{statistics.median(times) * 1e3:.{digits}f} ms"


def processor() -> str:
    """Name of the processor on Linux."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), "CPU")
