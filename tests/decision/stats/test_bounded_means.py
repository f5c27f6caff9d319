"""Bounds of means in [0, 1] hold at all looks together, for any numbers, and close in."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.decision.stats.bounded_means import Mean, surely_above

COURSES, LOOKS = 400, (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377)


@given(
    size=st.integers(0, 5_000),
    share=st.floats(0, 1),
    alpha=st.sampled_from([1e-5, 0.001, 0.05, 0.5]),
)
def test_the_mean_lies_within_its_bounds(size, share, alpha):
    mean = Mean(size, share * size)
    low, high = mean.lower(alpha), mean.upper(alpha)
    assert 0 <= low <= mean.value <= high <= 1
    assert mean.lower(alpha / 2) <= low
    assert mean.upper(alpha / 2) >= high
    assert Mean(4 * size, 4 * share * size).upper(alpha) <= high + 1e-9


def test_of_nothing_all_is_possible():
    assert (Mean(0, 0).lower(0.01), Mean(0, 0).upper(0.01), Mean(0, 0).value) == (0, 1, 0)


def test_the_bet_is_fair_whatever_comes():
    # the sum over all courses of 12 rows of chance times win is 1: Ville's condition, exactly
    for p in (0.03, 0.5, 0.9):
        hits = np.arange(13)
        ways = np.array([comb(12, int(k)) for k in hits])
        chance = ways * p**hits * (1 - p) ** (12 - hits)
        won = [np.exp(Mean(12, float(k)).won()(p)) for k in hits]
        assert np.dot(chance, won) == pytest.approx(1)


@pytest.mark.parametrize("draw", ["yes or no", "between"])
def test_bounds_that_are_looked_at_again_and_again_rarely_fail(draw):
    rng, alpha, missed = np.random.default_rng(7), 0.1, 0
    for _ in range(COURSES):
        x = {
            "yes or no": rng.random(LOOKS[-1]) < 0.2,
            "between": rng.beta(0.5, 2.0, LOOKS[-1]),
        }[draw]
        seen = np.cumsum(x)
        means = [Mean(n, float(seen[n - 1])) for n in LOOKS]
        missed += any(not one.lower(alpha) <= 0.2 <= one.upper(alpha) for one in means)
    assert missed <= alpha * COURSES


def test_a_difference_is_sure_once_it_is_clear_and_never_within_its_margin():
    old = Mean(2_000, 4)
    assert surely_above(Mean(5, 5), old, 0.01, 0.001)
    assert not surely_above(Mean(2, 2), old, 0.01, 0.001)
    assert surely_above(Mean(400, 40), old, 0.01, 0.001)
    assert not surely_above(Mean(400, 4), old, 0.01, 0.001)
    assert not surely_above(Mean(5, 5), Mean(0, 0), 0.01, 0.001)
    assert surely_above(Mean(400, 200), Mean(400, 300), -0.5, 0.001)
