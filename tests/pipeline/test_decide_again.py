"""A decision that is made again is made of what stood before it in the ledger."""

import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import evidence, lineage, settings

from kpi_gate.decision.verdict import Verdict
from kpi_gate.pipeline.decide import decide as decide_again
from kpi_gate.record.ledger import Ledger
from kpi_gate.record.ledger_view import LedgerView

MEASURED = evidence(lineage=lineage())
AS_OF = MEASURED.lineage.as_of


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for number in range(8):
        gain = {"estimate": 0.1 + 0.1 * number, "standard_error": 0.08}
        body = {"version": f"v{number}", "champion": "v0", "verdict": "PROMOTE"}
        said = {"decision": {"gain": gain}, "as_of": (AS_OF - timedelta(days=90)).isoformat()}
        made.append("toy", "decision", f"d{number}", {**body, **said})
    return made


def experiment(ledger, number, slope, ended=AS_OF - timedelta(days=30)):
    lift = {"estimate": slope * (0.1 + 0.1 * number), "standard_error": 0.04, "unit": "EUR"}
    body = {"decision": f"d{number}", "end": ended.isoformat(), "randomised": True, **lift}
    ledger.append("toy", "experiment_import", f"of d{number}, {slope}", body)


@pytest.fixture
def decide(ledger, monkeypatch):
    module = sys.modules[decide_again.__module__]  # its package has a verb of the same name
    monkeypatch.setattr(module, "read_evidence", lambda folder: MEASURED)
    asked = SimpleNamespace(settings=SimpleNamespace(gate=lambda: settings(kpi_link="required")))

    def made():
        view = LedgerView(ledger, "toy", AS_OF).catch_up()
        run = SimpleNamespace(work=Path(), history=view, use_case=asked, as_of=AS_OF)
        return decide_again(run)

    return made


def test_the_link_of_the_ledger_decides(ledger, decide):
    assert decide().verdict is Verdict.AB_REQUIRED
    assert "link" not in decide().notes
    for number in range(8):
        experiment(ledger, number, slope=0.8)
    assert decide().verdict is Verdict.PROMOTE


def test_what_came_later_changes_no_decision_of_before(ledger, decide):
    for number in range(8):
        experiment(ledger, number, slope=0.8)
    first = decide()
    body = {"version": "v9", "champion": "v3", "verdict": "PROMOTE", "as_of": AS_OF.isoformat()}
    recorded = {**body, "decision": first.model_dump(mode="json")}
    ledger.append("toy", "decision", first.decision_id, recorded)
    for number in range(8):
        experiment(ledger, number, slope=-0.8, ended=AS_OF - timedelta(days=1))
    assert decide() == first
    assert first.notes["link"]["slope"][0] > 0.5


def test_what_ended_after_the_moment_is_not_known(ledger, decide):
    for number in range(8):
        experiment(ledger, number, slope=0.8, ended=AS_OF + timedelta(days=1))
    assert decide().verdict is Verdict.AB_REQUIRED
