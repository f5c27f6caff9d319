import math
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.link import Link
from kpi_gate.decision.link_history import LinkHistory, Release
from kpi_gate.decision.objective import Objective

LATE = datetime(2026, 6, 1, tzinfo=UTC)


def objective(**changes):
    return Objective(**{"unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.02, **changes})


def release(offline=0.5, online=0.3, **changes):
    whole = {"offline_error": 0.1, "online_error": 0.1, "ended": LATE - timedelta(days=30)}
    return Release(offline=offline, online=online, **{**whole, **changes})


def history(*releases, size=1.0, **changes):
    gains = np.random.default_rng(4).normal(0, 0.5, 30)
    candidates = tuple((float(gain) * size, 0.1 * size) for gain in gains)
    return LinkHistory(unit="EUR", releases=releases, **{"candidates": candidates, **changes})


def steep(count=10, slope=0.8, **changes):
    gains = np.linspace(0.2, 2.0, count)
    return [release(float(gain), slope * float(gain), **changes) for gain in gains]


def test_an_offline_euro_is_told_in_one_sentence():
    assert Link.fit(history(*steep()), objective()).sentence.startswith(
        "an offline EUR has been worth 0.8"
    )
    one = Link.fit(history(release()), objective()).sentence
    assert one.endswith("from 1 release")
    none = Link.fit(history(), objective()).sentence
    assert none.startswith(
        "no release was measured online yet: an offline EUR is believed to be worth "
    )
    some = Link.fit(history(release(), release(randomised=False)), objective()).sentence
    assert some.endswith("from 2 releases, 1 of them not randomised")


@given(power=st.floats(-6, 9), count=st.integers(0, 6))
@examples(max_examples=20, deadline=None)
def test_the_unit_of_money_changes_no_answer(power, count):
    size = 10.0**power
    amounts = ("offline", "offline_error", "online", "online_error")
    small = steep(count) if count else []
    large = [
        one.model_copy(update={name: getattr(one, name) * size for name in amounts})
        for one in small
    ]
    ours = Link.fit(history(*small), objective())
    theirs = Link.fit(history(*large, size=size), objective(min_effect=0.02 * size))
    assert theirs.slope == pytest.approx(ours.slope, rel=1e-6)
    chance = ours.p_lift_above(0.1, 0.7, 0.2)
    assert theirs.p_lift_above(0.1 * size, 0.7 * size, 0.2 * size) == pytest.approx(chance)
    needed = ours.required_gain(0.2, 0.0, 0.85)
    same = theirs.required_gain(0.2 * size, 0.0, 0.85) / size
    assert same == needed or same == pytest.approx(needed, rel=1e-5)


def test_what_ended_later_is_not_known_yet():
    early, late = release(), release(3.0, -4.0, ended=LATE + timedelta(days=1))
    assert Link.fit(history(early, late), objective(), LATE).slope == (
        Link.fit(history(early), objective(), LATE).slope
    )


def test_old_releases_are_forgotten_by_half_with_every_half_life():
    old = steep(slope=-1.0, ended=LATE - timedelta(days=3_000))
    new = steep(slope=1.0)
    always = Link.fit(history(*old, *new), objective(), LATE).slope[0]
    lately = Link.fit(history(*old, *new), objective(link_half_life_days=60), LATE).slope[0]
    assert always < 0.5
    assert lately > 0.8
    gone = Link.fit(history(*old), objective(link_half_life_days=1), LATE)
    assert gone.slope == pytest.approx(gone.prior_line.slope())


def test_what_was_not_randomised_never_raises_the_chance():
    alone = Link.fit(history(release(0.5, 0.1)), objective())
    beside = [release(2.0, 2.0, randomised=False, source="realised")] * 40
    with_them = Link.fit(history(release(0.5, 0.1), *beside), objective())
    assert with_them.slope[0] > alone.slope[0]
    chance = with_them.p_lift_above(0.0, 1.0, 0.1)
    assert chance <= alone.p_lift_above(0.0, 1.0, 0.1)
    against = [release(2.0, -2.0, randomised=False, source="realised")] * 40
    worse = Link.fit(history(*steep(), *against), objective())
    assert worse.p_lift_above(0.0, 1.0, 0.1) < (
        Link.fit(history(*steep()), objective()).p_lift_above(0.0, 1.0, 0.1)
    )


def test_gains_over_the_baseline_are_shrunk_among_their_own():
    candidates = history().candidates
    first = release(40.0, 20.0, offline_error=1.5, against_baseline=True)
    among = history(first, baseline_candidates=((40.0, 1.5),), candidates=candidates)
    told = Link.fit(among, objective()).slope[0]
    assert told == pytest.approx(0.5, abs=0.1)  # by the champions' own it would be taken for luck
    taken_for_luck = first.model_copy(update={"against_baseline": False})
    assert Link.fit(history(taken_for_luck), objective()).slope[0] > told + 0.1


WRONG = [math.nan, math.inf, -math.inf, 1e300]


@pytest.mark.parametrize("name", ["offline", "online", "offline_error", "online_error"])
@pytest.mark.parametrize("value", [*WRONG, -0.1, 0.0])
def test_what_cannot_be_is_refused_with_field_value_and_bound(name, value):
    if value in (-0.1, 0.0) and not name.endswith("error"):
        return
    bad = release(row=17).model_copy(update={name: value})
    with pytest.raises(
        ValueError, match=re.escape(f"row 17 of the ledger: {name} == {value:g}, must be ")
    ):
        Link.fit(history(bad), objective())


def test_the_prior_is_the_objectives_own():
    believed = {"slope": 1.0, "standard_deviation": 0.1}
    link = Link.fit(history(), objective(link_prior=believed))
    assert link.slope[0] == pytest.approx(1.0)
    assert math.isfinite(link.required_gain(0.1, 0.0, 0.9))


def test_settings_of_the_link_that_nobody_made_change_no_id():
    plain = objective().model_dump(mode="json")
    assert {"kpi_target", "link_prior", "link_half_life_days"}.isdisjoint(plain)
    set_ = objective(kpi_target=0.01, link_half_life_days=365).model_dump(mode="json")
    assert (set_["kpi_target"], set_["link_half_life_days"]) == (0.01, 365)
    assert Objective.model_validate(set_) == objective(kpi_target=0.01, link_half_life_days=365)
