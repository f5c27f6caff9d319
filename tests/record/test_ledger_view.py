"""What the ledger says of one use case, read once and then row by row."""

from datetime import UTC, datetime

import pytest

from kpi_gate.decision.evidence import Window
from kpi_gate.record import ledger_reading
from kpi_gate.record.ledger import Ledger
from kpi_gate.record.ledger_view import LedgerView

NOW = datetime(2024, 3, 1, tzinfo=UTC)
WINDOW = Window(start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2024, 2, 1, tzinfo=UTC))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def view(ledger):
    return LedgerView(ledger, "toy", NOW)


def decide(ledger, subject, as_of, champion="baseline", verdict="HOLD", **more):
    gain = {"estimate": 0.5, "standard_error": 0.1}
    lineage = {"window": WINDOW.model_dump(mode="json")}
    decision = {"gain": gain, "lineage": lineage, "approval": "none", **more}
    body = {"as_of": as_of, "champion": champion, "verdict": verdict, "decision": decision}
    ledger.append("toy", "decision", subject, {"version": "v1", **body})


def test_a_row_is_verified_once_and_only_what_came_since_is_followed(ledger, view, monkeypatch):
    verified, real = [], ledger_reading.read

    def read(rows, *rest):
        verified.append([row["number"] for row in rows])
        return real(rows, *rest)

    monkeypatch.setattr(ledger_reading, "read", read)
    for number in range(3):
        decide(ledger, f"d{number}", "2024-01-01T00:00:00+00:00")
    ledger.append("other", "decision", "d9", {"verdict": "HOLD"})
    assert (list(view.catch_up().decisions), view.size) == (["d0", "d1", "d2"], 4)
    decide(ledger, "d3", "2024-02-01T00:00:00+00:00")
    assert (list(view.catch_up().decisions)[-1], view.size) == ("d3", 5)
    view.catch_up()
    assert verified == [[1, 2, 3, 4], [5], []]


def test_what_earlier_decisions_taught_depends_on_the_moment_and_on_the_rival(ledger, view):
    decide(ledger, "d0", "2024-02-01T00:00:00+00:00")
    decide(ledger, "d1", "2024-02-10T00:00:00+00:00", champion="v1")
    decide(ledger, "d2", NOW.isoformat())
    view.catch_up()
    assert len(view.earlier_decisions) == 2
    assert view.past_gains(against_baseline=True) == [(0.5, 0.1)]
    assert view.past_looks(WINDOW) == 2
    after = Window(start=WINDOW.end, end=NOW)
    assert view.past_looks(after) == 0
    assert view.last_retraining == NOW


def test_days_go_into_quarantine_and_out_of_it_by_the_last_word(ledger, view):
    for as_of, action in (("2024-02-01", "add"), ("2024-02-02", "release"), ("2024-05-01", "add")):
        body = {"as_of": f"{as_of}T00:00:00+00:00", "action": action, "days": ["2024-01-07"]}
        ledger.append("toy", "quarantine", "quarantine", body)
        if action == "add":
            assert len(view.catch_up().quarantined) == (as_of < "2024-03")
    assert view.quarantined == frozenset()
    assert [day.isoformat() for day in view.released] == ["2024-01-07"]


def test_a_promotion_waits_until_it_is_begun_and_only_against_the_champion_in_use(ledger, view):
    decide(ledger, "d0", NOW.isoformat(), verdict="PROMOTE", approval="required")
    decide(ledger, "d1", NOW.isoformat(), verdict="PROMOTE")
    decide(ledger, "d2", NOW.isoformat(), verdict="PROMOTE", champion="v7")
    view.catch_up()
    assert [entry.subject for entry in view.unfinished] == ["d0", "d1"]
    assert [entry.subject for entry in view.pending_reviews] == ["d0"]
    ledger.append("toy", "void", "d0", {"version": "v1"})
    assert [entry.subject for entry in view.catch_up().unfinished] == ["d1"]
