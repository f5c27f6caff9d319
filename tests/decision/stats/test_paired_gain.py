from statistics import NormalDist

import numpy as np
import pytest
from builders import noise
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import stats

from kpi_gate.decision.stats.intervals import (
    cluster_sums,
)
from kpi_gate.decision.stats.paired_gain import paired_gain

Z = NormalDist().inv_cdf(0.95)


def rng(seed=7):
    return np.random.default_rng(seed)


def gain_of(difference, unit=None, day=None, **asked):
    unit = np.arange(len(difference)) if unit is None else unit
    return paired_gain(difference, unit, day, **{"threshold": 0.0, "resamples": 2_000, **asked})


def test_clustered_error_by_hand():
    # units with (sum, rows) = (4, 2), (1, 1), (-2, 1): mean 3/4, residuals 2.5, 0.25, -2.75
    gain = gain_of([1.0, 3.0, 1.0, -2.0], ["a", "a", "b", "c"])
    squares = 2.5**2 + 0.25**2 + 2.75**2
    assert gain.estimate == 0.75
    assert gain.standard_error == pytest.approx(np.sqrt(3 / 2 * squares) / 4)
    assert (gain.rows, gain.units, gain.losing_units) == (4, 3, 1)
    assert gain.effective_units == pytest.approx(7**2 / (16 + 1 + 4))
    assert gain.top_unit_share == pytest.approx(4 / 7)
    assert gain.changed == 1.0


def test_one_row_a_unit_is_the_textbook_error_of_a_mean():
    difference = noise(500)
    assert gain_of(difference).standard_error == pytest.approx(stats.sem(difference))


def test_rows_of_one_unit_are_one_observation():
    difference = np.repeat(noise(100), 10)
    gain = gain_of(difference, np.repeat(np.arange(100), 10))
    assert gain.standard_error == pytest.approx(stats.sem(difference[::10]))


def test_a_unit_that_decides_more_often_counts_more_and_is_no_scatter():
    # every decision gains the same, however many a unit takes: the mean is known
    sizes = rng().integers(1, 30, 200)
    difference = np.full(sizes.sum(), 0.3)
    assert gain_of(difference, np.repeat(np.arange(200), sizes)).standard_error == 0.0


def test_a_gain_for_light_users_only_is_not_certain():
    # each unit gains one in all: the gain per decision hangs on who comes
    sizes = rng().integers(1, 30, 200)
    difference = np.repeat(1 / sizes, sizes)
    expected = np.sqrt(200 / 199 * ((1 - 200 / sizes.sum() * sizes) ** 2).sum()) / sizes.sum()
    gain = gain_of(difference, np.repeat(np.arange(200), sizes))
    assert gain.standard_error == pytest.approx(expected)


def test_the_larger_of_both_clusterings_counts():
    day = np.repeat(np.arange(20), 50)
    shock = rng().normal(0, 1, 20)[day]
    gain = gain_of(noise(1_000, sd=0.5) + shock, day=day)
    assert gain.day_standard_error > 3 * gain.unit_standard_error
    assert gain.standard_error == gain.day_standard_error
    assert gain_of(noise(1_000), day=np.zeros(1_000)).day_standard_error is None


def test_few_days_are_judged_by_students_t():
    false = 0
    for seed in range(300):
        generator = np.random.default_rng(seed)
        day = np.repeat(np.arange(5), 100)
        shocks = generator.normal(0, 0.5, 5)[day] + generator.normal(0, 1, 500)
        found = gain_of(shocks, day=day, resamples=1_000)
        false += found.lower > 0 and found.p_above_threshold > 0.95
    assert false / 300 < 0.08
    steady = gain_of(noise(500, 1.0), day=np.arange(500) % 3)
    assert steady.lower > 0
    assert steady.p_above_threshold > 0.95


@given(st.permutations(range(12)))
@examples(max_examples=20)
def test_labels_and_order_do_not_matter(names):
    unit, difference = np.arange(60) % 12, np.round(noise(60), 3)
    order = rng(names[0]).permutation(60)
    plain = gain_of(difference, unit, unit)
    other = gain_of(difference[order], np.array(names)[unit][order], unit[order])
    for name in ("estimate", "standard_error", "lower", "upper", "p_above_threshold"):
        assert getattr(other, name) == pytest.approx(getattr(plain, name), rel=1e-9)


def test_one_unit_alone_knows_nothing():
    gain = gain_of([1.0, 2.0], ["a", "a"])
    assert (gain.lower, gain.upper, gain.standard_error) == (-np.inf, np.inf, np.inf)
    assert gain.p_above_threshold == 0
    assert gain.rows_needed() is None


def test_no_difference_is_no_gain():
    gain = gain_of(np.zeros(50))
    assert (gain.estimate, gain.effective_units, gain.top_unit_share) == (0, 0, 0)
    assert gain.p_above_threshold == 0
    assert gain.rows_needed() is None


def test_rows_needed_give_80_percent_power():
    needed = gain_of(noise(400, gain=0.3, sd=2.0), threshold=0.1).rows_needed()
    opened = [
        gain_of(rng(seed).normal(0.3, 2.0, needed), threshold=0.1, resamples=200).lower > 0.1
        for seed in range(300)
    ]
    assert np.mean(opened) == pytest.approx(0.8, abs=0.07)


def test_rows_needed_is_at_least_one():
    assert gain_of(np.full(50, 0.2)).rows_needed() == 1


def test_the_seed_decides():
    assert gain_of(noise(gain=0.1)) == gain_of(noise(gain=0.1))
    assert gain_of(noise(gain=0.1)) != gain_of(noise(gain=0.1), seed=8)


def test_cluster_sums_count_rows():
    sums, sizes = cluster_sums(np.array([1.0, 2.0, 4.0]), ["b", "a", "b"])
    assert (sums.tolist(), sizes.tolist()) == ([2.0, 5.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("difference", "words"), [([], "0 rows"), ([np.nan], "1 differences"), ([np.inf, 1], "1 diff")]
)
def test_arguments_are_checked(difference, words):
    with pytest.raises(ValueError, match=words):
        gain_of(difference)
