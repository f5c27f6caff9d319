"""A row about an experiment counts only if what stands before it allows it."""

import copy

import pytest

from kpi_gate.decision.fingerprint import digest
from kpi_gate.record import releases
from kpi_gate.record.ledger import Ledger

WINDOW = {"start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z"}
PLAN = {"use_case": "toy", "decision": "d1", "kind": "ab", "control": "v1", "treatment": "v2"}
NAME = digest([PLAN])
LOOK = {"number": 1, "z": 3.0, "bound": 2.5, "crossed": "benefit", "effect": {"estimate": 0.4}}
ROWS = {
    "experiment_plan": {"plan": PLAN},
    "experiment_start": {"started": "2024-03-01T00:00:00+00:00"},
    "experiment_look": {"number": 1, "look": LOOK},
    "experiment_end": {"verdict": "ship", "lift": {"estimate": 0.4, "standard_error": 0.1}},
}


@pytest.fixture
def ledger(tmp_path):
    """v1 is champion; v2 needs an experiment."""
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    decide(made, "d0", "v1", "PROMOTE", "baseline")
    made.append("toy", "intent", "d0", {"version": "v1", "from": "", "approved_by": ""})
    made.append("toy", "done", "d0", {"version": "v1", "from": ""})
    decide(made, "d1", "v2", "AB_REQUIRED", "v1")
    return made


def decide(ledger, subject, version, verdict, champion, approval="none"):
    lineage = {"candidate": {"digest": f"digest of {subject}"}, "window": WINDOW}
    said = {"approval": approval, "lineage": lineage}
    body = {"version": version, "verdict": verdict, "champion": champion, "decision": said}
    ledger.append("toy", "decision", subject, {**body, "model_files": {}})


def write(ledger, rows=ROWS, name=NAME):
    for kind, body in rows.items():
        ledger.append("toy", kind, name, body)


def promote(ledger, **more):
    ledger.append("toy", "intent", "d1", {"version": "v2", "from": "v1", **more})
    ledger.append("toy", "done", "d1", {"version": "v2", "from": "v1", **more})
    return releases.read(ledger.entries("toy"))


def test_what_an_experiment_shipped_may_be_promoted(ledger):
    assert "is AB_REQUIRED, and is not forced" in next(iter(promote(ledger).faults.values()))
    write(ledger)
    said = promote(ledger)
    assert said.champion == "v2"
    assert len(said.faults) == 2  # those of before


def test_approval_is_asked_all_the_same(tmp_path):
    made = Ledger(f"sqlite:///{tmp_path}/other.db")
    decide(made, "d0", "v1", "PROMOTE", "baseline")
    made.append("toy", "intent", "d0", {"version": "v1", "from": ""})
    made.append("toy", "done", "d0", {"version": "v1", "from": ""})
    decide(made, "d1", "v2", "AB_REQUIRED", "v1", approval="required")
    write(made)
    assert promote(made).champion == "v1"
    assert promote(made, approved_by="jane").champion == "v2"


FORGED = {
    "no start": ("experiment_start", None),
    "no look": ("experiment_look", None),
    "no plan": ("experiment_plan", None),
    "another plan than its name": ("experiment_plan", {"plan.weeks": 4}),
    "about another decision": ("experiment_plan", {"plan.decision": "d9"}),
    "of a holdback": ("experiment_plan", {"plan.kind": "holdback"}),
    "against another champion": ("experiment_plan", {"plan.control": "v0"}),
    "of another version": ("experiment_plan", {"plan.treatment": "v3"}),
    "of another use case": ("experiment_plan", {"plan.use_case": "other"}),
    "a look that crossed nothing": ("experiment_look", {"look.crossed": ""}),
    "a look that saw harm": ("experiment_look", {"look.crossed": "harm"}),
    "below its bound": ("experiment_look", {"look.z": 2.4}),
    "without a bound": ("experiment_look", {"look.bound": 0.0}),
    "not the first look": ("experiment_look", {"number": 2}),
    "z is no number": ("experiment_look", {"look.z": None}),
    "kept": ("experiment_end", {"verdict": "keep"}),
    "inconclusive": ("experiment_end", {"verdict": "inconclusive"}),
    "invalid": ("experiment_end", {"verdict": "invalid"}),
    "another lift": ("experiment_end", {"lift.estimate": 0.5}),
    "no lift": ("experiment_end", {"lift": None}),
}


@pytest.mark.parametrize("what", FORGED)
def test_nothing_else_ships(ledger, what):
    kind, changes = FORGED[what]
    rows = copy.deepcopy(ROWS)
    if changes is None:
        del rows[kind]
    for path, value in (changes or {}).items():
        *above, last = path.split(".")
        place = rows[kind]
        for name in above:
            place = place[name]
        place[last] = value
    renamed = "plan" in str(changes) and what != "another plan than its name"
    write(ledger, rows, digest([rows["experiment_plan"]["plan"]]) if renamed else NAME)
    said = promote(ledger)
    assert said.champion == "v1"
    assert any("is AB_REQUIRED, and is not forced" in words for words in said.faults.values())


@pytest.mark.parametrize("verdict", ["HOLD", "REJECT", "INVALID", "INSUFFICIENT_EVIDENCE"])
def test_no_other_verdict_is_lifted_by_an_experiment(ledger, verdict):
    decide(ledger, "d1", "v2", verdict, "v1")
    write(ledger)
    assert promote(ledger).champion == "v1"


def test_an_end_before_its_start_counts_for_nothing(ledger):
    write(ledger, dict(reversed(ROWS.items())))
    said = promote(ledger)
    assert (said.champion, said.experiments.ended) == ("v1", {})


def test_one_runs_at_a_time_and_each_starts_once(ledger):
    other = {**PLAN, "weeks": 8}
    for plan in (PLAN, other):
        ledger.append("toy", "experiment_plan", digest([plan]), {"plan": plan})
    for name in (NAME, digest([other]), NAME):
        ledger.append("toy", "experiment_start", name, ROWS["experiment_start"])
    found = releases.read(ledger.entries("toy")).experiments
    assert (found.running, list(found.started)) == (NAME, [NAME])
    beside, twice = found.faults.values()
    assert f"starts beside {NAME}, which runs" in beside
    assert "was started before" in twice
