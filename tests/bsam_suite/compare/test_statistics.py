"""Statistics on cases worked out by hand."""

import math

import pytest

from bsam_suite.compare.statistics import mean_std, paired_difference


def test_spread():
    assert mean_std([2.0, 4.0, 4.0, 6.0]) == (4, 4.0, pytest.approx(math.sqrt(8 / 3)))
    n, mean, std = mean_std([5.0])
    assert (n, mean) == (1, 5.0) and math.isnan(std)
    assert math.isnan(mean_std([]).mean)


def test_paired_difference_by_hand():
    # Differences 1, 2, 3: mean 2, deviation 1; the table of Student's t has 4.303 for two degrees.
    found = paired_difference({0: 11.0, 1: 22.0, 2: 33.0}, {0: 10.0, 1: 20.0, 2: 30.0})
    half = 4.302652729911275 / math.sqrt(3)
    assert found == (3, 2.0, pytest.approx(2 - half), pytest.approx(2 + half))


def test_pairs_are_made_by_seed():
    a, b = {3: 1.0, 1: 5.0, 7: 100.0}, {1: 4.0, 3: 0.0, 8: -100.0}
    found = paired_difference(a, b)
    assert found == (2, 1.0, 1.0, 1.0)  # both differ by 1; seeds 7 and 8 have no partner


def test_one_pair_has_no_interval():
    n, mean, low, high = paired_difference({0: 1.0}, {0: 3.0})
    assert (n, mean) == (1, -2.0) and math.isnan(low) and math.isnan(high)


def test_interval_covers_the_truth_at_its_rate():
    import random

    hits = 0
    for _ in range(2000):
        pairs = {seed: random.gauss(0.3, 1.0) for seed in range(5)}
        _, _, low, high = paired_difference(pairs, dict.fromkeys(pairs, 0.0))
        hits += low <= 0.3 <= high
    assert 0.935 < hits / 2000 < 0.965  # 3 standard errors of a share of 0.95
