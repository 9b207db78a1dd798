"""What calibration collects about the values that a quantizer sees."""

from __future__ import annotations

import torch
from torch import Tensor

SAMPLES = 4096
"""Values kept of each batch, for each row."""


class Statistics:
    """Of all batches added, row by row: extremes, moments and a sample of the values.

    Attributes:
        low, high: smallest and largest value, shape (R,).
        mean, mean_abs, std: of the values and of their magnitudes, shape (R,).
        samples: values drawn at random, shape (R, n).
    """

    def __init__(self) -> None:
        self.batches = 0
        self._parts: list[Tensor] = []
        # A generator of its own: calibrating does not move the run's random numbers.
        self._generator = torch.Generator().manual_seed(0)

    def add(self, rows: Tensor) -> None:
        """Add a batch of shape (R, K); K may differ from batch to batch."""
        rows = rows.detach()
        if rows.numel() == 0:
            return
        wide = rows.double() if rows.device.type != "mps" else rows.float()
        sums = torch.stack([wide.sum(1), wide.abs().sum(1), wide.square().sum(1)])
        low, high = rows.amin(1), rows.amax(1)
        if self.batches == 0:
            self.count, self._sums, self.low, self.high = rows.shape[1], sums, low, high
        else:
            self.count += rows.shape[1]
            self._sums += sums
            self.low, self.high = torch.minimum(self.low, low), torch.maximum(self.high, high)
        self.batches += 1
        if rows.shape[1] > SAMPLES:
            drawn = torch.randint(rows.shape[1], (SAMPLES,), generator=self._generator)
            rows = rows[:, drawn.to(rows.device)]
        self._parts.append(rows.clone())

    @property
    def samples(self) -> Tensor:
        return torch.cat(self._parts, 1)

    @property
    def mean(self) -> Tensor:
        return self._sums[0] / self.count

    @property
    def mean_abs(self) -> Tensor:
        return self._sums[1] / self.count

    @property
    def std(self) -> Tensor:
        return (self._sums[2] / self.count - self.mean.square()).clamp_min(0).sqrt()


def least_squares_range(samples: Tensor, levels: int, low_is_zero: bool) -> tuple[Tensor, Tensor]:
    """The range [low, high] whose uniform grid comes closest to the samples, in mean square.

    Searches, by turns, a hundred fractions of the largest and of the smallest value.

    Args:
        samples: shape (R, n).
        levels: number of grid points.
        low_is_zero: search ``high`` only; ``low`` is 0.

    Returns:
        low <= 0 and high > 0, shape (R,) each.
    """
    fractions = torch.linspace(0.01, 1, 100, dtype=samples.dtype, device=samples.device)
    zero = torch.zeros_like(samples[:, 0])
    bottom = zero if low_is_zero else samples.amin(1).clamp_max(0)
    top = samples.amax(1).clamp_min(0)
    top = torch.where(top > bottom, top, top + 1)  # nothing but zeros (or less): any range does
    low, high = bottom, top
    for _ in range(1 if low_is_zero else 3):
        high = _best(samples, levels, [(low, f * top) for f in fractions])[1]
        if not low_is_zero:
            low = _best(samples, levels, [(f * bottom, high) for f in [0, *fractions]])[0]
    return low, high


def _best(samples: Tensor, levels: int, ranges: list) -> tuple[Tensor, Tensor]:
    errors = []
    for low, high in ranges:
        step = ((high - low) / (levels - 1)).unsqueeze(1).clamp_min(1e-30)
        offset = low.unsqueeze(1)
        codes = torch.round((samples - offset) / step).clamp(0, levels - 1)
        errors.append((codes * step + offset - samples).square().mean(1))
    best = torch.stack(errors).argmin(0)
    row = torch.arange(len(best), device=best.device)
    low, high = (torch.stack([r[i] for r in ranges])[best, row] for i in range(2))
    return low, high
