"""The name that was probably meant, for messages about a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of ``names`` that is most like ``name``, whatever its case.

    Args:
        name: what was given.
        names: what there is.
        cutoff: how alike they must be, 0 to 1, see :func:`difflib.get_close_matches`.
    """
    folded = {other.lower(): other for other in names}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str], at_most: int = 40) -> str:
    """The end of a message: ``: did you mean 'this'?``, or else what there is.

    Args:
        name: what was given.
        names: what there is.
        at_most: how many of them to list where none is like ``name``.
    """
    names = sorted(names)
    close = nearest(name, names)
    if close is not None:
        return f": did you mean {close!r}?"
    more = ", ..." if len(names) > at_most else ""
    return f"; there are {', '.join(names[:at_most])}{more}" if names else ""
