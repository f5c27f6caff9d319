import json

import numpy as np
import pytest

from kpi_gate.decision.stats.confidence_sequence import (
    MIN_DAYS,
    RECENT_DAYS,
    SuddenLoss,
    half_width,
    sudden_loss,
)

YEARLY = 1 / 365


def looked(values, alpha=YEARLY):
    """Return the days on which a look a day alarms."""
    numbers = np.arange(len(values))
    return [
        last
        for last in range(1, len(values) + 1)
        if sudden_loss(values[:last], np.ones(last), numbers[:last], alpha=alpha)
    ]


def test_the_bound_holds_at_every_look_at_once():
    generator, alpha = np.random.default_rng(7), 0.1
    width = np.array([half_width(days, 1.0, alpha) for days in range(1, 301)])
    means = np.cumsum(generator.normal(size=(1_000, 300)), axis=1) / np.arange(1, 301)
    ever = (np.abs(means) > width).any(axis=1).mean()
    fixed = (np.abs(means) > 1.645 / np.sqrt(np.arange(1, 301))).any(axis=1).mean()
    assert ever <= alpha
    assert fixed > 4 * alpha  # what a bound for one look would do


def test_the_bound_shrinks_with_days_and_grows_with_certainty():
    widths = [half_width(days, 1.0, 0.05) for days in range(1, 400)]
    assert np.all(np.diff(widths) < 0)
    assert half_width(14, 1.0, 0.01) > half_width(14, 1.0, 0.05)
    assert half_width(14, 3.0, 0.05) == pytest.approx(3 * half_width(14, 1.0, 0.05))
    assert half_width(0, 1.0, 0.05) == np.inf


def test_a_sudden_loss_is_seen_within_days_and_dated():
    values = 5 + np.random.default_rng(1).normal(0, 0.5, 100)
    values[60:] -= 2.0
    assert min(looked(values[:80])) in range(60 + 1, 60 + 5)
    found = sudden_loss(values[:75], np.ones(75), 700 + np.arange(75), alpha=YEARLY)
    assert found.day == 760
    assert (found.days_before, found.days_after) == (56, 15)
    assert found.after < found.upper_after < found.lower_before < found.before


def test_a_gain_is_no_loss():
    values = 5 + np.random.default_rng(1).normal(0, 0.5, 80)
    values[60:] += 5.0
    assert not looked(values)


def test_an_old_loss_is_not_sudden_any_more():
    values = 5 + np.random.default_rng(1).normal(0, 0.5, 200)
    values[60:] -= 2.0
    alarms = looked(values)
    assert max(alarms) <= 60 + RECENT_DAYS + MIN_DAYS


@pytest.mark.slow
def test_quiet_years_are_quiet():
    days, alarmed = 120, 0
    for seed in range(6):
        generator = np.random.default_rng(seed)
        weekly = 0.5 * np.sin(2 * np.pi * np.arange(days) / 7)
        alarmed += bool(looked(5 + weekly + generator.normal(0, 0.5, days)))
    assert alarmed == 0


def test_a_busy_day_weighs_more():
    generator = np.random.default_rng(1)
    sizes = generator.integers(50, 150, 60).astype(float)
    money = sizes * 5 + np.sqrt(sizes) * generator.normal(0, 1, 60)
    money[50:] -= 2 * sizes[50:]
    found = sudden_loss(money, sizes, np.arange(60), alpha=YEARLY)
    assert found.day == 50
    assert found.after == pytest.approx(money[50:].sum() / sizes[50:].sum())


def test_too_short_a_past_says_nothing():
    values = np.array([5.0] * (MIN_DAYS - 1) + [-50.0])
    assert sudden_loss(values, np.ones(MIN_DAYS), np.arange(MIN_DAYS), alpha=YEARLY) is None
    assert sudden_loss([], [], [], alpha=YEARLY) is None


def test_it_travels():
    values = 5 + np.random.default_rng(1).normal(0, 0.5, 40)
    found = sudden_loss(values - 4 * (np.arange(40) > 30), np.ones(40), np.arange(40), alpha=0.01)
    assert SuddenLoss.model_validate(json.loads(found.model_dump_json())) == found


def test_one_side_at_half_the_level_is_as_wide_as_both():
    """P(either side) = 2 P(one side): the one-sided width is next to the two-sided one."""
    one = half_width(10, 1.0, 0.025, one_sided=True)
    assert one == pytest.approx(half_width(10, 1.0, 0.05), rel=0.02)
    assert one > half_width(10, 1.0, 0.05)


def test_harm_is_stopped_and_no_harm_hardly_ever():
    """METHODS 3.1: four weeks of days, in units of an effect that 80 % of experiments see."""
    random = np.random.default_rng(5)
    time = np.arange(1, 29) / 28
    noise = np.cumsum(random.normal(size=(20_000, 28)), axis=1) / np.sqrt(28) / time
    width = np.asarray([half_width(t, 1.0, 0.025, 0.25, one_sided=True) for t in time])
    stopped = {times: (noise - times * 2.8 + width < 0).any(axis=1).mean() for times in (0, 2)}
    assert stopped[0] <= 0.025
    assert stopped[2] >= 0.95
