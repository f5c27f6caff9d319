"""What is installed is told, what does not fit, and what has changed since the last decision."""

import pytest
from typer.testing import CliRunner

from kpi_gate import __version__
from kpi_gate.cli import installation
from kpi_gate.cli.app import app
from kpi_gate.record.ledger import open_ledger
from kpi_gate.run.provenance import machine_hash
from kpi_gate.workspace import Workspace

CHANGES = """# Changelog

## [Unreleased]

## [0.3.0] - 2027-01-01

### Changed
- Ties are told apart.

## [0.2.0]

- Days are in UTC.

## [0.1.0]

- The first.
"""


@pytest.fixture
def changes(monkeypatch):
    monkeypatch.setattr(installation.installation, "shipped", lambda name: CHANGES)


def examine():
    return CliRunner().invoke(app, ["doctor"])


def decide_with(**replay):
    open_ledger(Workspace()).append("toy", "decision", "d1", {"verdict": "HOLD", "replay": replay})


def test_what_fits_is_told_in_four_lines(project, changes):
    decide_with(machine=machine_hash(), version=__version__)
    told = examine()
    assert told.exit_code == 0
    assert f"kpi-gate {__version__} (machine {machine_hash()})" in told.stdout
    assert "1 rows, format 1" in told.stdout
    assert len(told.stdout.splitlines()) == 4


def test_what_changed_since_the_last_decision_is_told(project, changes, monkeypatch):
    monkeypatch.setattr(installation, "__version__", "0.3.0")
    decide_with(machine="another", version="0.1.0")
    told = examine().stdout
    assert "The last decision was made by kpi-gate 0.1.0 (machine another)." in told
    assert "Ties are told apart" in told
    assert "Days are in UTC" in told
    assert "Unreleased" not in told
    assert "The first" not in told


def test_what_does_not_fit_is_a_fault(project):
    (project / "src/toys/usecases/shop.py").write_text("import nowhere\n", encoding="utf-8")
    (project / "flows/monitor.py").unlink()
    (project / "requirements.lock").write_text("kpi-gate==0.0.9 \\\n    --hash=sha256:0\n")
    told = examine()
    assert told.exit_code == 1
    for words in (
        "usecases/shop.py:1: cannot be imported: ModuleNotFoundError",
        "flows/monitor.py: there is no such file",
        f"requirements.lock pins kpi-gate 0.0.9, installed is {__version__}: make install",
    ):
        assert words in told.stderr


def test_a_broken_use_case_is_named_and_the_others_are_listed(project):
    (project / "src/toys/usecases/shop.py").write_text("x = 1\n1 / 0\n", encoding="utf-8")
    told = CliRunner().invoke(app, ["list"])
    assert told.exit_code == 2
    assert "toy" in told.stdout
    assert "usecases/shop.py:2: cannot be imported: ZeroDivisionError" in told.stderr


def test_a_broken_use_case_is_left_out_of_the_schedule(project):
    from kpi_gate.orchestration.deployments import plans

    (project / "src/toys/usecases/shop.py").write_text("x = 1\n1 / 0\n", encoding="utf-8")
    told = []
    assert {plan.name for plan in plans(told.append)} == {"toy"}
    assert len(told) == 1
    assert told[0].startswith("shop is left out: src/toys/usecases/shop.py:2:")
