import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.special import stdtrit

from kpi_gate.decision.staleness import Staleness, measure_staleness
from kpi_gate.decision.stats.intervals import day_factor

DAYS = 14
ROWS = np.full(DAYS, 1_000)


def measured(gain, rows=None, confidence=0.9, **asked):
    rows = np.full(len(gain), 1_000) if rows is None else rows
    return measure_staleness(gain, rows, confidence, unit="EUR", **asked)


def gains(mean=400.0, sd=300.0, days=DAYS, seed=1):
    drawn = np.random.default_rng(seed).normal(0, sd, days)
    return drawn - drawn.mean() + mean


def test_by_hand():
    found = measured([1.0, 3.0], [10, 10])
    assert (found.per_day, found.days, found.decisions_per_day) == (2.0, 2, 10.0)
    assert found.standard_error == pytest.approx(1.0)
    assert found.shrunk == pytest.approx(2.0 * (1 - 1 / 4))
    assert found.lower == pytest.approx(2.0 - stdtrit(1, 0.9))
    assert found.upper == pytest.approx(2.0 + stdtrit(1, 0.9))


def test_money_is_a_day_whatever_the_rows_are():
    money = gains()
    few, many = (measured(money, np.full(DAYS, rows)) for rows in (10, 100_000))
    for name in ("per_day", "standard_error", "lower", "upper", "shrunk"):
        assert getattr(few, name) == pytest.approx(getattr(many, name))


def test_a_policy_that_decides_more_often_than_was_compared_costs_more():
    plain, often = measured(gains()), measured(gains(), decisions_per_day=3_000)
    assert often.per_day == pytest.approx(3 * plain.per_day)
    assert often.lower == pytest.approx(3 * plain.lower)
    assert often.shrunk == pytest.approx(3 * plain.shrunk)
    assert often.decisions_per_day == 3_000


def test_a_busier_day_is_no_scatter():
    rows = np.random.default_rng(1).integers(500, 1_500, DAYS)
    found = measured(0.4 * rows, rows)
    assert found.standard_error == 0
    assert found.lower == found.shrunk == pytest.approx(0.4 * rows.mean())


def test_days_that_hang_together_know_less():
    generator = np.random.default_rng(3)
    shocks = np.zeros(60)
    for day in range(1, 60):
        shocks[day] = 0.8 * shocks[day - 1] + generator.normal(0, 100)
    together, apart = measured(400 + shocks), measured(400 + generator.permutation(shocks))
    assert day_factor(shocks, np.ones(60), np.arange(60)) > 1.5
    assert together.standard_error > 1.5 * apart.standard_error
    assert together.lower < apart.lower


def test_what_may_be_chance_is_not_believed():
    found = measured(gains(mean=50, sd=400))
    assert found.per_day > 0
    assert (found.shrunk, found.is_known) == (0.0, True)
    assert found.lower < 0


def test_the_lower_bound_is_too_high_as_rarely_as_it_says():
    above = [
        measured(np.random.default_rng(seed).normal(400, 300, DAYS)).lower > 400
        for seed in range(1_000)
    ]
    assert np.mean(above) == pytest.approx(0.1, abs=0.03)


def test_an_empty_day_is_no_day():
    money, rows = np.insert(gains(), 5, 0.0), np.insert(ROWS, 5, 0)
    assert measured(money, rows, day=np.arange(15)).per_day == measured(gains()).per_day
    assert measured(money, rows).days == DAYS


@pytest.mark.parametrize(
    ("gain", "rows", "words"),
    [
        ([], [], "0 days"),
        ([3.0], [10], "1 days"),
        ([3.0, 0.0], [10, 0], "1 days"),
        ([3.0, np.nan], [10, 10], "1 of 2 days have no finite"),
        ([3.0, np.inf, 2.0], [10, 10, -1], "2 of 3 days"),
    ],
)
def test_nothing_to_measure_is_not_known_and_never_zero(gain, rows, words):
    found = measured(gain, rows)
    assert words in found.unknown
    assert words in found.sentence
    assert (found.per_day, found.shrunk, found.lower, found.is_known) == (None, None, None, False)


def test_a_volume_that_is_none_is_not_known():
    assert "decisions_per_day == nan" in measured(gains(), decisions_per_day=np.nan).unknown


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="must match"):
        measured([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="must match"):
        measured([1.0, 2.0], [1, 1], day=[1])
    with pytest.raises(ValueError, match=r"confidence == 1\.0, must be in"):
        measured([1.0, 2.0], confidence=1.0)


def test_it_reads_and_travels():
    found = measured(gains())
    assert "Staleness costs about " in found.sentence
    assert " EUR a day (90%: " in found.sentence
    again = Staleness.model_validate(json.loads(found.model_dump_json()))
    assert again == found


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40),
    st.floats(0.8, 0.99),
    st.floats(1e-3, 1e3),
)
@examples(max_examples=60)
def test_bounds_hold_the_estimate_and_the_belief_is_no_larger(money, confidence, times):
    found = measured(money, confidence=confidence)
    assert found.lower <= found.per_day + 1e-6
    assert found.upper >= found.per_day - 1e-6
    assert abs(found.shrunk) <= abs(found.per_day)
    assert found.shrunk * found.per_day >= 0
    scaled = measured(np.asarray(money) * times, confidence=confidence)
    assert scaled.per_day == pytest.approx(found.per_day * times, rel=1e-6, abs=1e-6 * times)
