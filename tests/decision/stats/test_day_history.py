import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.stats.day_history import LONG, DayHistory, spread_of_mean
from kpi_gate.decision.stats.paired_gain import paired_gain

ROWS = 60  # decisions a day


def rng(seed=7):
    return np.random.default_rng(seed)


def history(means, rows=ROWS):
    means = np.asarray(means, float)
    return DayHistory(np.arange(means.size), means * rows, np.full(means.size, float(rows)))


def remembering(memory, size, seed=7):
    """Return an autoregression of the first order with a variance of one."""
    generator, found = rng(seed), np.empty(size)
    found[0] = generator.normal()
    for day in range(1, size):
        found[day] = memory * found[day - 1] + np.sqrt(1 - memory**2) * generator.normal()
    return found


def measured(means, before=None, noise=0.1, **more):
    """Return the gain of a window whose days have these means."""
    days = 1_000 + np.repeat(np.arange(len(means)), ROWS)
    difference = np.repeat(means, ROWS) + rng().normal(0, noise, days.size)
    units = np.arange(days.size)
    return paired_gain(
        difference, units, days, threshold=0.0, resamples=1_000, history=before, **more
    )


def test_a_storm_of_last_year_counts_in_a_window_without_one():
    calm, stormy = rng().normal(0, 0.1, 180), rng().normal(0, 0.1, 180)
    stormy[::20] -= 3
    window = 0.15 + rng(1).normal(0, 0.1, 14)
    alone, with_calm = measured(window), measured(window, history(calm))
    assert alone.lower > 0.05
    assert with_calm.lower > 0.05
    seen = measured(window, history(stormy))
    assert seen.lower < 0
    assert seen.p_above_threshold < 0.9
    assert history(stormy).worst == pytest.approx(3, abs=0.4)


def test_memory_is_learnt_from_the_long_history():
    found = [history(remembering(0.6, 300, seed)).memory for seed in range(40)]
    assert np.mean(found) == pytest.approx(0.6, abs=0.07)
    apart = [history(rng(seed).normal(size=180)).memory for seed in range(100)]
    assert np.mean(np.array(apart) == 0) > 0.85


def test_a_level_that_turned_is_no_storm():
    steady = rng().normal(0, 0.1, 180)
    turned = steady + np.where(np.arange(180) >= 100, 0.5, 0.0)  # the candidate is better since
    errors = [
        history(means).interval(0.5, np.arange(14), np.full(14, 60.0), 0.95).standard_error
        for means in (steady, turned)
    ]
    assert errors[1] < 3 * errors[0]
    around_all = turned.std() / np.sqrt(14)
    assert errors[1] < around_all * 1.5


def test_a_turn_is_neither_memory_nor_stray():
    steady = rng().normal(0, 0.1, 90)
    turned = steady + np.where(np.arange(90) >= 50, 2.0, 0.0)  # the champion broke down
    assert history(turned).memory == pytest.approx(history(steady).memory, abs=0.1)
    assert history(turned).worst < 2 * history(steady).worst
    window = 2 + rng(1).normal(0, 0.1, 14)
    lower = [measured(window, history(means)).lower for means in (steady, turned)]
    assert lower[1] == pytest.approx(lower[0], abs=0.05)


def test_a_short_history_is_as_none():
    window = 0.15 + rng(1).normal(0, 0.1, 14)
    stormy = np.zeros(LONG - 1)
    stormy[::20] -= 3
    assert measured(window, history(stormy)) == measured(window)


def test_days_of_days_without_any_difference_add_nothing():
    flat = history(np.zeros(100))
    view = flat.interval(1.0, np.arange(14), np.full(14, 60.0), 0.95)
    assert (view.standard_error, view.lower, view.upper) == (0.0, 1.0, 1.0)
    assert flat.chance(view, 0.5) == 1.0


@given(memory=st.floats(0, 0.94), days=st.integers(2, 60))
@examples(max_examples=40)
def test_the_spread_of_a_mean_is_that_of_an_autoregression(memory, days):
    # Anderson 1971, section 8.3.1
    over = 2 * memory * (1 - memory**days) / (days * (1 - memory) ** 2)
    exact = (1 + memory) / (1 - memory) - over
    found = spread_of_mean(memory, np.arange(days), np.full(days, 60.0))
    assert found == pytest.approx(max(exact, 1.0), rel=1e-6)


def test_days_that_lie_apart_remember_less():
    rows = np.full(10, 60.0)
    spreads = [spread_of_mean(0.5, np.arange(10) * gap, rows) for gap in (1, 2, 7)]
    assert spreads[0] > 2 > spreads[1] > 1.3
    assert 1 <= spreads[2] < 1.05


def test_many_rows_on_one_day_are_little_spread_over_others():
    days = np.arange(10)
    heavy = np.where(days == 5, 1e6, 1.0)
    assert spread_of_mean(0.5, days, heavy) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("days", "sums", "rows", "words"),
    [
        ([0, 1], [0.0], [1.0, 1.0], "2"),
        ([0, 1], [0.0, np.nan], [1.0, 1.0], "not finite"),
        ([0, 1], [0.0, 1.0], [1.0, 0.0], "not positive"),
        ([1, 0], [0.0, 1.0], [1.0, 1.0], "not in order"),
    ],
)
def test_what_cannot_be_read_is_told(days, sums, rows, words):
    assert words in DayHistory(np.array(days), np.array(sums), np.array(rows)).fault()
