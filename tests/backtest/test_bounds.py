"""Bounds of a total: how often they hold the truth, and what they take for noise."""

import numpy as np
import pytest

from benchmarks.backtest_coverage import WORLDS, coverage, history
from kpi_gate.backtest.bounds import Rows, autocorrelation, by_day, total_bounds

REPLICATES = 100  # one standard error is 2 points; benchmarks/backtest_coverage.py has many


@pytest.mark.parametrize("world", WORLDS)
def test_the_truth_is_held_about_as_often_as_is_said(world):
    assert 0.88 <= coverage(world, 60, 4, REPLICATES) <= 1.0


def rows_of(money, day, stretch):
    """One row a day, each of a unit of its own."""
    day, stretch = np.asarray(day), np.asarray(stretch)
    return Rows(np.asarray(money, dtype=float), np.arange(day.size), day, stretch)


def width(rows):
    found = total_bounds(rows, 0.95)
    return found.upper - found.lower


def test_the_step_of_a_promotion_is_no_noise_and_far_days_are_no_neighbours():
    """Fourteen differences, none negative, of days half a month apart: the sum is above zero."""
    money = [0, 0, 5, 20, 30, 80, 120, 200, 210, 250, 390, 460, 520, 650]
    found = total_bounds(rows_of(money, np.arange(14) * 15, np.zeros(14, dtype=int)), 0.95)
    assert found.estimate == 2935
    assert 0 < found.lower < 2935 < found.upper < 2 * 2935
    random = np.random.default_rng(2)
    step = np.repeat([0.0, 50.0], 30)
    noise = random.normal(0.0, 1.0, 60)
    day, stretch = np.arange(60), np.repeat([0, 1], 30)
    assert width(rows_of(noise + step, day, stretch)) == pytest.approx(
        width(rows_of(noise, day, stretch))
    )
    assert width(rows_of(noise + step, day, stretch)) < 0.1 * width(
        rows_of(noise + step, day, np.zeros(60, dtype=int))
    )


@pytest.mark.parametrize(("length", "stretches"), [(365, 1), (365, 24), (120, 12)])
def test_autocorrelation_is_found_whatever_the_length_of_the_stretches(length, stretches):
    random = np.random.default_rng(3)
    diluted = 0.5 / 1.2  # rows have noise of their own
    for world, truth in (("independent days", 0.0), ("autocorrelated days (.5)", diluted)):
        found = [
            autocorrelation(by_day(history(world, length, stretches, random)[0])) for _ in range(20)
        ]
        assert np.mean(found) == pytest.approx(truth, abs=0.1)


def test_a_short_history_takes_what_a_long_one_knows():
    rows, _ = history("autocorrelated days (.5)", 7, 1, np.random.default_rng(4))
    days = by_day(rows)
    assert autocorrelation(days, 0.7) >= 0.7
    long, _ = history("independent days", 120, 1, np.random.default_rng(4))
    assert autocorrelation(by_day(long), 0.7) < 0.3


def test_what_never_varies_has_no_width_and_a_single_row_no_bounds():
    day = np.arange(12)
    constant = total_bounds(rows_of(np.full(12, 0.1), day, np.zeros(12, dtype=int)), 0.95)
    assert constant.lower == constant.upper == constant.estimate == pytest.approx(1.2)
    alone = total_bounds(rows_of([3.0], [1], [0]), 0.95)
    assert alone.model_dump() == {"estimate": 3.0, "lower": None, "upper": None}
    none = total_bounds(rows_of([], np.empty(0, dtype=int), np.empty(0, dtype=int)), 0.95)
    assert none.model_dump() == {"estimate": 0.0, "lower": None, "upper": None}
