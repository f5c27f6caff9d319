"""The record at the door: readable lines, a safe spreadsheet, and every fault named."""

import csv
import io
import json
import sqlite3

import pytest
from typer.testing import CliRunner

from kpi_gate.cli.app import app
from kpi_gate.cli.ledger import COLUMNS
from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Ledger, LedgerError
from kpi_gate.record.ledger_table import LedgerTable

RUNNER = CliRunner()
GAIN = {"estimate": -0.25, "lower": -0.5, "upper": 0.1, "shrunk": -0.125, "unit": "EUR"}
DECISION = {
    "verdict": "PROMOTE",
    "sentence": "PROMOTE: 0.25 EUR a decision",
    "version": "v2",
    "champion": "v1",
    "asked_by": "cron@host",
    "as_of": "2024-03-01T00:00:00+00:00",
    "snapshot": "5d41402abc4b2a76b9719d911017c592",
    "policy_hash": "ab12",
    "code": "c0ffee",
    "environment": "e1",
    "run_id": "r1",
    "prefect_run": "p1",
    "decision": {"gain": GAIN},
}
INTENT = {
    "version": "v2",
    "from": "v1",
    "asked_by": "=cmd|'/c calc'!A1",
    "approved_by": "+jane",
    "approved_seen_at": "2024-03-02T00:00:00+00:00",
    "forced": "-because",
}
ROLLBACK = {"version": "", "from": "v2", "asked_by": "@joe", "reason": " =1+1\n\x1b[31mred"}


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/ledger.db"
    monkeypatch.setenv("KPI_GATE_LEDGER_URL", url)
    monkeypatch.setenv("KPI_GATE_HOME", str(tmp_path))
    made = Ledger(url)
    made.append("ads", "decision", "a1", DECISION)
    made.append("ads", "intent", "a1", INTENT)
    made.append("ads", "done", "a1", INTENT)
    made.append("ads", "rollback_intent", "a1", ROLLBACK)
    made.append("ads", "rollback", "a1", ROLLBACK)
    made.append("fraud", "decision", "f1", {**DECISION, "decision": {"gain": None}})
    return made


def ask(*words):
    answer = RUNNER.invoke(app, ["ledger", *words])
    if isinstance(answer.exception, ConfigurationError):
        return 2, str(answer.exception)  # as `main` ends
    known = (SystemExit, LedgerError)
    assert answer.exception is None or isinstance(answer.exception, known), answer.exception
    return answer.exit_code, answer.output


def test_show_is_a_table_with_the_tick_who_and_why_a_line_a_row(ledger):
    code, out = ask("show")
    head, *lines = out.splitlines()
    assert (code, len(lines)) == (0, 6)
    words = "row written (UTC) use case what tick id why and by whom"
    assert " ".join(head.split()) == words
    assert lines[0].split()[0] == "1"
    assert "ads       decision         2024-03-01  a1  PROMOTE: 0.25 EUR a decision" in lines[0]
    assert lines[0].endswith("[snapshot 5d41402abc4b2a76b9719d911017c592] (by cron@host)")
    assert "intent           2024-03-01  a1  v2 after v1 forced: -because approved by +" in lines[1]
    assert "a1  baseline after v2 because:  =1+1  [31mred (by @joe)" in lines[4]
    assert {line.index("a1" if "ads" in line else "f1") for line in lines} == {head.index("id")}
    shown = ask("show", "fraud")[1].splitlines()
    assert (len(shown), shown[1].split()) == (2, lines[5].split())
    assert [entry["body"] for entry in json.loads(ask("show", "--json")[1])][4] == ROLLBACK


def test_a_table_answers_who_what_when_and_why_and_is_safe_to_open(ledger, tmp_path):
    code, out = ask("export")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, len(rows)) == (0, 6)
    assert tuple(rows[0]) == COLUMNS
    decision, intent, _, _, rollback, other = rows
    first = ledger.entries()[0]
    assert decision["at"] == first.at.isoformat()
    assert (decision["from"], decision["why"]) == ("v1", "PROMOTE: 0.25 EUR a decision")
    assert (decision["gain_estimate"], decision["gain_unit"]) == ("-0.25", "EUR")
    assert (decision["previous_hash"], decision["hash"]) == (first.previous_hash, first.hash)
    assert {decision[name] for name in ("code", "environment", "run_id", "prefect_run")} == {
        "c0ffee",
        "e1",
        "r1",
        "p1",
    }
    assert intent["asked_by"] == "'=cmd|'/c calc'!A1"
    assert (intent["approved_by"], intent["forced"]) == ("'+jane", "'-because")
    assert rollback["asked_by"] == "'@joe"
    assert rollback["why"] == "' =1+1\n\x1b[31mred"
    assert (rollback["from"], other["gain_estimate"]) == ("v2", "")
    assert ask("export", "fraud", "--to", str(tmp_path / "out/fraud.csv"))[0] == 0
    with (tmp_path / "out/fraud.csv").open(encoding="utf-8", newline="") as written:
        assert list(csv.DictReader(written)) == [other]


def test_json_is_whole(ledger, tmp_path):
    whole = json.loads(ask("export", "--format", "json")[1])
    assert [row["body"] for row in whole] == [dict(entry.body) for entry in ledger.entries()]
    assert [row["hash"] for row in whole] == [entry.hash for entry in ledger.entries()]
    code, out = ask("export", "--format", "json", "--to", str(tmp_path / "all.json"))
    assert (code, out) == (0, f"{tmp_path / 'all.json'}: 6 rows\n")
    assert json.loads((tmp_path / "all.json").read_text()) == whole


def test_verify_names_every_fault_and_nothing_else_reads_a_broken_chain(ledger, tmp_path):
    code, out = ask("verify")
    assert code == 0
    last = ledger.entries()[-1].hash[:12]
    assert (
        out.splitlines()[0] == f"The chain is intact: 6 rows, the last is {last}; it is not keyed."
    )
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.executescript(
            "DROP TRIGGER ledger_no_update; DROP TRIGGER ledger_no_delete; "
            "UPDATE ledger SET body = 'x' WHERE number = 2; DELETE FROM ledger WHERE number = 4"
        )
    code, out = ask("verify")
    assert code == 1
    assert out.splitlines() == [
        "row 2 (intent a1) has a body that is no JSON and was changed",
        "row 4 is missing",
        "the append-only triggers are gone",
    ]
    for words in (["show"], ["export"], ["protect", "--reason", "x"]):
        answer = RUNNER.invoke(app, ["ledger", *words])
        assert "row 2 (intent a1)" in str(answer.exception)


def test_a_noted_hash_shows_rows_that_were_cut_off(ledger, tmp_path):
    noted = ledger.entries()[-1].hash[:12]
    code, out = ask("verify", "--noted", noted)
    assert code == 0
    assert "the noted hash is that of row 6, the last one: 12 of its 64 digits were given" in out
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.executescript("DROP TRIGGER ledger_no_delete")
        connection.execute("DELETE FROM ledger WHERE number = 6")
    assert ask("protect", "--reason", "")[0] == 2
    assert ask("protect", "--reason", "to hide it") == (0, "The ledger is append-only again.\n")
    assert ask("verify")[0] == 0, "a person has vouched for it"
    code, out = ask("verify", "--noted", noted)
    assert (code, out) == (
        1,
        f"no row has the hash {noted}: rows were cut off, or all written anew\n",
    )


@pytest.mark.parametrize("noted", ["", " ", "abcdef", "0" * 11, "g" * 12, "0" * 65, " " * 12])
def test_a_noted_hash_that_is_none_is_a_wrong_call(ledger, noted):
    assert ask("verify", "--noted", noted)[0] == 2


def test_a_missing_or_empty_ledger_is_a_failure_and_not_made(ledger, tmp_path):
    for path in tmp_path.glob("ledger*"):
        path.unlink()
    code, out = ask("verify")
    assert (code, "there is no ledger" in out) == (1, True)
    assert not (tmp_path / "ledger.db").exists()
    with LedgerTable(ledger.url).begin():
        pass
    code, out = ask("verify")
    assert (code, "is empty" in out) == (1, True)


def test_verify_says_whether_the_chain_is_keyed(ledger, tmp_path, monkeypatch):
    assert ask("key", "--reason", "x")[0] != 0, "there is no key"
    monkeypatch.setenv("KPI_GATE_LEDGER_KEY", "k" * 32)
    assert ask("verify")[0] == 1
    assert ask("key", "--reason", "")[0] == 2
    assert "keyed from row 7 on" in ask("key", "--reason", "an auditor asked")[1]
    code, out = ask("verify", "--json")
    told = json.loads(out)
    assert (code, told["keyed_from"], told["rows"], told["faults"]) == (0, 7, 7, [])
    assert "it is keyed from row 7 on" in ask("verify")[1]
    monkeypatch.delenv("KPI_GATE_LEDGER_KEY")
    code, out = ask("verify", "--json")
    (fault,) = json.loads(out)["faults"]
    assert (code, "no key is at hand" in fault) == (1, True)


def test_a_row_that_does_not_count_is_a_fault(ledger):
    ledger.append("ads", "done", "f1", {"version": "v9"})
    code, out = ask("verify")
    assert (code, out.startswith("ads: row 7 (done f1) ends no intent")) == (1, True)
