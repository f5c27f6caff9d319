"""A row of the ledger counts only if what stands before it allows it."""

import pytest

from kpi_gate.record import releases
from kpi_gate.record.ledger import Ledger
from kpi_gate.record.registered import ModelError

WINDOW = {"start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z"}


@pytest.fixture
def ledger(tmp_path):
    """v1 was promoted, v2 is on hold, v3 may be promoted with an approval."""
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    decide(made, "d1", "v1", "PROMOTE")
    promote(made, "d1", "v1")
    decide(made, "d2", "v2", "HOLD")
    decide(made, "d3", "v3", "PROMOTE", approval="required")
    return made


def decide(ledger, subject, version, verdict, approval="none"):
    lineage = {"candidate": {"digest": f"digest of {subject}"}, "window": WINDOW}
    body = {
        "version": version,
        "verdict": verdict,
        "champion": "v1",
        "decision": {"approval": approval, "lineage": lineage},
        "model_files": {"model.skops": "5d41"},
    }
    ledger.append("toy", "decision", subject, body)


def promote(ledger, subject, version, **more):
    body = {"version": version, "from": "v1", "forced": "", "approved_by": "", **more}
    ledger.append("toy", "intent", subject, body)
    ledger.append("toy", "done", subject, body)


def said(ledger):
    return releases.read(ledger.entries("toy"))


def test_what_counts(ledger):
    assert (said(ledger).champion, said(ledger).anchor, said(ledger).faults) == ("v1", "v1", {})
    promote(ledger, "d2", "v2", forced="the board wants it")
    promote(ledger, "d3", "v3", approved_by="jane")
    assert (said(ledger).champion, said(ledger).anchor, said(ledger).faults) == ("v3", "v1", {})
    for kind in ("anchor_intent", "anchor"):
        ledger.append("toy", kind, "d3", {"version": "v3", "from": "v1"})
    for kind in ("rollback_intent", "rollback"):
        ledger.append("toy", kind, "d3", {"version": "v1", "from": "v3"})
    assert (said(ledger).champion, said(ledger).anchor, said(ledger).faults) == ("v1", "v3", {})
    assert [done.subject for done in said(ledger).standing] == ["d1"]


FORGED = {
    "on hold": (("d2", "v2", {}), "whose decision is HOLD, and is not forced"),
    "forced without a reason": (("d2", "v2", {"forced": "  "}), "HOLD, and is not forced"),
    "no such decision": (("d9", "v2", {}), "by a decision that does not exist"),
    "another version": (("d1", "v2", {}), "promotes v2, its decision is on v1"),
    "no approval": (("d3", "v3", {}), "without the approval that its decision asks for"),
}


@pytest.mark.parametrize("name", FORGED)
def test_an_intent_with_its_done_counts_for_nothing_until_set_aside(ledger, name):
    (subject, version, more), words = FORGED[name]
    promote(ledger, subject, version, **more)
    assert (said(ledger).champion, said(ledger).anchor) == ("v1", "v1")
    assert not said(ledger).opened
    intent, done = said(ledger).faults.values()
    assert words in intent
    assert "ends no intent that counts" in done
    aside = list(said(ledger).faults)
    ledger.append("toy", "realigned", "toy", {"set_aside": aside})
    assert said(ledger).faults == {}
    assert said(ledger).champion == "v1"
    assert said(ledger).uncounted == set(aside)


@pytest.mark.parametrize(
    ("kind", "subject", "body", "words"),
    [
        ("done", "d3", {"version": "v3"}, "ends no intent that counts"),
        ("rollback", "d1", {"version": ""}, "ends no intent that counts"),
        ("anchor", "d2", {"version": "v2"}, "ends no intent that counts"),
        ("rollback_intent", "d1", {"version": "v2"}, "goes back to v2 from what was not promoted"),
        ("rollback_intent", "d2", {"version": ""}, "the baseline from what was not promoted"),
        ("anchor_intent", "d2", {"version": "v2"}, "anchors to v2, the champion is v1"),
    ],
)
def test_a_row_that_nothing_leads_to(ledger, kind, subject, body, words):
    ledger.append("toy", kind, subject, body)
    (fault,) = said(ledger).faults.values()
    assert words in fault
    assert (said(ledger).champion, said(ledger).anchor) == ("v1", "v1")


def test_a_done_with_another_version_than_its_intent(ledger):
    ledger.append("toy", "intent", "d3", {"version": "v3", "approved_by": "jane"})
    ledger.append("toy", "done", "d3", {"version": "v2"})
    (fault,) = said(ledger).faults.values()
    assert "with another version" in fault
    assert [intent.subject for intent in said(ledger).opened.values()] == ["d3"]


def test_a_way_back_over_several_promotions(ledger):
    promote(ledger, "d2", "v2", forced="x")
    promote(ledger, "d3", "v3", approved_by="jane")
    for kind in ("rollback_intent", "rollback"):
        ledger.append("toy", kind, "d3", {"version": "", "from": "v3"})
    assert (said(ledger).champion, said(ledger).standing) == ("", [])


def test_what_was_judged_is_the_promoting_decision_of_a_version(ledger):
    judged = said(ledger).judged("v1")
    assert (judged.decision, judged.digest) == ("d1", "digest of d1")
    assert judged.evidence_end == "2024-02-01T00:00:00+00:00"
    assert judged.files == {"model.skops": "5d41"}
    decide(ledger, "d4", "v1", "HOLD")  # a registry begun anew counts from 1 again
    assert said(ledger).judged("v1").decision == "d1"
    with pytest.raises(ModelError, match="v9: no decision in the ledger registered this version"):
        said(ledger).judged("v9")
