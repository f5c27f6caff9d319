"""An experiment at the door: from its plan to the promotion, and every wrong turn told."""

import json
import sys
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from door import call
from exposures import START, exposures, write_log

from kpi_gate.experiment.plan import Plan
from kpi_gate.record.ledger import open_ledger
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow

EFFECT = 0.33  # of the plan; four weeks, so that there are four looks


def verb(*words, **environment):
    return call("experiment", *words, **environment)


def day(number):
    return f"{START + timedelta(days=number):%Y-%m-%dT%H:%M}"


def rows():
    return open_ledger(Workspace()).entries()


def kinds():
    return [row.kind for row in rows()]


def last_hash():
    return rows()[-1].hash


@pytest.fixture
def planned(project, asking):
    """A plan of four weeks."""
    code, out, err = verb(
        *("plan", "toy", "--minimum-effect", str(EFFECT), "--as-of", day(0), "--json")
    )
    assert code == 0, err
    plan = json.loads(out)
    name = plan.pop("experiment")
    made = Plan.model_validate(plan)
    assert made.experiment == name
    return made


@pytest.fixture
def running(planned):
    code, _, err = verb("start", "toy", "--as-of", day(0))
    assert code == 0, err
    return planned


def test_the_whole_way_from_a_decision_to_its_promotion(project, running):
    write_log(project, exposures(running))
    assert (running.control, running.treatment, running.weeks) == ("baseline", "v1", 4)
    code, out, _ = verb("analyse", "toy", "--as-of", day(5))
    assert (code, kinds()[-1]) == (0, "experiment_start")
    assert "RUNNING" in out
    assert "2024-03-13" in out, "when the first look can be read"
    before = call("promote", "toy")
    assert (before[0], "AB_REQUIRED: it has nothing to promote" in before[2]) == (1, True)
    code, out, _ = verb("analyse", "toy", "--as-of", day(60), "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["stopped_by"]) == (0, "ship", "look")
    looks = [row for row in rows() if row.kind == "experiment_look"]
    assert [row.body["number"] for row in looks] == list(range(1, len(looks) + 1))
    assert looks[-1].body["look"]["effect"]["estimate"] == found["lift"]["estimate"] > 0
    assert "may be promoted: kpi-gate promote toy" in " ".join(call("status", "toy")[1].split())
    code, out, err = call("promote", "toy")
    assert (code, out) == (0, "toy: v1 is champion now, after baseline.\n"), err
    intent = next(row for row in rows() if row.kind == "intent")
    assert (intent.body["experiment"], intent.body["forced"]) == (running.experiment, "")
    assert "was promoted by this decision before" in call("promote", "toy")[1]
    assert verb("audit", "toy", "--as-of", day(60))[0] == 0
    assert call("ledger", "verify")[0] == 0
    assert call("ledger", "export")[0] == 0


def test_a_row_written_by_hand_promotes_nothing(project, running):
    lift = {"estimate": 1.0, "standard_error": 0.1, "unit": "USD"}
    said = {"verdict": "ship", "lift": lift, "ended": day(1), "stopped_by": "look", "reason": ""}
    open_ledger(Workspace()).append("toy", "experiment_end", running.experiment, said)
    code, _, err = call("promote", "toy")
    assert (code, "AB_REQUIRED: it has nothing to promote" in err) == (1, True)
    assert "experiment_end" in kinds()[-1]


def test_looking_twice_records_nothing_twice_and_says_the_same(project, running):
    write_log(project, exposures(running, effect=0.1))
    first = json.loads(verb("analyse", "toy", "--as-of", day(10), "--json")[1])
    known = last_hash()
    assert kinds()[-1] == "experiment_look"
    again = json.loads(verb("analyse", "toy", "--as-of", day(12), "--json")[1])
    assert (again["looks"], last_hash()) == (first["looks"], known)
    assert again["analysis"]["verdict"] == "running"


def test_harm_is_stopped_on_its_day_and_told(project, running, monkeypatch):
    told = []
    monkeypatch.setattr("kpi_gate.orchestration.notify._post", lambda _, note: told.append(note))
    write_log(project, exposures(running, effect=-2.0))
    place = {"KPI_GATE_NOTIFY_WEBHOOKS": "http://127.0.0.1:9/x"}
    assert verb("analyse", "toy", "--as-of", day(6), **place)[0] == 0
    end = rows()[-1]
    assert (end.kind, end.body["stopped_by"]) == ("experiment_end", "harm")
    assert (end.body["verdict"], end.body["lift"]["estimate"] < 0) == ("keep", True)
    assert [note.kind for note in told] == ["experiment"]
    assert "stopped for harm" in told[0].subject
    assert call("promote", "toy")[0] == 1
    assert verb("start", "toy", "--as-of", day(7))[0] == 2


def test_an_experiment_that_is_not_worth_it_needs_a_reason(asking):
    known = last_hash()
    code, _, err = verb("start", "toy", "--as-of", day(0))
    assert (code, "not worth it" in err, last_hash()) == (2, True, known)
    assert verb("start", "toy", "--anyway")[0] == 2
    assert verb("start", "toy", "--reason", "x")[0] == 2
    code, _, err = verb("start", "toy", "--as-of", day(0), "--anyway", "--reason", "to learn")
    assert (code, rows()[-1].body["reason"]) == (0, "to learn"), err


def refused(words, *call_words):
    """Call what cannot be right: it is told, and nothing that was recorded changes."""
    known = last_hash()
    code, out, err = verb(*call_words)
    assert (code, out) == (2, "")
    assert words in err, err
    assert len(err.splitlines()) == 1
    assert last_hash() == known


def test_started_twice_or_before_its_plan_or_without_one(project, running):
    refused("was started before", "start", "toy", "--as-of", day(1))
    refused("runs, and keeps to its plan", "plan", "toy", "--as-of", day(1))
    refused("0 experiments of toy begin with 'ffff'", "analyse", "toy", "--experiment", "ffff")
    refused("was started on 2024-03-04", "analyse", "toy", "--as-of", day(-1))
    other = next(row.subject for row in rows() if row.kind == "experiment_plan")
    refused("one at a time", "start", "toy", "--experiment", other[:6])
    assert verb("stop", "toy", "--reason", "enough", "--as-of", day(2))[0] == 0
    refused("and has ended with inconclusive", "start", "toy", "--as-of", day(3))
    refused("no experiment runs", "stop", "toy", "--reason", "again", "--as-of", day(3))


def test_started_before_it_was_planned(planned):
    refused("it cannot start before", "start", "toy", "--as-of", day(-1))
    refused("was not started", "analyse", "toy", "--as-of", day(1))


def test_without_an_experiment_or_a_decision(project):
    for words in (("start", "toy"), ("analyse", "toy"), ("audit", "toy")):
        code, _, err = verb(*words)
        assert (code, "has no experiment yet" in err) == (2, True)
    assert "has no candidate against baseline" in verb("plan", "toy")[2]
    assert verb("status", "toy")[:2] == (
        *(0, "toy has no experiment yet: kpi-gate experiment plan toy\n"),
    )
    assert verb("status", "nope")[0] == 2


def say(project, words):
    path = project / "src/toys/usecases/toy.yaml"
    path.write_text(f"{path.read_text('utf-8')}experiment: {words}\n", encoding="utf-8")
    sys.modules.pop("toys.usecases.toy")  # as in a process of its own


def test_a_yaml_that_was_changed_since_the_plan(project, planned):
    say(project, "{looks: 2, margins: [{column: amount, margin: 0.1}]}")
    refused("experiment.looks == 2, the plan has 4", "start", "toy", "--as-of", day(0))


def test_changed_after_its_start_the_plan_holds(project, running):
    write_log(project, exposures(running, effect=0.1))
    first = json.loads(verb("analyse", "toy", "--as-of", day(10), "--json")[1])
    known = last_hash()
    say(project, "{treatment_share: 0.3}")
    code, out, _ = verb("analyse", "toy", "--as-of", day(10), "--json")
    found = json.loads(out)
    assert (code, found["looks"], last_hash()) == (0, first["looks"], known)
    assert found["analysis"]["plan"]["treatment_share"] == 0.5
    (fault,) = [f for f in found["analysis"]["faults"] if f["check"] == "plan_unchanged"]
    assert "treatment_share == 0.3, the plan has 0.5" in fault["reason"]


def both_arms(log):
    return log.assign(unit=np.where(log.index < 20, "twice", log["unit"]))


def skewed(log):
    late = log["time"].where(log.index % 3 > 0, log["time"] + timedelta(days=40))
    return log.assign(time=late, outcome_time=late + timedelta(days=1))


BROKEN = {
    "one arm": lambda log: log[log["arm"] == "control"],
    "a unit in both arms": both_arms,
    "outcomes before exposure": lambda log: log.assign(
        outcome_time=log["time"] - timedelta(days=1)
    ),
    "a log that stops": lambda log: log[log["time"] < pd.Timestamp(day(2), tz="UTC")],
    "a split that chance does not explain": lambda log: log[
        (log["arm"] == "control") | (np.arange(len(log)) % 2 > 0)
    ],
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_log_that_proves_nothing_is_told_and_not_recorded(project, running, what):
    log = BROKEN[what](exposures(running, effect=0.1))
    write_log(project, log)
    known = last_hash()
    code, out, err = verb("analyse", "toy", "--as-of", day(10))
    assert (code, last_hash()) == (1, known), out + err
    assert "INVALID" in out


WARNED = {
    "clock skew": (skewed, "rows dated after this analysis"),
    "a log that stops": (
        lambda log: log[log["time"] < pd.Timestamp(day(2), tz="UTC")],
        "the log stops after day 2",
    ),
}


@pytest.mark.parametrize("what", WARNED)
def test_what_may_still_be_mended_is_told_before_a_look(project, running, what):
    breaks, words = WARNED[what]
    write_log(project, breaks(exposures(running, effect=0.1)))
    known = last_hash()
    code, out, err = verb("analyse", "toy", "--as-of", day(8))
    assert (code, words in " ".join(out.split()), last_hash()) == (0, True, known), out + err


def test_a_log_that_cannot_be_read_is_told(project, running):
    refused("there is no such file or folder", "analyse", "toy", "--as-of", day(3))
    path = write_log(project, exposures(running).drop(columns="arm"))
    refused("no column arm", "analyse", "toy", "--as-of", day(3))
    path.write_bytes(path.read_bytes()[:-9])
    refused("half-written", "analyse", "toy", "--as-of", day(3))


def test_an_invalid_log_is_the_end_when_nothing_more_can_come(project, running):
    write_log(project, BROKEN["a unit in both arms"](exposures(running)))
    assert verb("analyse", "toy", "--as-of", day(60))[0] == 1
    end = rows()[-1]
    assert (end.kind, end.body["verdict"], end.body["lift"]) == ("experiment_end", "invalid", None)
    assert call("promote", "toy")[0] == 1


def test_a_log_written_anew_changes_nothing_that_was_recorded(project, running):
    log = exposures(running, effect=0.1)
    write_log(project, log)
    first = json.loads(verb("analyse", "toy", "--as-of", day(10), "--json")[1])
    known = last_hash()
    better = log["amount"] + 5.0 * (log["arm"] == "treatment")
    write_log(project, log.assign(amount=better))
    code, out, _ = verb("analyse", "toy", "--as-of", day(25), "--json")
    found = json.loads(out)
    assert (code, found["looks"], last_hash()) == (1, first["looks"], known)
    assert found["analysis"]["looks"][0] == first["looks"][0]
    (fault,) = [f for f in found["analysis"]["faults"] if f["check"] == "log_unchanged"]
    assert "it was written anew; what was recorded stands" in fault["reason"]
    assert found["analysis"]["verdict"] == "invalid"


def test_a_person_stops_it_with_a_reason(project, running):
    write_log(project, exposures(running, effect=3.0))
    refused("needs a reason", "stop", "toy")
    code, out, _ = verb("stop", "toy", "--reason", "a fire", "--as-of", day(4), "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["lift"]) == (0, "inconclusive", None)
    end = rows()[-1].body
    assert (end["stopped_by"], end["reason"], end["asked_by"] != "") == ("person", "a fire", True)
    assert call("promote", "toy")[0] == 1
    assert json.loads(verb("status", "toy", "--json")[1])[-1]["reason"] == "a fire"


def test_a_stop_records_first_what_a_look_had_decided(project, running):
    write_log(project, exposures(running, effect=3.0))
    code, _, err = verb("stop", "toy", "--reason", "too late", "--as-of", day(20))
    assert (code, "has ended with ship" in err) == (2, True)
    assert rows()[-1].body["verdict"] == "ship"


GIVEN = {
    "--decision": "v1", "--effect": "0.12", "--error": "0.04", "--unit": "USD",
    "--start": "2024-04-01", "--end": "2024-05-01", "--tool": "GrowthBook",
}  # fmt: skip


def given(**changes):
    said = {**GIVEN, **{f"--{name}": value for name, value in changes.items()}}
    return [word for pair in said.items() if pair[1] is not None for word in pair]


def test_an_effect_from_elsewhere_is_taken_in_once(asking):
    code, out, err = verb("import", "toy", *given())
    assert code == 0, err
    assert "+0.12 +- 0.04 USD a decision, by GrowthBook, about decision" in out
    row = rows()[-1]
    assert (row.kind, row.body["version"], row.body["randomised"]) == (
        *("experiment_import", "v1", True),
    )
    refused("taken in before", "import", "toy", *given())
    assert call("promote", "toy")[0] == 1, "somebody else's word promotes nothing"


WRONG = {
    "no error": ({"error": None}, "--error is missing: an effect without its standard error"),
    "an error of 0": ({"error": "0"}, "--error 0, must be > 0"),
    "no number": ({"effect": "nan"}, "--effect nan, must be a finite number"),
    "another unit": ({"unit": "EUR"}, "--unit 'EUR', must be 'USD'"),
    "an end before its start": ({"end": "2024-03-01"}, "--end 2024-03-01 must be after --start"),
    "an end to come": ({"end": "2999-01-01"}, "must not be in the future"),
    "nobody's decision": ({"decision": "v9"}, "no decision 'v9' in the ledger"),
    "no tool": ({"tool": " "}, "--tool is empty"),
    "no day": ({"start": "spring"}, "'spring' is no date"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_effect_that_says_nothing_is_refused(asking, what):
    changes, words = WRONG[what]
    refused(words, "import", "toy", *given(**changes))


def test_an_audit_shows_who_was_decided_by_what(project, running, tmp_path):
    log = exposures(running, effect=0.1)
    write_log(project, log)
    verb("analyse", "toy", "--as-of", day(10))
    table, content = tmp_path / "audit.csv", tmp_path / "audit.json"
    code, out, _ = verb("audit", "toy", "--as-of", day(10), "--to", str(table))
    assert (code, "yes: log, plan and ledger agree" in out) == (0, True)
    found = pd.read_csv(table)
    counted = log[log["time"] < pd.Timestamp(day(10), tz="UTC")]
    assert (found["exposures"].sum(), found["units"].sum()) == (len(counted), len(counted))
    assert set(found["experiment_plan_hash"]) == {
        next(row.hash for row in rows() if row.subject == running.experiment)
    }
    verb("audit", "toy", "--as-of", day(10), "--to", str(content))
    said = json.loads(content.read_text())
    assert (said["state"], said["verified"], len(said["looks"])) == ("running", True, 1)
    assert {row["hash"] for row in said["entries"]} <= {row.hash for row in rows()}
    assert verb("audit", "toy", "--to", "audit.xlsx")[0] == 2


def test_an_audit_names_what_does_not_agree(project, running):
    log = exposures(running, effect=0.1)
    write_log(project, log)
    verb("analyse", "toy", "--as-of", day(10))
    swapped = log.assign(policy_version=log["policy_version"].where(log.index > 9, "v7"))
    write_log(project, swapped.assign(amount=log["amount"] + (log["arm"] == "treatment")))
    code, out, _ = verb("audit", "toy", "--as-of", day(10))
    assert code == 1
    words = " ".join(out.split())
    assert "10 exposures were decided by a version that the plan does not have" in words
    assert "it was written anew" in words
