from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.stats.intervals import (
    MOST_SKEW,
    cluster_sums,
    day_factor,
    error_by_both,
    hall_bound,
    interval,
    two_way_error,
    widened,
)
from kpi_gate.decision.stats.paired_gain import paired_gain

Z = NormalDist().inv_cdf(0.95)


def rng(seed=7):
    return np.random.default_rng(seed)


def test_hall_without_skewness_is_the_normal_bound():
    assert hall_bound(1.0, 0.5, 0.0, Z) == pytest.approx(1 - 0.5 * Z)
    assert hall_bound(1.0, 0.5, 1e-7, Z) == pytest.approx(1 - 0.5 * Z, abs=1e-6)


def test_hall_inverts_his_transformation():
    # g(t) = t + a t^2 / 3 + a^2 t^3 / 27 + a / 6 is normal; the bound solves g(t) = z
    for skew in (-0.4, -0.1, 0.05, 0.3):
        t = -hall_bound(0.0, 1.0, skew, Z)
        assert t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6 == pytest.approx(Z)


def test_hall_covers_a_skewed_mean_better_than_the_normal_bound():
    generator, size, runs = rng(), 40, 4_000
    samples = -generator.exponential(1.0, (runs, size))  # rare big losses; true mean is -1
    bounds = [interval(sample, np.ones(size), 0.95) for sample in samples]
    hall = np.mean([bound.lower > -1 for bound in bounds])
    normal = np.mean([bound.estimate - Z * bound.standard_error > -1 for bound in bounds])
    assert normal > 0.08
    assert abs(hall - 0.05) < 0.02


@given(skew=st.floats(-1, 1), error=st.floats(0.01, 10), mean=st.floats(-10, 10))
@examples(max_examples=60)
def test_bounds_enclose_the_mean_and_widen_with_confidence(skew, error, mean):
    z = NormalDist().inv_cdf(0.99)
    strict, usual = hall_bound(mean, error, skew, z), hall_bound(mean, error, skew, Z)
    assert strict <= usual <= mean <= hall_bound(mean, error, skew, -Z)


def false_openings(world, runs=200):
    """Return how often a gain of zero looks certain."""
    opened = 0
    for seed in range(runs):
        difference, unit, day = world(rng(seed))
        gain = paired_gain(difference, unit, day, threshold=0.0, resamples=1_000, seed=seed)
        opened += gain.lower > 0 and gain.p_above_threshold >= 0.95
    return opened / runs


def two_ways(generator):
    unit, day = generator.integers(0, 60, 3_000), generator.integers(0, 40, 3_000)
    tastes, shocks = generator.normal(0, 0.4, 60), generator.normal(0, 0.35, 40)
    return tastes[unit] + shocks[day] + generator.normal(0, 1, 3_000), unit, day


def days_that_hang_together(generator, days=60, memory=0.7):
    shocks = np.zeros(days)
    for today in range(1, days):
        shocks[today] = memory * shocks[today - 1] + generator.normal(0, 0.3)
    day = np.repeat(np.arange(days), 20)
    return shocks[day] + generator.normal(0, 1, day.size), np.arange(day.size), day


def test_units_and_days_that_both_hang_together_do_not_open_the_gate():
    assert false_openings(two_ways) <= 0.09


@pytest.mark.slow
def test_days_that_hang_together_open_it_far_less_often_than_a_day_clustered_error():
    plain = 0
    for seed in range(200):
        difference, _, day = days_that_hang_together(rng(seed))
        plain += interval(*cluster_sums(difference, day), 0.95, few=True).lower > 0
    assert plain / 200 > 0.18
    assert false_openings(days_that_hang_together) <= 0.12


def test_two_way_error_by_hand():
    difference, unit, day = two_ways(rng())
    by = [interval(*cluster_sums(difference, c), 0.95).standard_error for c in (unit, day)]
    both = interval(*cluster_sums(difference, unit * 100 + day), 0.95).standard_error
    expected = np.sqrt(by[0] ** 2 + by[1] ** 2 - both**2)
    assert two_way_error(*by, error_by_both(difference, unit, day)) == pytest.approx(expected)


def test_one_row_a_unit_has_the_error_of_its_days():
    difference, _, day = two_ways(rng())
    unit = np.arange(difference.size)
    by = [interval(*cluster_sums(difference, c), 0.95).standard_error for c in (unit, day)]
    assert two_way_error(*by, error_by_both(difference, unit, day)) == pytest.approx(by[1])


def factor(sums, days=None):
    days = np.arange(sums.size) if days is None else days
    return day_factor(sums, np.full(sums.size, 20.0), days)


def test_independent_days_are_left_as_they_are():
    factors = [factor(rng(seed).normal(size=30)) for seed in range(300)]
    assert np.mean(np.array(factors) == 1.0) > 0.9
    assert factor(np.zeros(30)) == 1.0
    assert factor(np.arange(9.0)) == 1.0  # too few to tell


def test_the_factor_is_that_of_the_autocorrelation():
    found = []
    for seed in range(60):
        difference, _, day = days_that_hang_together(rng(seed), days=400)
        found.append(factor(cluster_sums(difference, day)[0]))
    share = 0.09 / (1 - 0.49) / (0.09 / (1 - 0.49) + 1 / 20)  # of the day sums, from memory
    expected = np.sqrt((1 + 0.7 * share) / (1 - 0.7 * share))
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_days_that_do_not_follow_each_other_are_no_neighbours():
    shocks = np.repeat(rng().normal(size=20), 2)  # pairs of days alike, and pairs 15 days apart
    days = np.repeat(np.arange(20) * 15, 2) + np.tile([0, 1], 20)
    assert factor(shocks, days) > 1.5
    assert factor(shocks, np.arange(40) * 15) == 1.0


def test_the_skewness_of_few_days_is_believed_up_to_a_bound():
    storm = np.zeros(14)
    storm[3] = -10.0
    view = interval(storm, np.ones(14), 0.95, few=True)
    assert view.tail_skew == -MOST_SKEW
    assert (view.estimate - view.lower) / view.standard_error < 2.5
    assert interval(storm, np.ones(14), 0.95).tail_skew < -2 * MOST_SKEW


def test_a_pattern_of_the_week_is_no_memory():
    days = np.arange(56)
    week = np.array([3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0])[days % 7]
    noise = rng().normal(0, 0.3, 56)
    assert factor(week + noise, days) == 1.0


def test_a_wider_error_widens_both_bounds_alike():
    view = interval(rng().exponential(1.0, 50), np.ones(50), 0.95)
    wide = widened(view, 2 * view.standard_error)
    assert view.estimate - wide.lower == pytest.approx(2 * (view.estimate - view.lower))
    assert wide.upper - view.estimate == pytest.approx(2 * (view.upper - view.estimate))
    assert widened(view, view.standard_error / 2) == view
    assert widened(view, np.inf) == view


@pytest.mark.parametrize(
    "cluster",
    [[7, 3, 7, 900], [-5, 2, -5, 2**60], np.array([9, 1, 9, 4], np.uint64), ["b", "a", "b", "é"]],
)
def test_clusters_are_told_apart_in_their_order_whatever_names_them(cluster):
    sums, sizes = cluster_sums(np.array([1.0, 2.0, 4.0, 8.0]), cluster)
    order, first = np.unique(np.asarray(cluster), return_index=True)
    assert sums.tolist() == [{0: 5.0, 1: 2.0, 3: 8.0}[int(row)] for row in first]
    assert sizes.sum() == 4
    assert sizes.size == order.size
