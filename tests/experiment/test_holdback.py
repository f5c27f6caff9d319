"""A holdback shows what promotions were worth together, and how much of what was booked arrived."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sample_experiments import holdback

from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.holdback import Win, hold_back

STARTED = datetime(2026, 1, 5, tzinfo=UTC)
WINS = (
    Win(STARTED + timedelta(days=30), "v2", 0.2),
    Win(STARTED + timedelta(days=60), "v3", 0.1),
)


def log_of(arrives=0.5, *, days=120, units=3_000, share=0.1, seed=2):
    """Units that come every few days; half of what was booked at each promotion arrives."""
    chance = np.random.default_rng(seed)
    count = units * 8
    unit, since = chance.integers(0, units, count), chance.uniform(0, days, count)
    held = np.random.default_rng(9).random(units)[unit] < share
    gain = np.where(since >= 30, 0.2, 0.0) + np.where(since >= 60, 0.1, 0.0)
    version = np.where(since >= 60, "v3", np.where(since >= 30, "v2", "v1b"))
    return pd.DataFrame(
        {
            "time": pd.Timestamp(STARTED) + pd.to_timedelta(since, unit="D"),
            "unit": np.char.add("u", unit.astype(str)),
            "arm": np.where(held, "control", "treatment"),
            "policy_version": np.where(held, "v1", version),
            "action": 1.0,
            "amount": 1 + chance.normal(0, 0.5, count) + np.where(held, 0.0, arrives * gain),
        }
    )


def held_back(log, **changes):
    given = {
        "use_case": "toy",
        "unit": "EUR",
        "frozen": "v1",
        "share": 0.1,
        "salt": "toy",
        "started": STARTED,
        "as_of": STARTED + timedelta(days=120),
        "horizon_decisions": 1_000,
        "wins": WINS,
    }
    return hold_back(log, **given | changes)


def test_half_of_what_was_booked_arrived():
    found = held_back(log_of())
    assert found.booked == pytest.approx(0.2 * 0.75 + 0.1 * 0.5, abs=0.005)
    assert found.effect.estimate == pytest.approx(found.booked / 2, abs=0.03)
    assert found.effect.lower < found.booked / 2 < found.effect.upper
    assert 0.2 < found.arrived < 0.8
    assert "2 promotions since 2026-01-05" in found.sentence
    assert "arrived." in found.sentence
    first, *_, last = found.months
    assert first.effect.estimate < 0.08 < last.effect.estimate


@pytest.mark.slow
def test_its_bounds_hold_on_all_days_together():
    misses = 0
    for seed in range(40):
        found = held_back(log_of(0.0, days=60, units=400, share=0.2, seed=seed), share=0.2)
        misses += any(
            not day.lower <= 0 <= day.upper for day in found.days if day.lower is not None
        )
    assert misses <= 5


def test_versions_in_use_may_follow_each_other_and_the_frozen_one_may_not():
    log = log_of()
    assert not held_back(log).invalid
    log.loc[log["arm"] == "control", "policy_version"] = "v2"
    found = held_back(log)
    assert found.invalid
    assert found.arrived is None
    assert "nothing may be concluded" in found.sentence
    assert 'class="money"' not in found.to_html()


def test_what_was_promoted_before_or_later_was_not_measured():
    others = (
        Win(STARTED - timedelta(days=1), "v0", 9.0),
        Win(STARTED + timedelta(days=500), "v9", 9.0),
    )
    assert held_back(log_of(), wins=(*WINS, *others)).wins == WINS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"share": 0.5}, "share == 0.5, must be > 0 and <= 0.2"),
        ({"as_of": STARTED}, "must be after the start"),
        ({"started": datetime(2026, 1, 5)}, "must have a time zone"),  # noqa: DTZ001
    ],
)
def test_a_wrong_call_names_the_field_and_its_bound(changes, words):
    with pytest.raises(ExperimentError, match=words):
        held_back(log_of(units=50), **changes)


def test_too_few_units_say_nothing():
    found = held_back(log_of(units=60))
    assert found.effect is None
    assert "too few units" in found.sentence


def test_one_promotion_is_one():
    assert "1 promotion since" in holdback().sentence
