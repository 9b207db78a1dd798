"""The errors for mistakes that the user can correct, and lists for their messages."""

from __future__ import annotations

from collections.abc import Iterable


class InputError(ValueError):
    """A value from outside (config, option, file) cannot be used.

    The message names the value, its place and the remedy. The command-line tools print it in one
    line and exit with status 1, without a traceback.
    """

    def __init__(self, message: str) -> None:
        # PyTorch passes an error of a data loader's worker on with its traceback as message.
        super().__init__(message.rpartition(f"{type(self).__name__}: ")[2].rstrip())


class UnreadableFile(InputError):
    """A file of the data cannot be read.

    Attributes:
        filename: of the file; None where a data loader's worker has passed the error on.
        reason: why.
    """

    filename: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, filename: str, error: Exception) -> UnreadableFile:
        """The error for a file, as a reader that failed with ``error`` raises it."""
        made = cls(f"{filename} cannot be read ({error}): repair or remove this image")
        made.filename, made.reason = filename, " ".join(str(error).split())
        return made


class Diverged(InputError):
    """A training has ended because its weights or gradients are NaN or infinite."""


def brief(value: object, at_most: int = 80) -> str:
    """``value`` as Python writes it, cut off where it is long."""
    text = repr(value)
    return text if len(text) <= at_most else f"{text[: at_most - 3]}..."


def listed(items: Iterable[object], at_most: int = 3, separator: str = ", ") -> str:
    """The first ``items`` in one line, and how many more there are."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - at_most} more" if len(texts) > at_most else ""
    return separator.join(texts[:at_most]) + more
