"""Means, standard deviations and paired differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bsam_suite.optional import need


class MeanStd(NamedTuple):
    """Mean and sample standard deviation (n - 1) of ``n`` values; NaN where n is too small."""

    n: int
    mean: float
    std: float


class Difference(NamedTuple):
    """Mean of paired differences and its 95% confidence interval by Student's t; NaN for n < 2."""

    n: int
    mean: float
    low: float
    high: float


def mean_std(values: Sequence[float]) -> MeanStd:
    """Mean and sample standard deviation of ``values``."""
    n = len(values)
    mean = statistics.fmean(values) if n else math.nan
    return MeanStd(n, mean, statistics.stdev(values) if n > 1 else math.nan)


def paired_difference(a: Mapping[int, float], b: Mapping[int, float]) -> Difference:
    """a - b, values by seed, over the seeds that both have.

    Raises:
        InputError: SciPy is not installed.
    """
    n, mean, std = mean_std([a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())])
    half = math.nan
    if n > 1:
        half = float(need("scipy.stats", "compare").t.ppf(0.975, n - 1)) * std / math.sqrt(n)
    return Difference(n, mean, mean - half, mean + half)
