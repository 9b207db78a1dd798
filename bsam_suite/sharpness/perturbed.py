"""Whether a model runs at perturbed weights: for layers that then behave in another way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Not by thread: a backward that recomputes activations does so in threads of autograd's own.
_away = False


def perturbed() -> bool:
    """Whether the pass under way is one of a rule's further passes, away from w."""
    return _away


@contextmanager
def perturbing(away: bool) -> Iterator[None]:
    """Tell :func:`perturbed` inside."""
    global _away
    before, _away = _away, away
    try:
        yield
    finally:
        _away = before
