import numpy as np
import pytest
from scipy import stats

from kpi_gate.watch.health.diagnosis import cause_of
from kpi_gate.watch.health.reference import GoodDays, compare_level, compare_rates

WEEKS = np.arange(28) % 7
FLAT = GoodDays(np.zeros(28, dtype=int), 0)


def rates(counts, found, size=1_000, days=FLAT, rows=1_000, alarm=1e-4):
    counts = np.asarray(counts)[:, None]
    return compare_rates(days, counts, np.full(len(counts), rows), np.array([found]), size, alarm)


def test_chance_of_a_rare_count_is_the_beta_binomial_one():
    # nothing in 28,000 rows: the rate is known as from so many, and 6 in 1,000 are a surprise
    found = rates(np.zeros(28, dtype=int), 6)
    rate = 0.5 / 28_001
    mass = stats.betabinom.pmf(np.arange(6, 100), 1_000, rate * 28_000, (1 - rate) * 28_000)
    expected = 2 * mass.sum()
    assert found.chance[0] == pytest.approx(expected, rel=1e-3)


def test_no_surprise_on_days_of_pure_chance():
    generator = np.random.default_rng(1)
    alarms = [
        rates(generator.binomial(1_000, 0.05, 28), generator.binomial(1_000, 0.05)).chance[0] < 0.05
        for _ in range(400)
    ]
    assert np.mean(alarms) < 0.08


def test_what_differs_between_good_days_is_no_surprise():
    steady, restless = np.full(28, 100), 100 + 30 * (-1) ** np.arange(28)
    assert rates(steady, 170).chance[0] < 1e-4 < rates(restless, 170).chance[0]


def test_days_are_compared_with_their_weekday():
    mondays = np.where(WEEKS == 0, 300, 100)
    on_monday, on_tuesday = GoodDays(WEEKS, 0), GoodDays(WEEKS, 1)
    assert rates(mondays, 300, days=on_monday).chance[0] > 0.5
    found = rates(mondays, 300, days=on_tuesday)
    assert found.chance[0] < 1e-4
    assert found.usual[0] == pytest.approx(0.1, abs=0.001)


def test_too_few_weeks_know_no_weekdays():
    assert not GoodDays(WEEKS[:14], 0).groups().any()
    assert GoodDays(WEEKS, 3).groups().tolist() == WEEKS.tolist()


def test_weekdays_that_do_not_differ_are_one():
    none = np.zeros(28, dtype=int)
    assert rates(none, 6, days=GoodDays(WEEKS, 0)).chance[0] == rates(none, 6).chance[0]


def test_bounds_are_where_the_chance_is():
    found = rates(100 + 10 * (-1) ** np.arange(28), 100, alarm=0.01)
    edge = round(float(found.high[0]) * 1_000)
    assert rates(100 + 10 * (-1) ** np.arange(28), edge + 3).chance[0] < 0.02
    assert rates(100 + 10 * (-1) ** np.arange(28), edge - 3).chance[0] > 0.005


def test_days_without_rows_are_left_out():
    sizes = np.where(np.arange(28) % 2 == 0, 1_000, 0)
    found = compare_rates(FLAT, sizes[:, None] // 10, sizes, np.array([100]), 1_000, 1e-4)
    assert found.usual[0] == pytest.approx(0.1, abs=0.001)
    with pytest.raises(ValueError, match="size == 0"):
        compare_rates(FLAT, sizes[:, None], sizes, np.array([0]), 0, 1e-4)


def test_a_level_by_students_t():
    values = np.random.default_rng(2).normal(5, 1, 28)
    level = compare_level(FLAT, values, 5.0, 0.05)
    spread = values.std(ddof=1) * np.sqrt(1 + 1 / 28)
    assert level.high == pytest.approx(values.mean() + stats.t.isf(0.025, 27) * spread)
    assert not level.is_surprise
    assert compare_level(FLAT, values, 9.0, 0.01).is_surprise


@pytest.mark.parametrize(("change", "words"), [(100, "x100"), (1 / 30, "/30"), (-1, "x-1")])
def test_a_scale_is_named(change, words):
    generator = np.random.default_rng(3)
    usual, found = (np.exp(generator.normal(2, 0.4, size)) for size in (8_000, 800))
    cause = cause_of(found * change, usual)
    assert cause is not None
    assert (cause.words, round(cause.share, 1)) == (words, 1.0)


def test_another_columns_values_are_named():
    generator = np.random.default_rng(4)
    usual, other = generator.normal(0, 1, 5_000), generator.normal(40, 9, 5_000)
    cause = cause_of(generator.normal(40, 9, 500), usual, {"other": other})
    assert cause is not None
    assert cause.column == "other"


def test_what_no_cause_explains_has_none():
    generator = np.random.default_rng(5)
    usual = generator.normal(100, 10, 5_000)
    assert cause_of(generator.normal(115, 10, 500), usual) is None
    assert cause_of(usual, usual) is None
