"""The record over time: promises kept, alarms judged, an old ledger read, hostile text kept out."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import typer
from typer.testing import CliRunner

from kpi_gate.cli.report import report
from kpi_gate.decision.evidence import Contender, Lineage, Window
from kpi_gate.decision.verdict import Decision, GainSummary
from kpi_gate.evaluation.daily_value import Worth
from kpi_gate.record.ledger import Entry, Ledger, LedgerError
from kpi_gate.report.history_page import SHOWN, page
from kpi_gate.report.history_wording import duration, lead
from kpi_gate.watch.finding import Finding
from kpi_gate.watch.history.track_record import history
from kpi_gate.watch.value.realised import Realised

START = datetime(2024, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=200)
HOSTILE = "<script>alert(1)</script>\x1b[31m"


def day(number: float) -> datetime:
    return START + timedelta(days=number)


class Book:
    """A ledger by hand: rows are written when they are due, unless `at` says otherwise."""

    def __init__(self):
        self.rows, self._numbers = [], count(1)

    def write(self, kind, subject, at, **body):
        entry = Entry(next(self._numbers), at, "toy", kind, subject, body, "", "")
        self.rows.append(entry)
        return self

    def decide(self, name, when, verdict="PROMOTE", version="v1", shrunk=0.5):
        decision = decision_on(when, shrunk).model_dump(mode="json")
        told = {"verdict": verdict, "version": version, "decision": decision}
        return self.write("decision", name, day(when + 0.25), as_of=day(when).isoformat(), **told)

    def promote(self, name, when, version="v1", before="", forced=""):
        return self.write(
            "done", name, day(when), version=version, forced=forced, **{"from": before}
        )

    def roll_back(self, name, when, version, before, reason):
        body = {"version": version, "from": before, "reason": reason}
        return self.write("rollback", name, day(when), **body)

    def monitor(self, when, *findings, champion="v1", gain=None, action="", at=None):
        told = {"findings": [one.model_dump() for one in findings], "action": action}
        told |= {"champion": champion, "realised": gain and realised(gain)}
        return self.write(
            "monitor", f"m{when}", at or day(when), as_of=day(when).isoformat(), **told
        )

    def quarantine(self, when, date, action, reason):
        told = {"days": [date], "action": action, "reason": reason}
        return self.write("quarantine", f"q{date}", day(when), as_of=day(when).isoformat(), **told)

    def tell(self, **words):
        return history("toy", self.rows, NOW, **words)


def decision_on(when, shrunk):
    gain = {"estimate": 0.6, "standard_error": 0.1, "lower": 0.4, "upper": 0.8, "threshold": 0.1}
    gain |= {"p_above_threshold": 1.0, "shrunk": shrunk, "unit": "EUR", "rows": 900, "units": 90}
    sides = [
        Contender(name="baseline", digest="b"),
        Contender(name="candidate", digest="c", trained_until=day(when - 40)),
    ]
    lineage = Lineage(
        use_case="toy",
        as_of=day(when),
        snapshot="s",
        snapshot_rows=9000,
        scored_snapshot="s",
        window=Window(start=day(when - 30), end=day(when - 10)),
        shortest_window_days=20,
        row_fingerprint="r",
        shared_rows=0,
        matured=1.0,
        champion=sides[0],
        candidate=sides[1],
    )
    return Decision(
        decision_id="d",
        verdict="PROMOTE",
        gain=GainSummary(**gain, changed=0.5),
        rows_needed=None,
        checks=(),
        kpi="profit",
        unit="EUR",
        horizon="a year",
        horizon_decisions=1000,
        switch_cost=100.0,
        confidence=0.95,
        lineage=lineage,
    )


def finding(check="units", severity="severe", column="", about="data"):
    words = f"{column or 'it'} moved by 40%, at most 10% is usual"
    return Finding(
        layer="health", check=check, severity=severity, about=about, column=column, sentence=words
    )


def realised(gain):
    worth = Worth(
        unit="EUR",
        first_day=day(1),
        last_day=day(9),
        days=9,
        decisions=200.0,
        per_decision=gain,
        standard_error=0.1,
        plain_error=0.1,
        lower=gain - 0.2,
        upper=gain + 0.2,
        confidence=0.9,
    )
    found = Realised(unit="EUR", champion="v1", since=day(1), gain=worth, promised=0.5)
    return found.model_dump(mode="json")


def judged(book):
    return [(one.check, one.column, one.judged, one.runs) for one in book.tell().alarms]


def test_a_promise_is_held_against_the_last_run_that_measured_it():
    book = Book().decide("a", 0).promote("a", 1).monitor(30, gain=0.1).monitor(31, gain=0.4)
    book.monitor(32)  # not known that day: what was measured before stands
    book.monitor(33, champion="baseline", gain=0.9)
    told = book.tell()
    made = told.promotions[0]
    assert (made.promised, made.booked) == (0.5, 400.0)
    assert (made.realised, made.lower, made.upper) == (0.4, 0.2, pytest.approx(0.6))
    assert (made.earned, made.measured) == (80.0, day(31))
    assert made.kept == told.kept == 0.8
    assert [(one.as_of, one.realised, one.promised) for one in told.series] == [
        (day(30), 0.1, 0.5),
        (day(31), 0.4, 0.5),
        (day(33), 0.9, 0.5),
    ]
    # the decision of day 0 was written at 6 o'clock, and moved the alias 18 hours later
    since = day(0) + timedelta(hours=18)
    assert (told.champion, told.since, told.until) == ("v1", since, day(33))
    assert (told.days_in_use, told.age_days) == (32.25, 73.0), "at the last tick, not at NOW"
    assert [(one.version, one.start, one.end) for one in told.reigns] == [("v1", since, day(33))]
    assert {part.days for part in told.lead} == {10.0, 0.25, 0.75}
    assert lead(told) == (
        "v1 is champion for 32 days, its newest row is 73 days old. 1 decision, 1 promotion, "
        "0 rollbacks. Of the gain that was promised, 80 % was realised."
    )


def test_a_promise_of_nothing_keeps_no_share():
    book = Book().decide("a", 0, shrunk=-0.1).promote("a", 1, forced="the board").monitor(9, gain=1)
    told = book.tell()
    assert told.promotions[0].kept is told.kept is None
    assert "1 promotion (1 by force)" in lead(told)
    assert "What was realised of the promised gain is not known." in lead(told)


def test_a_rollback_leaves_the_champion_before():
    book = Book().decide("a", 0).promote("a", 1).decide("b", 20, version="v2")
    book.promote("b", 21, "v2", "v1").roll_back("b", 30, "v1", "v2", "it sold less")
    book.decide("c", 40, "REJECT", "v3").decide("d", 50, "HOLD", "v4")
    told = book.tell()
    assert (told.champion, told.since) == ("v1", day(29) + timedelta(hours=18))
    assert [one.version for one in told.reigns] == ["v1", "v2", "v1"]
    assert [one.taken_back for one in told.promotions] == [False, True]
    assert [(one.taken_back, one.reason) for one in told.rollbacks] == [("v2", "it sold less")]
    assert list(told.verdicts.items()) == [("PROMOTE", 2), ("HOLD", 1), ("REJECT", 1)]
    book.roll_back("a", 60, "", "v1", "nothing holds")
    assert book.tell().champion == "baseline"
    assert book.tell().age_days is None
    assert "The baseline is in use since 2024-04-29." in lead(book.tell())


def test_consecutive_runs_of_one_check_and_column_are_one_alarm():
    units, nulls = finding(column="age"), finding("nulls", "warning", "age")
    book = Book().monitor(1, units).monitor(2, units, nulls).monitor(3, nulls).monitor(4)
    book.monitor(5, units, finding("nulls", "note"))
    assert judged(book) == [
        ("units", "age", "open", 2),
        ("nulls", "age", "open", 2),
        ("units", "age", "open", 1),
    ]


def test_a_look_that_is_repeated_counts_once():
    book = Book().monitor(1, finding()).monitor(1, finding(), at=day(1.5)).monitor(2, finding())
    assert judged(book) == [("units", "", "open", 2)]
    assert book.tell().runs == 3
    book.monitor(0, at=day(9)).monitor(3, finding())  # the order is that of the moments
    assert judged(book) == [("units", "", "open", 3)]


def test_days_that_stay_in_quarantine_prove_an_alarm_and_a_release_refutes_it():
    book = Book().quarantine(5, "2024-03-05", "add", "off").monitor(5, finding(), finding("late"))
    assert {alarm[2] for alarm in judged(book)} == {"true"}, "its own run did it"
    book.quarantine(9, "2024-03-05", "release", "the source was right")
    assert {alarm[2] for alarm in judged(book)} == {"false"}
    assert book.tell().quarantined == ()
    assert "the source was right" in book.tell().alarms[0].because
    book.quarantine(12, "2024-03-05", "add", "it was not")
    assert {alarm[2] for alarm in judged(book)} == {"true"}
    assert book.tell().quarantined == ("2024-03-05",)


@pytest.mark.parametrize(
    ("when", "reason", "said"),
    [
        (7, "Units are wrong since Monday", "true"),
        (7, "monitor: it moved by 40%, at most 10% is usual", "true"),
        (7, "subunits are fine", "open"),
        (7, "", "open"),
        (25, "units", "open"),
        (4, "units", "open"),
    ],
)
def test_a_person_judges_an_alarm_by_naming_it_in_time(when, reason, said):
    alarm = Book().monitor(1).monitor(5, finding()).monitor(6)
    held = alarm.quarantine(when, "2024-03-05", "add", reason)
    assert judged(held)[0][2] == said
    back = Book().monitor(1).monitor(5, finding()).roll_back("a", when, "", "v1", reason)
    assert judged(back)[0][2] == said


def test_a_run_that_rolled_back_judges_what_is_about_the_model():
    found = [finding("golden", about="model"), finding("units"), finding("psi", "warning")]
    book = Book().monitor(5, *found, action="quarantined 2024-03-05; rolled back to v1")
    assert {one[0]: one[2] for one in judged(book)} == {
        "golden": "true",
        "units": "open",
        "psi": "open",
    }


def test_a_promotion_judges_an_alarm_that_its_choice_repeats():
    choice = {"action": "retrain", "rule": "money", "reason": "Waiting costs 400."}
    choice["proposals"] = [{"by": "value", "reason": "it moved by 40%, at most 10% is usual"}]
    book = Book().monitor(5, finding("sudden_loss", "warning"))
    book.write("choice", "c", day(5), as_of=day(5).isoformat(), **choice)
    book.decide("b", 6, version="v2").promote("b", 7, "v2", "v1")
    assert judged(book)[0][2] == "true"
    assert book.tell().choices == {"retrain: money": 1}
    skipped = Book().monitor(5, finding("sudden_loss", "warning"))
    skipped.write("choice", "c", day(5), **{**choice, "action": "skip"})
    skipped.decide("b", 6, version="v2").promote("b", 7, "v2", "v1")
    assert judged(skipped)[0][2] == "open"


def test_a_history_that_was_run_through_later_keeps_its_own_clock():
    later = day(3000)
    book = Book().monitor(5, finding(), at=later)
    book.write("rollback", "a", later + timedelta(days=2), version="", reason="units")
    assert judged(book)[0][2] == "true"
    assert book.tell().alarms[0].because.endswith("2024-03-08")


def test_an_old_or_broken_row_is_not_known_and_no_error():
    book = Book()
    for kind in ("decision", "done", "rollback", "void", "monitor", "choice", "quarantine"):
        book.write(kind, "x", day(1))
        broken = {"decision": 3, "findings": [None, "x", {"severity": "severe"}], "as_of": "soon"}
        broken |= {"realised": {"gain": {"per_decision": "much"}}, "days": "never", "version": None}
        broken |= {"proposals": {"by": 1}, "reason": 7, "action": ["x"], "verdict": {}}
        book.write(kind, "y", day(2), **broken)
    told = book.tell()
    assert told.verdicts == {"unknown": 2}
    assert (told.champion, told.kept, told.alarms, told.series) == ("baseline", None, (), ())
    assert told.promotions[0].promised is None
    assert "not known" in page([told], NOW)


def test_a_use_case_without_decisions_says_so():
    told = history("ads", [], NOW, title="Ads")
    assert lead(told) == "The baseline is in use. Nothing was decided yet."
    assert "Nothing was decided yet." in page([told], NOW)
    assert "There is no use case" in page([], NOW)


def test_the_page_keeps_hostile_text_out():
    alarm = finding().model_copy(update={"check": HOSTILE, "column": HOSTILE, "sentence": HOSTILE})
    book = (
        Book().decide(HOSTILE, 0, HOSTILE, HOSTILE).promote(HOSTILE, 1, HOSTILE, HOSTILE, HOSTILE)
    )
    book.monitor(5, alarm, champion=HOSTILE, gain=0.1).monitor(6, alarm, champion=HOSTILE, gain=0.2)
    book.roll_back("b", 7, HOSTILE, HOSTILE, HOSTILE)
    book.write("choice", "c", day(8), action=HOSTILE, rule=HOSTILE)
    told = history(HOSTILE, book.rows, NOW, title=HOSTILE, fault=HOSTILE)
    made = page([told], NOW)
    assert "<script" not in made
    assert "\x1b" not in made
    assert made.count("&lt;script&gt;") > 8


def test_promised_and_realised_money_is_one_line_each_over_all_champions():
    book = Book().monitor(1, gain=0.4).monitor(2, gain=0.3)
    book.monitor(9, champion="v2", gain=0.2).monitor(10, champion="v2", gain=0.1)
    made = page([book.tell()], NOW)
    assert made.count('class="of-realised"') == 2, "the line and its name"
    assert "v2 from" in made


def test_the_page_shows_the_newest_and_counts_the_rest():
    book = Book()
    for number in range(2 * (SHOWN + 3)):
        book.monitor(number, *([finding()] if number % 2 else []))
    made = page([book.tell()], NOW)
    assert "3 older ones are in the ledger." in made
    assert f"{day(1):%Y-%m-%d}</th>" not in made


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (None, "not known"),
        (40.3, "40 days"),
        (2.5, "2.5 days"),
        (0.5, "12 hours"),
        (0.01, "14 minutes"),
    ],
)
def test_a_duration_is_written_in_the_unit_that_suits_it(days, words):
    assert duration(days) == words


@pytest.fixture
def ask(project, monkeypatch):
    app = typer.Typer()
    app.command()(report)
    url = f"sqlite:///{project}/.kpi-gate/ledger.db"
    monkeypatch.setenv("KPI_GATE_LEDGER_URL", url)
    ledger = Ledger(url)
    for entry in Book().decide("a", 0).promote("a", 1).monitor(30, gain=0.4).rows:
        ledger.append("toy", entry.kind, entry.subject, entry.body)
    ledger.append("gone", "decision", "g", {"verdict": "HOLD"})
    return lambda *words: CliRunner().invoke(app, words)


def test_the_command_writes_the_page_of_all_use_cases(ask, project):
    answer = ask()
    assert answer.exit_code == 0, answer.output
    assert answer.output.splitlines()[-1] == "Page: .kpi-gate/report.html"
    made = (project / ".kpi-gate/report.html").read_text(encoding="utf-8")
    assert "no use case &#39;gone&#39;" in made, "its past is told although its files are gone"
    only = ask("toy", "--json", "--to", "out/toy.html")
    assert json.loads(only.output)["toy"]["kept"] == 0.8
    assert "gone" not in (project / "out/toy.html").read_text(encoding="utf-8")
    assert "no use case 'toys'; there are: gone, toy" in str(ask("toys").exception)


def test_the_command_makes_no_page_of_a_broken_ledger(ask, project):
    with sqlite3.connect(project / ".kpi-gate/ledger.db") as connection:
        connection.executescript(
            "DROP TRIGGER ledger_no_update; UPDATE ledger SET body = '{}' WHERE number = 2"
        )
    answer = ask()
    assert isinstance(answer.exception, LedgerError)
    assert "row 2" in str(answer.exception)
    assert not (project / ".kpi-gate/report.html").exists()
