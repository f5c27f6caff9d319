import shutil

import pytest
from starts import champion

from kpi_gate.release import promotion
from kpi_gate.serving import places
from kpi_gate.serving.follow import Follower
from kpi_gate.workspace import Workspace


@pytest.fixture
def workspace(project):
    return Workspace(root=project)


def look(workspace):
    follower = Follower(workspace, ["toy"])
    return follower.look().get("toy"), follower.faults["toy"]


def test_nothing_is_known_of_a_use_case_that_was_never_promoted(workspace):
    standing, fault = look(workspace)
    assert (standing.champion, standing.known, fault) == ("", {}, "")


def test_the_champion_is_the_one_of_the_ledger_whatever_the_alias_says(
    workspace, run_at, second_champion
):
    run_at().registry.point("champion", "v1")
    assert champion(run_at()) == "v1"
    standing, fault = look(workspace)
    assert (standing.champion, fault) == ("v2", "")
    assert [version for version, _ in standing.standing] == ["v1", "v2"]
    judged = run_at().history.judged("v2")
    assert standing.known["v2"].digest == judged.digest
    assert len(standing.known["v2"].export) == 64


def test_rows_that_come_are_followed_and_a_rollback_too(workspace, run_at, second_champion):
    follower = Follower(workspace, ["toy"])
    first = follower.look()["toy"]
    assert follower.look()["toy"] is first
    promotion.rollback(run_at(), "complaints")
    second = follower.look()["toy"]
    assert (first.champion, second.champion) == ("v2", "v1")
    used = first.standing[1][1] - first.standing[0][1]  # time of v1, which it has behind it
    assert run_at().ledger.entries()[-1].at - second.since == used


def test_a_ledger_that_goes_away_changes_nothing_also_for_who_starts_then(
    workspace, project, first_champion
):
    follower = Follower(workspace, ["toy"])
    known = follower.look()["toy"]
    ledger = project / ".kpi-gate/ledger.db"
    shutil.move(ledger, project / "away.db")
    ledger.mkdir()  # a place that holds no database
    assert follower.look()["toy"] == known
    assert "ledger" in follower.faults["toy"]
    standing, fault = look(workspace)
    assert (standing, bool(fault)) == (known, True)
    ledger.rmdir()
    shutil.move(project / "away.db", ledger)
    assert (follower.look()["toy"], follower.faults["toy"]) == (known, "")


def test_a_row_that_does_not_count_moves_nothing(workspace, run_at, first_champion):
    follower = Follower(workspace, ["toy"])
    known = follower.look()["toy"]
    run_at().append("done", "forged", {"version": "v9", "from": "v1"})
    assert follower.look()["toy"] == known
    assert "ends no intent" in follower.faults["toy"]


def test_what_was_said_last_by_another_version_of_the_library_is_not_believed(
    workspace, first_champion
):
    look(workspace)
    path = places.confirmed(workspace, "toy")
    path.write_text('{"champion": 3}', encoding="utf-8")
    broken = workspace.model_copy(update={"ledger_url": "sqlite:////nowhere/at/all.db"})
    shown = Follower(broken, ["toy"])
    assert "toy" not in shown.look() or shown.look()["toy"].champion == ""
