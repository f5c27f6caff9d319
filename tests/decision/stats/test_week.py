"""What returns with the weekday is found, and nothing else is taken for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.decision.stats.paired_gain import Gain, paired_gain
from kpi_gate.decision.stats.week import weekday_levels

PATTERN = np.array([0.2, 0.2, 0.2, 0.2, 0.2, -0.5, -0.5])
ROWS = 60


def _drawn(days: np.ndarray, pattern: np.ndarray, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    day = np.repeat(days, ROWS)
    noise = np.random.default_rng(seed).normal(size=day.size)
    return 0.2 + noise + pattern[day % 7], day


def _gain(days: np.ndarray, pattern: np.ndarray, history: DayHistory | None = None) -> Gain:
    difference, day = _drawn(days, pattern)
    return paired_gain(difference, np.arange(day.size), day, threshold=0.1, history=history)


@given(shift=st.integers(0, 6), days=st.integers(14, 60))
def test_pattern_is_found_around_a_typical_week(shift: int, days: int) -> None:
    pattern = np.roll(PATTERN, shift)
    numbers = np.arange(20_000, 20_000 + days)
    means = 1.0 + pattern[numbers % 7] + 1e-3 * np.random.default_rng(days).normal(size=days)
    levels, known = weekday_levels(means, np.full(days, 50.0), numbers)
    assert known.tolist() == list(range(7))
    np.testing.assert_allclose(levels, pattern, atol=0.01)


def test_chance_is_no_pattern() -> None:
    numbers, rows = np.arange(28), np.full(28, 50.0)
    generator = np.random.default_rng(7)
    found = sum(
        weekday_levels(generator.normal(size=28), rows, numbers)[0].any() for _ in range(1_000)
    )
    assert found <= 25  # one in a hundred is expected


@pytest.mark.parametrize(
    ("days", "rows"),
    [(np.arange(13), 50.0), (np.arange(0, 140, 7), 50.0), (np.arange(1), 1.0)],
    ids=["less than two weeks", "Thursdays alone", "one day"],
)
def test_too_little_for_a_pattern(days: np.ndarray, rows: float) -> None:
    means = PATTERN[days % 7] + days * 1e-6
    levels, _ = weekday_levels(means, np.full(days.size, rows), days)
    assert not levels.any()


def test_closed_at_weekends() -> None:
    days = np.array([day for day in range(28) if day % 7 < 5])
    pattern = np.array([0.5, 0.0, 0.0, 0.0, -0.5, 0.0, 0.0])
    means = pattern[days % 7] + 1e-3 * np.random.default_rng(7).normal(size=days.size)
    levels, known = weekday_levels(means, np.full(days.size, 10.0), days)
    assert known.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(levels, pattern, atol=0.01)


def test_whole_weeks_are_as_sure_with_a_pattern_as_without() -> None:
    days = np.arange(28)
    flat, weekly = _gain(days, np.zeros(7)), _gain(days, PATTERN)
    assert weekly.estimate == pytest.approx(flat.estimate)
    assert weekly.standard_error < 1.2 * flat.standard_error
    assert weekly.lower == pytest.approx(flat.lower, abs=0.02)


def test_days_left_over_from_whole_weeks_count_once() -> None:
    days = np.arange(5, 5 + 23)  # begins and ends with a weekend
    difference, _ = _drawn(days, PATTERN)
    gain = _gain(days, PATTERN)
    assert difference.mean() == pytest.approx(gain.estimate)
    above = _gain(days, -PATTERN)  # here the weekends make the mean look better than a week is
    assert above.lower < above.estimate - 1.5 * above.standard_error


def test_the_days_before_teach_a_short_window() -> None:
    difference, day = _drawn(np.arange(180), PATTERN, seed=3)
    history = DayHistory.of(difference, day)
    np.testing.assert_allclose(history.week, PATTERN, atol=0.1)
    days = np.arange(182, 182 + 10)
    alone, taught = _gain(days, PATTERN), _gain(days, PATTERN, history)
    assert taught.standard_error < 0.5 * alone.standard_error
