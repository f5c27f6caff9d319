"""A canary that does harm is sent back, one that does none is left alone, however one looks."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from kpi_gate.serving.canary import CanaryWatch
from kpi_gate.serving.traffic import Assigned
from kpi_gate.serving.usual import Usual, comparable
from kpi_gate.usecase.serving_settings import Canary

SETTINGS = Canary()
ABOVE = 0.35  # score from which one acts


def said(score, **changed):
    """Return what a version says of rows."""
    given = {
        "score": list(score),
        "action": [float(one > ABOVE) for one in score],
        "advantage": [100 * (one - ABOVE) for one in score],
        "fault": [""] * len(score),
    }
    return SimpleNamespace(**given | changed)


GOLDEN = said(np.random.default_rng(1).beta(2, 5, 200).tolist())


def watching(settings=SETTINGS, golden=(GOLDEN, GOLDEN), **known):
    return CanaryWatch(settings, "v2", "v1", Usual(golden, **known))


def assigned(new, share, arm=""):
    version, other = ("v2", "v1") if new else ("v1", "v2")
    arm = arm or ("canary" if new else "champion")
    return Assigned(arm, version, other, share, False, None, share)


def made(score, action=0.0, advantage=0.0, fault=""):
    return SimpleNamespace(score=score, action=action, advantage=advantage, fault=fault)


FAILED = made(None, 0.0, None, "no x")


def play(watch, seed=1, rows=3_000, looks=100, shares=(0.01, 0.1, 0.5), **harm):
    """Let units with habits come in steps; return what is told, and the rows until then."""
    rng, row = np.random.default_rng(seed), 0
    habit, place = rng.beta(2, 5, 2_000), rng.random(2_000)
    for share in shares:
        for who in rng.integers(0, 2_000, rows).tolist():
            new, row = bool(place[who] < share), row + 1
            score = 0.5 * habit[who] + 0.5 * float(rng.beta(2, 5))
            score = min(score + harm.get("shift", 0.0) * new, 1.0)
            action = harm.get("action", float(score > ABOVE)) if new else float(score > ABOVE)
            worth = 100 * (score - ABOVE) - harm.get("loss", 0.0) * new
            fails = harm.get("fails", 0.0) * new + harm.get("all_fail", 0.001)
            fault = "no x" if rng.random() < fails else ""
            watch.add(assigned(new, share), who, made(score, action, worth, fault))
            told = watch.harm() if row % looks == 0 else ""
            if told:
                return told, row
    return "", row


@pytest.mark.parametrize(
    ("harm", "guard"),
    [
        ({"fails": 1.0}, "failure rate: "),
        ({"fails": 0.2}, "failure rate: "),
        ({"action": 1.0}, "action rate: "),
        ({"action": 0.0}, "action rate: "),
        ({"loss": 40.0}, "advantage: "),
        ({"shift": -0.3, "action": 0.2, "loss": -30.0}, "score: "),
    ],
    ids=str,
)
def test_harm_is_told_with_both_numbers_and_the_bound(harm, guard):
    told, _ = play(watching(), **harm)
    assert told.startswith(guard), told
    assert "v2" in told
    assert "v1" in told
    assert " it may " in told


def test_a_version_that_fails_on_every_row_is_seen_within_a_few_units():
    watch = watching()
    for who in range(400):
        watch.add(assigned(False, 0.01), who, made(0.1))
    for who in range(5):
        watch.add(assigned(True, 0.01), f"n{who}", FAILED)
    assert watch.harm() == (
        "failure rate: 100% not scored of 5 units with v2 (at 1%), 0% of 400 with v1; "
        "it may rise by 1%"
    )


def test_what_does_no_harm_is_left_alone():
    for seed in range(12):
        assert play(watching(), seed)[0] == ""
    assert play(watching(), all_fail=0.3)[0] == ""  # the input fails for both
    assert play(watching(), fails=0.005)[0] == ""  # within the margin


@pytest.mark.slow
def test_false_alarms_over_whole_canaries_are_rarer_than_said():
    courses = [play(watching(), seed, rows=800, looks=25, fails=0.01)[0] for seed in range(60)]
    assert sum(map(bool, courses)) <= 3  # 1 % of 60, and chance


def test_a_share_that_grows_while_failures_come_and_go_is_no_harm():
    # at the first step nothing fails, at the last a third does, for both alike
    watch = watching()
    for seed, share in enumerate((0.01, 0.1, 0.5)):
        told, _ = play(watch, seed, shares=(share,), all_fail=seed * 0.15)
        assert told == ""


def test_versions_that_differ_on_the_golden_rows_may_differ_in_use():
    bolder = said(GOLDEN.score, action=[1.0] * 200)
    assert play(watching(golden=(bolder, GOLDEN)), action=1.0)[0] == ""
    assert play(watching(golden=(bolder, GOLDEN)), action=0.0)[0].startswith("action rate")


def test_what_the_gate_saw_of_the_actions_counts_more_than_few_golden_rows():
    few = said(GOLDEN.score[:20])
    assert play(watching(golden=(few, few), acts_more=0.7), action=1.0)[0] == ""
    assert play(watching(golden=None, acts_more=0.0), action=1.0)[0].startswith("action rate")


def test_a_unit_counts_once_a_step():
    watch = watching()
    for _ in range(500):
        watch.add(assigned(False, 0.1), 7, made(0.1))
        watch.add(assigned(True, 0.1), "7", FAILED)
    assert watch.harm() == ""
    new, old = watch.tally()["seen"]["0.1"]
    assert (new[0], old[0]) == (1, 1)


def test_what_was_under_way_when_a_step_ended_counts_for_neither():
    watch = watching()
    for share in (0.01, 0.1, 0.01, 0.1):
        watch.add(assigned(True, share), 7, made(0.1))
    seen = watch.tally()["seen"]
    assert [seen[share][0][0] for share in ("0.01", "0.1", "0.5")] == [1, 1, 0]


def test_units_that_are_told_apart_are_so_many_at_most(monkeypatch):
    monkeypatch.setattr("kpi_gate.serving.canary.MOST_UNITS", 10)
    watch = watching()
    for who in range(50):
        watch.add(assigned(True, 0.1), who, made(0.1))
    assert watch.tally()["seen"]["0.1"][0][0] == 10


def test_only_canary_and_champion_count_and_only_before_all_have_it():
    watch, empty = watching(), watching().tally()
    for arm in ("holdout", "control", "treatment", "explore"):
        watch.add(assigned(True, 0.1, arm), 1, made(0.5, 1.0, 1.0))
    watch.add(assigned(False, 1.0), 1, made(0.5, 1.0, 1.0))
    assert watch.tally() == empty


def test_what_other_workers_saw_is_taken_in_as_json():
    whole, parts = watching(), [watching() for _ in range(3)]
    rng = np.random.default_rng(2)
    for who in range(900):
        new, score = who % 10 == 0, float(rng.beta(2, 5))
        seen = FAILED if who % 30 == 0 else made(score)
        for watch in (whole, parts[who % 3]):
            watch.add(assigned(new, 0.1), who, seen)
    others = [json.loads(json.dumps(one.tally())) for one in parts[1:]]
    assert whole.harm().startswith("failure rate: 33.3% not scored of 90 units")
    assert parts[0].harm(others) == whole.harm()
    for wrong in ({}, {"champion": "v2", "previous": "v1", "seen": {"0.1": [[1], "x"]}},
                  {"champion": "v3", "previous": "v1", "seen": others[0]["seen"]}):  # fmt: skip
        assert parts[1].harm([wrong]) == parts[1].harm()


def test_without_golden_rows_failures_alone_are_watched():
    assert play(watching(golden=None), action=1.0)[0] == ""
    assert play(watching(golden=None), fails=0.5)[0].startswith("failure rate")
    none = [None] * 200
    ruled = SimpleNamespace(score=none, action=GOLDEN.action, advantage=none)
    assert play(watching(golden=(GOLDEN, ruled)), action=1.0)[0].startswith("action rate")


def test_actions_that_are_places_of_levels_are_shares_of_the_last():
    places = said(GOLDEN.score, action=[3.0 * (one > ABOVE) for one in GOLDEN.score])
    watch = watching(golden=(places, places), last_action=3.0)
    for who in range(300):
        watch.add(assigned(who % 2 > 0, 0.5), who, made(0.2, 3.0))
    new, old = watch.tally()["seen"]["0.5"]
    assert new[3] == old[3] == 150


def test_two_versions_are_compared_where_both_can_score_all_golden_rows():
    assert comparable(GOLDEN, GOLDEN) == (GOLDEN, GOLDEN)
    silent = said(GOLDEN.score, fault=["no x"] * 200)
    assert comparable(GOLDEN, silent) is comparable(silent, GOLDEN) is None


def test_a_canary_of_one_step_has_nothing_to_watch():
    watch = watching(Canary(steps=(1.0,)))
    watch.add(assigned(False, 1.0), 1, made(0.5, 1.0, 1.0))
    assert watch.harm() == ""
