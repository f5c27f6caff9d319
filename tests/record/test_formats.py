"""A later version's ledger and cards are told, with what to do; an earlier one's are read alike."""

import json

import pytest

from kpi_gate.record import ledger as module
from kpi_gate.record import model_files
from kpi_gate.record.ledger import Ledger, LedgerError
from kpi_gate.record.model_files import ModelCard
from kpi_gate.record.registered import ModelError


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    made.append("toy", "decision", "d1", {"verdict": "HOLD"})
    return made


def test_rows_of_an_earlier_format_stay_and_are_read_alike(ledger, monkeypatch):
    before = ledger.entries()
    assert ledger.migrate("me") is None, "it is of this version's format"
    monkeypatch.setattr(module, "FORMAT", 2)
    assert ledger.entries() == before
    with pytest.raises(LedgerError, match="run `kpi-gate ledger migrate`"):
        ledger.append("toy", "decision", "d2", {})
    row = ledger.migrate("me")
    assert (row.kind, row.body["format"]) == ("format", 2)
    ledger.append("toy", "decision", "d2", {})
    assert [entry.hash for entry in ledger.entries()][:1] == [before[0].hash]
    assert ledger.verify() == []
    assert ledger.migrate("me") is None


def test_rows_of_a_later_format_are_not_used_and_can_be_verified(ledger, monkeypatch):
    monkeypatch.setattr(module, "FORMAT", 2)
    monkeypatch.setattr(module, "__version__", "9.1.0")
    ledger.migrate("me")
    monkeypatch.undo()
    for use in (ledger.entries, lambda: ledger.append("toy", "decision", "d2", {})):
        with pytest.raises(LedgerError, match=r"format 2 since kpi-gate 9\.1\.0.*make update"):
            use()
    assert ledger.verify() == []


def test_a_card_of_an_earlier_format_is_read_and_one_of_a_later_is_told(tmp_path, monkeypatch):
    card = ModelCard.model_validate({"contender": {"name": "v1", "digest": "x"}})
    card.write(tmp_path)
    path = tmp_path / model_files.CARD_FILE
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written.pop("format") == 1
    path.write_text(json.dumps(written), encoding="utf-8")
    assert ModelCard.read(tmp_path) == card
    path.write_text(json.dumps({**written, "format": 2, "new": True}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"a card of format 2; kpi-gate .* reads formats up to 1"):
        ModelCard.read(tmp_path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ModelError):
        ModelCard.read(tmp_path)
