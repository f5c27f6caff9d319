"""What is worth telling, and what is not."""

from datetime import UTC, datetime, timedelta

import pytest

from kpi_gate.record.ledger import Entry
from kpi_gate.usecase.settings import Schedule
from kpi_gate.watch.alerts import notices, silence

MONDAYS = Schedule(retrain="0 3 * * 1", timezone="Europe/Lisbon")
DECIDED = datetime(2024, 7, 1, 2, 5, tzinfo=UTC)  # on a Monday, just after three in Lisbon


def entry(kind, at=DECIDED, **body):
    return Entry(1, at, "toy", kind, "d1", body, "", "")


def decision(verdict, at=DECIDED):
    reasons = ["too few rows"] if verdict != "PROMOTE" else []
    return entry("decision", at, verdict=verdict, sentence=f"{verdict}: so it is.", reasons=reasons)


def finding(severity):
    return {"severity": severity, "check": "units", "sentence": "amount is 100 times as large"}


@pytest.mark.parametrize(
    ("told", "kind", "subject", "text"),
    [
        (
            decision("INVALID"),
            "invalid",
            "toy: INVALID",
            "INVALID: so it is.\n- too few rows",
        ),
        (decision("REJECT"), "reject", "toy: REJECT", "REJECT: so it is.\n- too few rows"),
        (
            entry("done", version="v2", **{"from": "v1", "forced": ""}),
            "promotion",
            "toy: v2 is champion now, after v1",
            "Decision d1: v2 is champion now, after v1.",
        ),
        (
            entry("done", version="v1", **{"from": "", "forced": "we know better"}),
            "promotion",
            "toy: v1 is champion now, after the rule of thumb, by force: we know better",
            "Decision d1: v1 is champion now, after the rule of thumb, by force: we know better.",
        ),
        (
            entry("rollback", version="", **{"from": "v1", "reason": "it sells nothing"}),
            "rollback",
            "toy: the rule of thumb is champion again, after v1",
            "Reason: it sells nothing",
        ),
        (
            entry("monitor", findings=[finding("note"), finding("severe")]),
            "finding",
            "toy: units",
            "- amount is 100 times as large",
        ),
    ],
    ids=["invalid", "reject", "promotion", "forced", "rollback", "finding"],
)
def test_it_is_told(told, kind, subject, text):
    (notice,) = notices([told])
    assert (notice.use_case, notice.kind, notice.subject, notice.text) == (
        "toy",
        kind,
        subject,
        text,
    )
    assert notice.at == DECIDED


@pytest.mark.parametrize(
    "kept",
    [
        *(decision(verdict) for verdict in ("HOLD", "PROMOTE", "INSUFFICIENT_EVIDENCE")),
        entry("intent", version="v2", **{"from": "v1"}),
        entry("monitor", findings=[finding("warning")]),
        entry("selftest", passed=True),
    ],
    ids=lambda kept: f"{kept.kind} {kept.body.get('verdict', '')}".strip(),
)
def test_it_is_not_told(kept):
    assert notices([kept]) == []


@pytest.mark.parametrize(
    ("later", "silent"),
    [
        (timedelta(days=7), False),  # one tick, and its run may not have ended
        (timedelta(days=13, hours=23), False),
        (timedelta(days=14, minutes=50), False),  # the second tick was within the hour
        (timedelta(days=14, hours=1), True),
        (timedelta(days=900), True),
    ],
)
def test_two_ticks_without_a_decision_are_silence(later, silent):
    found = silence("toy", MONDAYS, [decision("HOLD")], DECIDED + later)
    assert (found is not None) == silent


def test_silence_says_since_when_and_how_often_the_schedule_fired():
    found = silence("toy", MONDAYS, [decision("HOLD")], DECIDED + timedelta(days=22))
    assert found is not None
    assert found.subject == "toy: no decision for 2 periods"
    assert "of 2024-07-01 02:05 UTC" in found.text
    assert "has fired 3 times, last at 2024-07-22 02:00 UTC" in found.text


def test_a_choice_to_skip_breaks_silence_and_nothing_else_does():
    now = DECIDED + timedelta(days=15)
    assert silence("toy", MONDAYS, [decision("HOLD"), entry("choice", now)], now) is None
    assert silence("toy", MONDAYS, [decision("HOLD"), entry("monitor", now)], now) is not None


def test_a_use_case_that_nobody_has_started_is_not_silent():
    assert silence("toy", MONDAYS, [], DECIDED) is None
