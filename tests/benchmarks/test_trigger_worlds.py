from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulation.drifting import BEFORE, DELAY, WORLDS, Year
from benchmarks.simulation.retraining import (
    CALENDARS,
    CAREFUL,
    CHALLENGER_COST,
    NEVER,
    OURS,
    POLICIES,
    SWITCH_COST,
    Champion,
    by_money,
    challenge,
    every,
    live,
)
from benchmarks.trigger_worlds import QUIET, Cell, aims, table, total, years

pytestmark = pytest.mark.slow

STATIONARY, HARMLESS, SEASON, GRADUAL, ABRUPT, OUTAGE = WORLDS
SMALL = {"days": 120, "rows": 200}


@pytest.fixture(scope="module")
def turned():
    world = replace(ABRUPT, turn=lambda day: 1.0 if day >= 20 else 0.0)
    return Year(world, 1, **SMALL)


def test_a_retraining_pays_where_the_concept_turned_and_costs_where_it_did_not(turned):
    still = Year(STATIONARY, 1, **SMALL)
    gains = {
        year.world.name: live(year, every(60)).earned - live(year, NEVER).earned
        for year in (still, turned)
    }
    assert gains["abrupt concept"] > 5_000
    assert gains["stationary"] < 0


def test_the_rule_retrains_after_the_turn_and_says_so_by_money(turned):
    lived = live(turned, by_money(OURS, careful=False))
    assert lived.retrained
    assert min(lived.retrained) > 20 + DELAY
    assert lived.earned > live(turned, NEVER).earned
    assert not live(Year(STATIONARY, 1, **SMALL), by_money(OURS, careful=False)).retrained


def test_every_cost_is_counted(turned):
    lived = live(turned, by_money(OURS, careful=False))
    champion, value = -DELAY, 0.0
    for day in range(turned.days):
        champion = day - DELAY if day in lived.retrained else champion
        value += turned.earned(champion)[day + BEFORE]
    costs = SWITCH_COST * len(lived.retrained) + CHALLENGER_COST * lived.looks
    assert lived.earned == pytest.approx(value - costs)
    assert lived.looks > len(lived.retrained)


def test_nobody_is_challenged_with_older_rows(turned):
    assert challenge(turned, Champion(end=60), 80, careful=False) is None
    found = challenge(turned, Champion(), 80, careful=False)
    assert found.days == 14


def test_broken_days_are_left_out_of_both():
    world = replace(OUTAGE, broken=lambda day: 40 <= day < 46)
    year = Year(world, 1, **SMALL)
    days = np.arange(38, 48)
    assert year.is_broken(days).tolist() == [False] * 2 + [True] * 6 + [False] * 2
    usual = year.earned(46)[BEFORE + 60 :].sum()
    assert year.earned(46, careful=True)[BEFORE + 60 :].sum() != usual
    # fourteen good days before day 52 begin on day 32, where fourteen days begin on day 38
    champion = Champion(end=-DELAY)
    assert challenge(year, champion, 66, careful=True) != challenge(
        year, champion, 66, careful=False
    )


def test_tests_of_columns_see_harmless_drift_and_no_concept(turned):
    rules = {policy.name: policy.asks for policy in POLICIES}
    moved = Year(replace(HARMLESS, shift=lambda day: np.full(20, 0.4 * (day > 30))), 1, **SMALL)
    for name in ("any column differs, 2 days", "half the columns moved"):
        assert rules[name](moved, Champion(), 60)
        assert not rules[name](turned, Champion(), 60)


def test_a_small_year_makes_a_table():
    results = years(
        [ABRUPT], [p for p in POLICIES if p.name in ("every 30 days", OURS)], [1], **SMALL
    )
    assert list(results) == ["every 30 days", OURS]
    assert results["every 30 days"]["abrupt concept"].retrained == 3
    assert table(results).row_count == 2


def test_aims_can_be_missed():
    worlds = dict.fromkeys(QUIET, Cell(10.0, 1.0, 1))
    good = dict.fromkeys((*(p.name for p in CALENDARS), OURS, CAREFUL), worlds)
    assert total(good, OURS) == 20
    assert all(aims(good).values())
    often = {**good, OURS: dict.fromkeys(QUIET, Cell(9.0, 3.5, 4))}
    assert list(aims(often).values()) == [False, False]
