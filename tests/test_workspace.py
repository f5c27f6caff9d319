"""Places come from the environment; telemetry is off; the lock has one holder."""

import os
import subprocess
import sys

import pytest
from sqlalchemy.exc import OperationalError

from kpi_gate.environment import ENVIRONMENT
from kpi_gate.errors import is_transient
from kpi_gate.record.ledger import LedgerError
from kpi_gate.record.lock import BusyError, one_at_a_time
from kpi_gate.workspace import UnreachableError, Workspace, require_prefect


def test_everything_local_is_below_the_home(tmp_path):
    workspace = Workspace(root=tmp_path)
    assert workspace.home == tmp_path / ".kpi-gate"
    assert workspace.mlflow_uri == f"sqlite:///{tmp_path}/.kpi-gate/mlflow.db"
    assert workspace.ledger_url == f"sqlite:///{tmp_path}/.kpi-gate/ledger.db"


def test_the_environment_names_other_places(tmp_path, monkeypatch):
    monkeypatch.setenv("KPI_GATE_HOME", str(tmp_path / "else where"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking:5000")
    assert Workspace().home == tmp_path / "else where"
    assert Workspace().mlflow_uri == "http://tracking:5000"
    monkeypatch.setenv("KPI_GATE_MLFLOW_URI", "http://ours:5000")
    assert Workspace().mlflow_uri == "http://ours:5000"


def test_what_lets_a_flow_run_fail_is_a_verdict_or_severe(monkeypatch):
    assert Workspace().failures() == []
    monkeypatch.setenv("KPI_GATE_FAIL_ON", "INVALID, SEVERE")
    assert Workspace().failures() == ["INVALID", "SEVERE"]
    monkeypatch.setenv("KPI_GATE_FAIL_ON", "INVALID,severe")
    with pytest.raises(ValueError, match="fail_on names 'severe', must be of INVALID, "):
        Workspace()


def test_the_code_has_a_version_with_and_without_git(tmp_path, monkeypatch):
    assert Workspace(root=tmp_path).code_version() == "unknown"
    monkeypatch.setenv("KPI_GATE_GIT_COMMIT", "abc1234")
    assert Workspace(root=tmp_path).code_version() == "abc1234"


def test_telemetry_of_every_tool_is_off():
    off = {"DO_NOT_TRACK": "true", "DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    off |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "ITERATIVE_DO_NOT_TRACK": "1"}
    assert off.items() <= ENVIRONMENT.items()
    assert all(os.environ[name] == value for name, value in off.items())


def test_a_dead_prefect_is_told(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(UnreachableError, match=r"Prefect at http://127\.0\.0\.1:9/api"):
        require_prefect()
    monkeypatch.delenv("PREFECT_API_URL")
    require_prefect()


def test_a_lock_has_one_holder_and_dies_with_it(tmp_path):
    workspace = Workspace(root=tmp_path)
    with one_at_a_time(workspace, "ads"):
        with one_at_a_time(workspace, "fraud"):
            pass
        with (
            pytest.raises(BusyError, match="another retrain of ads"),
            one_at_a_time(workspace, "ads"),
        ):
            pass
    code = (
        "import os, pathlib; from kpi_gate.workspace import Workspace;"
        "from kpi_gate.record.lock import one_at_a_time;"
        f"lock = one_at_a_time(Workspace(root=pathlib.Path({str(tmp_path)!r})), 'ads');"
        "lock.__enter__(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with one_at_a_time(workspace, "ads"):
        pass


def test_only_what_may_pass_by_itself_is_transient():
    locked = OperationalError("select 1", {}, Exception("database is locked"))
    wrapped = LedgerError("ledger: locked")
    wrapped.__cause__ = locked
    assert is_transient(locked)
    assert is_transient(wrapped)
    assert not is_transient(ValueError("a bug"))
    assert not is_transient(LedgerError("chain broken"))
