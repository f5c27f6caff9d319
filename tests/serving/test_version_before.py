"""What holds while a canary runs has had its own; one that was cut short goes on where it was."""

from datetime import UTC, datetime, timedelta

from kpi_gate.serving.releases import Move, Release, in_use, version_before
from kpi_gate.usecase.serving_settings import Canary

CANARY = Canary(steps=(0.01, 0.1, 0.5, 1.0), step_minutes=10)  # half an hour to its end


def at(minutes):
    return datetime(2026, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes)


def promoted(version, minutes):
    return Move(version, at(minutes), True)


def back(version, minutes):
    return Move(version, at(minutes), False)


def test_a_release_while_a_canary_runs_holds_the_last_one_that_was_proved():
    standing = [Release("v1", at(0)), Release("v2", at(300))]
    assert version_before(standing, CANARY) == "v1"
    assert version_before([*standing, Release("v3", at(330))], CANARY) == "v2"
    soon = [*standing, Release("v3", at(315))]  # v2 had come to 10 % only
    assert version_before(soon, CANARY) == "v1"
    assert version_before(soon, None) == "v2"
    assert version_before(soon, CANARY, frozenset(["v1"])) == "baseline"
    assert version_before(standing[:1], CANARY) == version_before([], None) == "baseline"


def test_promotions_in_a_row_are_in_use_since_they_were_made():
    moves = [promoted("v1", 0), promoted("v2", 300)]
    assert in_use(["v1", "v2"], moves) == (Release("v1", at(0)), Release("v2", at(300)))
    assert in_use([], []) == in_use([], [promoted("v1", 0), back("", 5)]) == ()


def test_after_a_rollback_the_one_before_is_for_all_at_once():
    found = in_use(["v1"], [promoted("v1", 0), promoted("v2", 300), back("v1", 310)])
    assert found == (Release("v1", at(10)),)  # in use for 300 minutes


def test_a_canary_that_was_cut_short_goes_on_where_it_was():
    moves = [promoted("v1", 0), promoted("v2", 300), promoted("v3", 315), back("v2", 400)]
    found = in_use(["v1", "v2"], moves)
    assert found == (Release("v1", at(85)), Release("v2", at(385)))  # 15 minutes of 30 behind it
    assert version_before(found, CANARY) == "v1"
    # and where another one comes then, it has had its 15 minutes, and those since
    later = in_use(["v1", "v2", "v4"], [*moves, promoted("v4", 410)])
    assert version_before(later, CANARY) == "v1"
    later = in_use(["v1", "v2", "v4"], [*moves, promoted("v4", 420)])
    assert version_before(later, CANARY) == "v2"


def test_who_is_promoted_anew_begins_anew():
    moves = [promoted("v1", 0), promoted("v2", 300), back("v1", 500), promoted("v2", 600)]
    assert in_use(["v1", "v2"], moves)[-1] == Release("v2", at(600))
