"""A way of the suite to read files."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mutations as change


@dataclass(frozen=True)
class Reader:
    """A way of the suite to read files.

    Attributes:
        ending: of the files' names.
        seeds: makes contents of valid files in an empty folder.
        change: one of :mod:`mutations`; bytes of any reader's files are changed, too.
        parses: raises an error where the first parser, mostly of another library, refuses it.
        read: reads a file; what it raises other than an InputError is a finding.
    """

    ending: str
    seeds: Callable[[Path], list[bytes]]
    change: Callable[[bytes, random.Random], bytes]
    parses: Callable[[bytes], object]
    read: Callable[[Path], object]

    def mutant(self, content: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
        """``content``, or one of ``seeds`` where that cannot be taken apart, with changes."""
        if rng.random() < 0.1:
            content = rng.choice(seeds)
        for _ in range(rng.choice((1, 1, 2, 3))):
            way = change.changed_bytes if rng.random() < 0.12 else self.change
            try:
                content = way(content, rng)
            except change.NotWhole:
                content = rng.choice(seeds)
        return content
