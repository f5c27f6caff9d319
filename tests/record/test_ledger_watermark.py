"""What was verified is not verified again, and what changed behind it is not believed."""

import json
import sqlite3

import pytest

from kpi_gate.record import ledger_chain
from kpi_gate.record.ledger import Ledger, LedgerError
from kpi_gate.record.ledger_brief import stated

LONG = {"verdict": "HOLD", "notes": "x" * 2_000, "decision": {"approval": "none"}}


@pytest.fixture
def opened(tmp_path):
    """Open the ledger anew each time, as another process would."""
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for number in range(3):
        made.append("ads", "decision", f"a{number}", {**LONG, "gain": number})
    made.append("ads", "intent", "a2", {"version": "v1"})
    return lambda: Ledger(f"sqlite:///{tmp_path}/ledger.db", home=tmp_path)


def edit(tmp_path, statement, *values):
    """Edit the file, and put the triggers back: nothing but the rows tells."""
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = made.fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)
        for _, made_by in triggers:
            connection.execute(made_by)


def test_only_what_came_since_is_verified(opened, monkeypatch):
    before = opened().entries()
    read = []
    monkeypatch.setattr(ledger_chain, "read_row", lambda row, *_, **__: read.append(row["number"]))
    assert [entry.hash for entry in opened().entries()] == [entry.hash for entry in before]
    assert read == []
    monkeypatch.undo()
    opened().append("ads", "done", "a2", {"version": "v1"})
    monkeypatch.setattr(
        ledger_chain, "read_row", lambda row, *_, **__: (read.append(row["number"]), (None, []))[1]
    )
    opened().entries()
    assert read == [5]


def test_a_remembered_row_says_the_same(opened):
    first, again = opened().entries(), opened().entries()
    assert again == first
    assert dict(again[0].body) == {**LONG, "gain": 0}
    assert stated(again[0].body, "decision.approval") == "none"
    assert [entry.subject for entry in opened().entries("ads", "intent")] == ["a2"]


def test_one_reader_sees_what_others_write_meanwhile(opened):
    reader = opened()
    assert len(reader.entries()) == 4
    opened().append("ads", "done", "a2", {})
    assert [entry.number for entry in reader.entries()] == [1, 2, 3, 4, 5]


def test_a_row_changed_behind_the_mark_is_not_used_and_verify_names_it(opened, tmp_path):
    opened().entries()
    body = json.dumps({**LONG, "gain": 9, "verdict": "PROMOTE"}, sort_keys=True)
    edit(tmp_path, "UPDATE ledger SET body = ? WHERE number = 2", body)
    row = opened().entries()[1]
    assert row.body["verdict"] == "HOLD", "the value that was verified"
    with pytest.raises(LedgerError, match=r"row 2 was changed; .*restore it from a backup"):
        row.body["decision"]
    assert opened().verify() == ["row 2 (decision a1) was changed"]


@pytest.mark.parametrize("number", [4, 1])
def test_rows_that_were_cut_off_are_missed_until_a_person_vouches(opened, tmp_path, number):
    opened().entries()
    edit(tmp_path, "DELETE FROM ledger WHERE number >= ?", number)
    missing = "row 4, verified before with hash .* is missing: rows were cut off"
    with pytest.raises(LedgerError, match=rf"{missing}.*ledger protect --reason"):
        opened().entries()
    assert len(opened().verify()) == 1
    opened().protect("restored from Monday's backup", "jane")
    assert opened().verify() == []
    assert opened().entries()[-1].kind == "protected"


def test_a_ledger_that_is_gone_is_missed(opened, tmp_path):
    opened().entries()
    (tmp_path / "ledger.db").unlink()
    with pytest.raises(LedgerError, match="row 4, verified before"):
        opened().entries()


def test_a_row_taken_out_of_the_middle_is_missed(opened, tmp_path):
    opened().entries()
    edit(tmp_path, "DELETE FROM ledger WHERE number = 2")
    with pytest.raises(LedgerError, match="row 2 is missing"):
        opened().entries()


def test_all_written_anew_is_seen_although_its_chain_is_whole(opened, tmp_path):
    opened().entries()
    (tmp_path / "ledger.db").unlink()
    forged = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for number in range(5):
        forged.append("ads", "decision", f"b{number}", LONG)
    with pytest.raises(LedgerError, match="is another now: rows were cut off, or all written anew"):
        opened().entries()


@pytest.mark.parametrize("spoil", ["mark", "secret", "half", "gone"])
def test_a_mark_that_was_not_signed_here_is_not_believed(opened, tmp_path, spoil):
    opened().entries()
    (mark,) = tmp_path.glob("ledger-verified-*.json")
    secret = tmp_path / "ledger-secret"
    assert secret.stat().st_mode & 0o077 == 0
    if spoil == "mark":
        mark.write_text(mark.read_text().replace("HOLD", "PROMOTE"))
    elif spoil == "half":
        mark.write_bytes(mark.read_bytes()[:300])
    elif spoil == "secret":
        secret.write_text("another")
    else:
        mark.unlink()
    edit(tmp_path, "UPDATE ledger SET body = '{}' WHERE number = 1")
    with pytest.raises(LedgerError, match=r"row 1 .* was changed"):
        opened().entries()
