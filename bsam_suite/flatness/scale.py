"""One scale of the loss for all surfaces of a picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LOG_FROM = 20
"""The scale is logarithmic where the largest loss is this many times the smallest or more."""

LOG_UNTIL = 1e6
"""The logarithmic scale ends at this many times the smallest loss."""

LINEAR_UNTIL = 20
"""The scale of losses of which some are negative ends at this many times the median rise."""

STEPS = {(1, 2, 5): 2, (1, 3): 4, (1,): np.inf}
"""Round numbers of each decade, and up to how many decades they are not too many."""


@dataclass(frozen=True)
class Scale:
    """From ``low`` to ``high``, linear or logarithmic; losses above are drawn at its end.

    Args:
        clipped: whether there are losses above.
    """

    low: float
    high: float
    log: bool
    clipped: bool

    def position(self, loss: npt.ArrayLike) -> np.ndarray:
        """Where losses stand on the scale: their common logarithm, or they themselves.

        Losses that are not finite have no position (NaN).
        """
        loss = np.asarray(loss, dtype=float)
        inside = np.where(np.isfinite(loss), np.clip(loss, self.low, self.high), np.nan)
        return np.log10(inside) if self.log else inside

    def ticks(self) -> list[float]:
        """Round losses on the scale, six or so."""
        if not self.log:
            from matplotlib.ticker import MaxNLocator

            values = MaxNLocator(9).tick_values(self.low, self.high)
        else:
            first, last = np.log10(self.low), np.log10(self.high)
            steps = next(s for s, upto in STEPS.items() if last - first <= upto)
            decades = np.arange(np.floor(first), last + 1)
            values = [step * 10.0**decade for decade in decades for step in steps]
        return [float(f"{v:.6g}") for v in values if self.low <= v <= self.high]

    @property
    def label(self) -> str:
        """What is to be said of the scale."""
        end = f", cut off at {self.high:.2g}" if self.clipped else ""
        return f"loss{' (logarithmic)' if self.log else ''}{end}"


def common_scale(losses: Iterable[np.ndarray]) -> Scale:
    """The scale for all these losses; not finite ones are left out.

    It is logarithmic where the loss grows many times over, and it ends where it explodes.
    """
    every = np.concatenate([np.ravel(loss) for loss in losses])
    every = every[np.isfinite(every)]
    if not len(every):
        return Scale(0.0, 1.0, log=False, clipped=False)
    low, largest = float(every.min()), float(every.max())
    log = low > 0 and largest >= LOG_FROM * low
    high = largest
    if log:
        high = min(largest, LOG_UNTIL * low)
    elif low <= 0 < largest - low:
        high = min(largest, low + LINEAR_UNTIL * float(np.median(every[every > low] - low)))
    if not high > low:  # a constant
        high = max(largest, low + max(abs(low), 1.0) * 1e-3)
    return Scale(low, high, log, clipped=largest > high)
