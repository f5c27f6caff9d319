from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from champions import (
    TOY_MODULE,
    TURN,
    day,
    make_run,
    rows_of,
    train_champion,
    use_case_with,
    write_baseline,
)

from kpi_gate.decision.retrain_rule import choose
from kpi_gate.decision.watch_settings import TriggerSettings
from kpi_gate.evaluation.daily import good_days, sum_by_day
from kpi_gate.record.model_files import Model, ModelCard
from kpi_gate.watch.value.challenger import challenge

pytestmark = pytest.mark.slow

TRAINED = day(60)
MONEY = TriggerSettings(when="money", judged_days=14)


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visits")
    TOY_MODULE.fetch(folder)
    return folder


@pytest.fixture(scope="module")
def champion(visits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("champion")
    run = make_run(TRAINED, folder)
    train_champion(run, rows_of(visits, TRAINED), folder)
    return folder


def challenged(visits, champion, as_of, folder, quarantined=frozenset(), change=None, **settings):
    run = make_run(as_of, folder, use_case_with(trigger=MONEY, **settings))
    rows = rows_of(visits, as_of)
    rows = rows if change is None else change(rows)
    return challenge(run, rows, Model(champion), folder / "challenger", quarantined)


def test_a_turned_world_costs_money_every_day(visits, champion, tmp_path):
    found = challenged(visits, champion, day(180), tmp_path)
    assert (found.window.start, found.window.end) == (day(164), day(178))
    assert len(found.days) == 14
    assert found.days["decisions"].eq(30).all()
    assert found.decisions_per_day == 30
    staleness = found.staleness(0.9)
    assert staleness.lower > 0
    assert staleness.per_day == pytest.approx(found.days["money"].mean())
    assert staleness.unit == "USD"
    choice = choose(
        MONEY,
        [],
        staleness,
        champion_age_days=128,
        days_since_retrain=120,
        switch_cost=100,
        unit="USD",
    )
    assert choice.action == "retrain"


def test_the_challenger_has_seen_nothing_that_it_is_judged_on(visits, champion, tmp_path):
    found = challenged(visits, champion, day(180), tmp_path)
    card = ModelCard.read(tmp_path / "challenger")
    assert card.contender.seen_until() == found.window.start
    assert card.contender.trained_until > ModelCard.read(champion).contender.trained_until


def test_a_world_that_stands_still_costs_nothing(visits, champion, tmp_path):
    found = challenged(visits, champion, TURN - timedelta(days=1), tmp_path).staleness(0.9)
    assert found.is_known
    assert abs(found.per_day) < 10


def test_the_baseline_is_challenged_too(visits, tmp_path):
    write_baseline(tmp_path)
    found = challenged(visits, tmp_path, day(100), tmp_path).staleness(0.9)
    assert found.lower > 0


def test_days_in_quarantine_count_for_nothing(visits, champion, tmp_path):
    bad = [day(number).date() for number in (150, 170, 171, 177)]

    def spoil(rows):
        broken = rows["event_time"].dt.date.isin(bad)
        return rows.assign(taste=rows["taste"].where(~broken, -1_000 * rows["taste"]))

    kept = challenged(visits, champion, day(180), tmp_path, frozenset(bad))
    spoilt = challenged(visits, champion, day(180), tmp_path, frozenset(bad), spoil)
    pd.testing.assert_frame_equal(kept.days, spoilt.days)
    assert len(kept.days) == 14
    assert kept.window.start == day(161)
    assert not set(kept.days["day"].dt.date) & set(bad)
    assert kept.decisions_per_day == 30


def test_a_champion_that_is_newer_than_its_rows_is_not_challenged(visits, champion, tmp_path):
    for as_of, words in ((day(60), "0 of the 14"), (day(70), "10 of the 14")):
        found = challenged(visits, champion, as_of, tmp_path)
        assert found.days is None
        assert f"{words} judged days" in found.reason
        assert found.staleness(0.9).unknown == found.reason


def test_a_challenger_must_be_newer(visits, tmp_path):
    rows = rows_of(visits, day(60))
    train_champion(make_run(day(60), tmp_path), rows, tmp_path / "forced")
    card = ModelCard.read(tmp_path / "forced")
    forced = card.contender.model_copy(
        update={"promoted_on": None, "trained_until": day(84), "tuned_until": day(84)}
    )
    card.model_copy(update={"contender": forced}).write(tmp_path / "forced")
    assert "no newer" in challenged(visits, tmp_path / "forced", day(100), tmp_path).reason


def test_late_outcomes_are_no_failures(visits, champion, tmp_path):
    def some_late(rows):
        late = (rows["event_time"] >= day(164)) & (np.arange(len(rows)) % 10 == 0)
        return rows.assign(
            outcome=rows["outcome"].mask(late), label_time=rows["label_time"].mask(late)
        )

    whole, some = (
        challenged(visits, champion, day(180), tmp_path, change=change)
        for change in (None, some_late)
    )
    assert some.window == whole.window
    assert some.days["decisions"].eq(27).all()
    assert some.decisions_per_day == pytest.approx(30)
    assert some.staleness(0.9).per_day == pytest.approx(whole.staleness(0.9).per_day, rel=0.2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.iloc[:0], "no rows"),
        (
            lambda rows: rows[rows["event_time"] >= day(170)],
            "A first model can be trained from about",
        ),
        (lambda rows: rows.assign(outcome=0.0), "0 of them positive"),
    ],
)
def test_nothing_to_judge_is_a_reason_and_no_error(visits, champion, tmp_path, change, words):
    found = challenged(visits, champion, day(180), tmp_path, change=change)
    assert found.days is None
    assert words in found.reason


def test_a_champion_that_cannot_be_read_is_a_reason(visits, tmp_path):
    assert "card.json" in challenged(visits, tmp_path, day(180), tmp_path).reason


def test_value_that_is_none_makes_its_day_unknown():
    rows = pd.DataFrame({"event_time": [day(1), day(1), day(2)]})
    table = sum_by_day(rows, np.array([1.0, np.nan, 2.0]), np.ones(3))
    assert table["money"].isna().tolist() == [True, False]
    assert table["number"].diff().iloc[1] == 1


def test_good_days_reach_back_past_bad_ones():
    bad = {day(8).date(), day(3).date()}
    assert good_days(day(10), 3, bad) == [day(6), day(7), day(9)]
