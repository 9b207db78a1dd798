"""The name that was probably meant, for messages about a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LISTED = 40
"""Names in a message, at most."""


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``names`` that is most like ``name``, whatever its case.

    ``cutoff`` says how alike they must be, 0 to 1: see :func:`difflib.get_close_matches`.
    """
    folded = {other.lower(): other for other in names}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message: ``: did you mean 'this'?``, or else what there is."""
    names = sorted(names)
    close = nearest(name, names)
    if close is not None:
        return f": did you mean {close!r}?"
    more = ", ..." if len(names) > LISTED else ""
    return f"; there are {', '.join(names[:LISTED])}{more}" if names else ""
