"""The flow on a real Prefect server: tasks, artifacts, retries, the lock, kills and races."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from conftest import REPOSITORY
from door import call, run, start
from sqlalchemy.exc import OperationalError
from starts import LATER, champion, newest_decision

from kpi_gate.record.ledger import Ledger
from kpi_gate.record.lock import one_at_a_time

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect"), pytest.mark.timeout(400)]
FIRST = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def at_once(monkeypatch):
    """Let what is tried again be tried again at once."""
    from kpi_gate.orchestration import steps

    monkeypatch.setattr(steps, "exponential_backoff", lambda factor: lambda tries: [0.01] * tries)


def logs_of(run_id):
    """Return what a flow run told in its log, once it has been sent."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
    from prefect.logging.handlers import APILogWorker

    APILogWorker.instance().drain_all(timeout=10)
    asked = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        logs = client.read_logs(asked)
    told = [log for log in logs if log.level == logging.INFO]  # also what tasks say
    return [log for log in told if not log.message.startswith(("Beginning", "Finished", "View"))]


def test_a_promotion_with_its_artifacts_and_names(prefect_server, run_at):
    from prefect.client.orchestration import get_client

    from flows.retrain import retrain

    result = retrain("toy", FIRST)
    assert result.decision.verdict == "PROMOTE"
    assert champion(run_at()) == "v1"
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(result.entry.body["prefect_run"])
        artifacts = [a for a in client.read_artifacts() if a.flow_run_id == run.id]
        tasks = client.read_task_runs()
    assert run.name == "toy as of 2024-03-01"
    assert {a.key: a.type for a in artifacts} == {
        "toy-progress": "progress",
        "toy-decision": "markdown",
        "toy-evidence": "table",
    }
    assert next(a.data for a in artifacts if a.type == "progress") == 100.0
    verbs = [
        "recover",
        "take_snapshot",
        "validate",
        "train",
        "compare",
        "refit",
        "record",
        "promote",
    ]
    named = {task.name.partition(": ")[0]: task for task in tasks if task.flow_run_id == run.id}
    assert set(verbs) <= set(named)
    assert all(task.name != verb for verb, task in named.items()), "each has words beside its verb"
    assert (run.state.name, run.state.type.value) == ("PROMOTE", "COMPLETED")
    assert "v1 is champion now" in run.state.message
    assert sorted(run.tags) == ["PROMOTE", "toy"]
    story = [log.message for log in logs_of(run.id)]
    begun = ["rows", "champion", "data", "candidate", "compared", "checks", "verdict", "money"]
    assert [line.partition(":")[0] for line in story] == [*begun, "page", "champion"]
    ours = [task.tags for task in tasks if task.flow_run_id == run.id]
    assert ours == [[]] * len(ours), "for each tag of a task its server is asked"


def test_a_scheduled_run_proves_its_gate_before_it_promotes(prefect_server, run_at):
    from flows.retrain import retrain

    result = retrain("toy", FIRST, scheduled=True)
    assert "v1 is champion now" in result.outcome
    kinds = [entry.kind for entry in run_at().ledger.entries()]
    assert kinds == ["decision", "selftest", "intent", "done"]
    assert run_at().ledger.entries("toy", "selftest")[0].body["passed"]


def test_a_run_with_nothing_new_trains_nothing(prefect_server, run_at, first_champion):
    from flows.retrain import retrain

    again = retrain("toy", FIRST)
    assert again.repeated
    assert again.entry == newest_decision(run_at())


def test_a_verdict_lets_its_flow_run_fail_where_the_place_asks_for_it(
    prefect_server, run_at, first_champion, monkeypatch
):
    """Nothing else is another for it: the decision is recorded, and the caller has it."""
    from prefect.client.orchestration import get_client

    from flows.retrain import retrain
    from kpi_gate.orchestration.ending import FailedOnPurposeError, call_flow

    monkeypatch.setenv("KPI_GATE_FAIL_ON", "INSUFFICIENT_EVIDENCE, HOLD")
    steps = []
    result = call_flow(retrain, "toy", LATER, steps.append)
    assert result.entry == newest_decision(run_at())
    assert steps[-1] == "promote: put it in use, if it may be"
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(result.entry.body["prefect_run"]).state
    assert (state.name, state.type.value) == (result.decision.verdict, "FAILED")
    assert state.name in ("INSUFFICIENT_EVIDENCE", "HOLD")
    with pytest.raises(FailedOnPurposeError, match=f"{state.name}: nothing new"):
        retrain("toy", LATER)


def test_what_may_pass_by_itself_is_tried_again_and_what_may_not_is_not(
    prefect_server, run_at, first_champion, monkeypatch, at_once
):
    import flows.retrain as module

    calls = []

    def flaky(error):
        def recover(run):
            calls.append(run.name)
            if len(calls) < 2:
                raise error

        return module.step(recover, minutes=1)

    locked = OperationalError("select 1", {}, Exception("database is locked"))
    monkeypatch.setattr(module, "recover", flaky(locked))
    assert module.retrain("toy", FIRST).decision.verdict == "PROMOTE"
    assert len(calls) == 2
    calls.clear()
    monkeypatch.setattr(module, "recover", flaky(ValueError("a bug")))
    with pytest.raises(ValueError, match="a bug"):
        module.retrain("toy", LATER)
    assert len(calls) == 1


def test_the_second_of_two_retrains_is_told_and_does_nothing(prefect_server, project, run_at):
    with one_at_a_time(run_at().workspace, "toy"):
        code, _, err = call(
            "retrain", "toy", "--as-of", "2024-03-01", PREFECT_API_URL=prefect_server
        )
    assert code == 1
    assert "another retrain of toy is running" in err
    assert "Traceback" not in err
    assert run_at().ledger.entries() == []


def test_two_retrains_at_once_leave_one_promotion(prefect_server, project, run_at, second_evidence):
    asked = ("retrain", "toy", "--as-of", "2024-07-01")
    both = [start(project, *asked, PREFECT_API_URL=prefect_server) for _ in range(2)]
    ends = [(process.communicate(timeout=200), process.returncode) for process in both]
    codes = sorted(code for _, code in ends)
    assert codes in ([0, 0], [0, 1]), ends
    assert champion(run_at()) == "v2"
    kinds = [entry.kind for entry in run_at().ledger.entries()]
    assert kinds == ["decision", "intent", "done"] * 2


def test_a_flow_that_was_killed_twice_is_followed_by_one_that_completes(
    prefect_server, project, run_at, first_champion
):
    """Killed as soon as it writes a file: the first of a run, and the last before its decision."""
    asked, server = ("retrain", "toy", "--as-of", "2024-07-01"), {"PREFECT_API_URL": prefect_server}
    for file in ("tick.yaml", "evidence/comparison.parquet"):
        written = project / "data/toy" / file
        before = written.stat().st_mtime_ns
        process = start(project, *asked, **server)
        while process.poll() is None:
            if written.exists() and written.stat().st_mtime_ns != before:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.02)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert run_at().ledger.verify() == []
        assert champion(run_at()) == "v1"
    code, out, err = call(*asked, **server)
    assert code == 0, out + err
    assert champion(run_at()) == "v2"
    kinds = [entry.kind for entry in Ledger(run_at().workspace.ledger_url).entries()]
    assert kinds == ["decision", "intent", "done"] * 2
    assert run_at().ledger.verify() == []


def test_exit_codes_and_json_at_the_door(prefect_server, project, second_evidence):
    import json

    server = {"PREFECT_API_URL": prefect_server}
    code, out, _ = call("retrain", "toy", "--as-of", "2024-07-01", "--json", **server)
    answer = json.loads(out)
    assert (code, answer["verdict"], answer["repeated"]) == (0, "PROMOTE", False)
    keys = {
        "estimate",
        "standard_error",
        "lower",
        "threshold",
        "p_above_threshold",
        "shrunk",
        "unit",
    }
    assert keys <= set(answer["gain"])
    assert {"name", "passed", "value", "bound", "reason"} <= set(answer["checks"][0])
    code, out, err = call("retrain", "toy", "--as-of", "2020-01-01", "--json", **server)
    assert (code, out) == (2, "")
    assert "2024-01-01" in err, "the range is said"


def test_an_unreachable_mlflow_is_one_line_and_nothing_moves(
    prefect_server, project, run_at, monkeypatch, at_once
):
    import flows.retrain as module

    monkeypatch.setattr(module, "recover", module.step(module.pipeline.recover, minutes=1))
    code, _, err = call(
        "retrain",
        "toy",
        "--as-of",
        "2024-03-01",
        PREFECT_API_URL=prefect_server,
        KPI_GATE_MLFLOW_URI="http://127.0.0.1:9",
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )
    assert code == 1
    assert err.startswith("kpi-gate: MLflow at http://127.0.0.1:9")
    assert len(err.strip().splitlines()) == 1
    assert run_at().ledger.entries() == []


def test_an_unreachable_prefect_is_one_line_and_nothing_moves(project, run_at):
    nowhere = "http://127.0.0.1:9/api"
    code, _, err = run(project, "retrain", "toy", "--as-of", "2024-03-01", PREFECT_API_URL=nowhere)
    assert code == 1
    assert err.startswith("kpi-gate: Prefect at http://127.0.0.1:9/api")
    assert len(err.strip().splitlines()) == 1
    assert run_at().ledger.entries() == []


@pytest.mark.skipif(not find_spec("kpi_gate.cli.demo"), reason="the demo went with its use case")
def test_the_demo_plays_its_four_moments_from_an_empty_folder(prefect_server, tmp_path):
    for part in ("src", "flows", ".dvc"):
        waste = shutil.ignore_patterns("cache", "tmp", "config.local")
        shutil.copytree(REPOSITORY / part, tmp_path / part, ignore=waste)
    for file in ("pyproject.toml", "dvc.yaml", ".dvcignore", "requirements.lock"):
        shutil.copy(REPOSITORY / file, tmp_path)
    (tmp_path / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    path = {"PYTHONPATH": f"{tmp_path}/src:{tmp_path}", "PREFECT_API_URL": prefect_server}
    played = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "kpi_gate.cli.demo"],
        cwd=tmp_path,
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stderr[-3_000:]
    verdicts = [line.split()[2] for line in played.stdout.splitlines()[:4]]
    assert verdicts == ["PROMOTE", "INSUFFICIENT_EVIDENCE", "INVALID", "PROMOTE"]
    ledger = Ledger(f"sqlite:///{tmp_path}/.kpi-gate/ledger.db")
    assert len({entry.use_case for entry in ledger.entries()}) == 1
    assert ledger.verify() == []
    assert [entry.kind for entry in ledger.entries()].count("done") == 2


def test_an_artifact_of_any_use_case_has_a_key_that_prefect_takes():
    from kpi_gate.orchestration import artifacts

    assert artifacts._key(SimpleNamespace(name="next_visit"), "decision") == "next-visit-decision"
