"""Which rows of the ledger tell what a release brought, and from when on."""

from datetime import UTC, datetime

import pytest

from kpi_gate.decision.fingerprint import digest
from kpi_gate.record.ledger import Ledger
from kpi_gate.record.ledger_view import LedgerView

NOW = datetime(2024, 12, 1, tzinfo=UTC)
LIFT = {"estimate": 0.3, "standard_error": 0.1, "unit": "EUR"}


@pytest.fixture
def ledger(tmp_path):
    """Two candidates were measured against a champion, and one against the baseline before."""
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    decide(made, "d0", "v1", "baseline", 5.0)
    decide(made, "d1", "v2", "v1", 0.5)
    decide(made, "d2", "v3", "v1", -0.1, verdict="REJECT")
    return made


def decide(ledger, subject, version, champion, gain, verdict="AB_REQUIRED", as_of="2024-03-01"):
    found = {"estimate": gain, "standard_error": 0.05, "booking_error": 0.08}
    body = {"version": version, "champion": champion, "verdict": verdict, "model_files": {}}
    said = {"decision": {"gain": found}, "as_of": f"{as_of}T00:00:00+00:00"}
    return ledger.append("toy", "decision", subject, {**body, **said})


def experiment(ledger, *, lift=LIFT, verdict="ship", ended="2024-05-01", **changes):
    plan = {"use_case": "toy", "decision": "d1", "kind": "ab", "control": "v1", "treatment": "v2"}
    plan |= {"salt": str(ended), **changes}
    name = digest([plan])
    ledger.append("toy", "experiment_plan", name, {"plan": plan})
    ledger.append("toy", "experiment_start", name, {"started": "2024-04-01T00:00:00+00:00"})
    body = {"verdict": verdict, "lift": lift, "ended": f"{ended}T00:00:00+00:00"}
    return ledger.append("toy", "experiment_end", name, body)


def take_in(ledger, number=1, **changes):
    body = {
        **{"decision": "d1", "version": "v2", "tool": "sheet", "randomised": True},
        **{"start": "2024-04-01", "end": "2024-06-01", **LIFT, **changes},
    }
    return ledger.append("toy", "experiment_import", f"import {number}", body)


def look(ledger, champion="v2", as_of="2024-05-01", gain=0.4, unit="EUR"):
    told = {"per_decision": gain, "standard_error": 0.02}
    body = {"champion": champion, "as_of": f"{as_of}T00:00:00+00:00"}
    return ledger.append(
        "toy", "monitor", as_of, {**body, "severe": False, "realised": {"unit": unit, "gain": told}}
    )


def told(ledger, as_of=NOW, unit="EUR", **more):
    return LedgerView(ledger, "toy", as_of).catch_up().link_history(unit, **more)


def test_all_candidates_are_known_and_by_whom_they_were_compared(ledger):
    found = told(ledger)
    assert found.candidates == ((0.5, 0.08), (-0.1, 0.08))
    assert found.baseline_candidates == ((5.0, 0.08),)
    assert found.releases == ()


def test_an_experiment_is_a_release_with_both_gains(ledger):
    end = experiment(ledger)
    (release,) = told(ledger).releases
    assert (release.offline, release.offline_error) == (0.5, 0.08)
    assert (release.online, release.online_error) == (0.3, 0.1)
    assert (release.decision, release.version, release.source) == ("d1", "v2", "experiment")
    assert (release.randomised, release.row) == (True, end.number)
    assert release.ended == datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("verdict", ["keep", "inconclusive"])
def test_what_was_not_shipped_teaches_as_much(ledger, verdict):
    experiment(ledger, verdict=verdict)
    assert len(told(ledger).releases) == 1


@pytest.mark.parametrize("nothing", [{"verdict": "invalid"}, {"lift": None}])
def test_an_experiment_that_shows_nothing_is_none(ledger, nothing):
    experiment(ledger, **nothing)
    found = told(ledger)
    assert (found.releases, found.unreadable) == ((), ())


def test_an_import_counts_and_the_newest_of_a_release(ledger):
    first = experiment(ledger)
    second = take_in(ledger, estimate=0.2)
    found = told(ledger)
    assert [one.online for one in found.releases] == [0.2]
    assert f"row {first.number}" in found.left_out[0]
    assert f"row {second.number} is newer" in found.left_out[0]


def test_what_monitor_realised_counts_where_there_was_no_experiment(ledger):
    look(ledger, gain=0.1)
    look(ledger, gain=0.4, as_of="2024-06-01")
    look(ledger, champion="v1", gain=4.0, as_of="2024-03-02")
    found = told(ledger).releases
    assert [(one.version, one.online, one.randomised) for one in found] == [
        ("v1", 4.0, False),
        ("v2", 0.4, False),
    ]
    assert found[0].against_baseline
    experiment(ledger)  # ended before the last look, and counts all the same
    assert [(one.online, one.source) for one in told(ledger).releases] == [
        (4.0, "realised"),
        (0.3, "experiment"),
    ]


def test_what_was_known_later_is_not_known(ledger):
    experiment(ledger, ended="2024-05-01")
    take_in(ledger, end="2024-07-01", estimate=9.0)
    june = datetime(2024, 6, 1, tzinfo=UTC)
    assert [one.online for one in told(ledger, june).releases] == [0.3]
    assert told(ledger, datetime(2024, 4, 1, tzinfo=UTC)).releases == ()


def test_a_decision_that_is_made_again_knows_the_rows_before_it_alone(ledger):
    experiment(ledger)
    again = decide(ledger, "d3", "v4", "v1", 0.2, as_of="2024-08-01")
    decide(ledger, "d4", "v5", "v1", 0.9, as_of="2024-09-01")
    take_in(ledger, decision="d2", version="v3")
    assert len(told(ledger).releases) == 2
    before = told(ledger, before=again.number)
    assert [one.online for one in before.releases] == [0.3]
    assert before.candidates == ((0.5, 0.08), (-0.1, 0.08))


def test_another_unit_or_an_unknown_decision_is_left_out_and_said(ledger):
    take_in(ledger, 1, unit="USD")
    take_in(ledger, 2, decision="d9")
    experiment(ledger, control="v0")
    look(ledger, unit="plays")
    found = told(ledger)
    assert found.releases == ()
    words = " ".join(found.left_out)
    assert "is in USD, the objective in EUR" in words
    assert "names no decision of this use case" in words
    assert "compares others than decision d1" in words
    assert "is in plays, the objective in EUR" in words
    assert found.unreadable == ()


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"standard_error": None}, "online_error == None, must be a number"),
        ({"standard_error": -0.1}, "online_error == -0.1, must be > 0"),
        ({"standard_error": 0}, "online_error == 0, must be > 0"),
        ({"estimate": "0.3"}, "online == '0.3', must be a number"),
        ({"estimate": True}, "online == True, must be a number"),
        ({"estimate": 1e300}, "online == 1e+300, must be a finite number"),
    ],
)
def test_a_row_that_cannot_be_is_unreadable_until_a_newer_one_puts_it_right(ledger, wrong, fault):
    bad = take_in(ledger, 1, **wrong)
    found = told(ledger)
    assert found.releases == ()
    assert f"row {bad.number} (experiment_import import 1): {fault}" in found.unreadable[0]
    assert found.faults()
    take_in(ledger, 2, end="2024-06-02")
    assert told(ledger).faults() == []


def test_of_many_looks_one_body_is_read(ledger):
    for number in range(28):
        look(ledger, gain=0.1 + number, as_of=f"2024-05-{number + 1:02}")
    view = LedgerView(ledger, "toy", NOW).catch_up()
    asked = []
    for entry in view.entries:
        if entry.kind == "monitor":
            object.__setattr__(entry, "body", Watched(entry.body, asked))
    assert [one.online for one in view.link_history("EUR").releases] == [27.1]
    assert len(asked) == 1


class Watched(dict):
    """A body that notes when what must be read for it is asked for."""

    def __init__(self, body, asked):
        super().__init__(body)
        self.asked = asked

    def get(self, name, default=None):
        self.asked += [name] if name == "realised" else []
        return super().get(name, default)
