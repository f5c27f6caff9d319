"""A keyed chain: who has no key can neither write a row nor show that nothing was changed."""

import sqlite3

import pytest

from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Ledger, LedgerError
from kpi_gate.record.ledger_key import find_key

KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
def opened(tmp_path):
    return lambda key=None, home=None: Ledger(f"sqlite:///{tmp_path}/ledger.db", key, home)


def test_a_ledger_begun_with_a_key_is_keyed_from_its_first_row(opened):
    opened(KEY).append("ads", "decision", "a1", {})
    assert [entry.kind for entry in opened(KEY).entries()] == ["keyed", "decision"]
    walk = opened(KEY).walk()
    assert (walk.faults, walk.keyed_from) == ([], 1)


def test_an_existing_ledger_is_keyed_from_a_recorded_row_on(opened, tmp_path):
    opened().append("ads", "decision", "a1", {})
    with pytest.raises(LedgerError, match=r"no row is keyed.*kpi-gate ledger key --reason"):
        opened(KEY).entries()
    with pytest.raises(LedgerError, match="no row is keyed"):
        opened(KEY).append("ads", "decision", "a2", {})
    row = opened(KEY).begin_keying("an auditor asked", "jane")
    assert (row.number, row.body["reason"], row.body["asked_by"]) == (2, "an auditor asked", "jane")
    assert KEY.decode() not in (tmp_path / "ledger.db").read_bytes().decode(errors="replace")
    opened(KEY).append("ads", "decision", "a2", {})
    walk = opened(KEY, tmp_path).walk()
    assert (walk.faults, walk.keyed_from, len(walk.entries)) == ([], 2, 3)
    assert [entry.subject for entry in opened(KEY, tmp_path).entries("ads")] == ["a1", "a2"]
    with pytest.raises(LedgerError, match="keyed from row 2 on"):
        opened(KEY).begin_keying("again", "jane")


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (None, "keyed, and no key is at hand: set KPI_GATE_LEDGER_KEY"),
        (OTHER, "key at hand is not"),
    ],
)
def test_without_the_key_nothing_is_believed_and_nothing_written(opened, tmp_path, key, fault):
    opened(KEY).append("ads", "decision", "a1", {})
    opened(KEY, tmp_path).entries()
    for home in (None, tmp_path):
        with pytest.raises(LedgerError, match=fault):
            opened(key, home).entries()
    assert len(opened(key).verify()) == 1
    with pytest.raises(LedgerError, match=r"keyed|another key"):
        opened(key).append("ads", "decision", "a2", {})
    with pytest.raises(LedgerError):
        opened(None).begin_keying("x", "y")


def unkeyed_after(tmp_path):
    """Append a row without the key, as somebody with an SQLite shell would."""
    from kpi_gate.record.ledger_chain import chained

    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        (number, previous) = connection.execute(
            "SELECT number, hash FROM ledger ORDER BY number DESC LIMIT 1"
        ).fetchone()
        row = chained("2024-01-01T00:00:00+00:00", "ads", "done", "a1", "{}", previous, key=None)
        connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (number + 1, *row.values())
        )


@pytest.mark.parametrize("remembered", [True, False])
def test_an_unkeyed_row_after_keyed_ones_is_a_fault(opened, tmp_path, remembered):
    opened(KEY).append("ads", "decision", "a1", {})
    home = tmp_path if remembered else None
    opened(KEY, home).entries()
    unkeyed_after(tmp_path)
    with pytest.raises(LedgerError, match=r"row 3 .* is not keyed, although rows before it are"):
        opened(KEY, home).entries()


def test_a_ledger_written_anew_without_the_key_is_not_believed(opened, tmp_path):
    opened(KEY).append("ads", "decision", "a1", {})
    (tmp_path / "ledger.db").unlink()
    opened().append("ads", "decision", "a1", {})
    with pytest.raises(LedgerError, match="written anew without the key"):
        opened(KEY).entries()


def test_the_key_comes_from_the_environment_or_a_file_of_its_owner(tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{'k' * 32}\n")
    path.chmod(0o600)
    assert find_key("k" * 32, None) == find_key("", path) == KEY
    assert find_key("", None) is None
    with pytest.raises(ConfigurationError, match="name one"):
        find_key("k" * 32, path)
    with pytest.raises(ConfigurationError, match="15 characters, must be at least 16"):
        find_key("k" * 15, None)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="mode 640, must be readable by its owner only"):
        find_key("", path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_key("", tmp_path / "none")
