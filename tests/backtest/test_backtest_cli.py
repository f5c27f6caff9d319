"""`kpi-gate backtest` at the door: wrong calls are one line; a program reads JSON."""

import json

import pytest
from histories import toy_found
from typer.testing import CliRunner

from kpi_gate.backtest.policies import POLICIES
from kpi_gate.cli.app import app
from kpi_gate.errors import ConfigurationError
from kpi_gate.workspace import Workspace

RUNNER = CliRunner()
CALL = ["backtest", "toy", "--from", "2024-04-15", "--to", "2024-04-30"]
POLICY = {"net", "over_never", "gross", "switching", "promotions", "false_promotions"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "x"], "--set 'x', must be KEY=VALUE"),
        (["--set", "=1"], "must be KEY=VALUE"),
        (["--set", "x=[1"], "cannot be read as YAML"),
        (["--set", "a=1", "--set", "a=2"], "--set a is given twice"),
        (["--sweep", "x"], "--sweep 'x', must be KEY=V1,V2"),
        (["--sweep", "x="], "must be KEY=V1,V2"),
        (["--sweep", "x=[1"], "cannot be read as YAML"),
        (["--sweep", "a=1", "--sweep", "a=2"], "--sweep a is given twice"),
        (["--workers", "0"], "--workers"),
        (["--from", "soon"], "is no date"),
    ],
)
def test_a_malformed_call_says_what_to_write(words, told, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    with toy_found():
        answer = RUNNER.invoke(app, [*CALL, *words])
    assert answer.exit_code == 2
    assert told in answer.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "window.tune=3"], "window.tune: there is no such key"),
        (["--sweep", "value.cost_usd=3,4"], "the KPI is another one"),
        (["--to", "2024-04-01"], "must be after --from"),
    ],
)
def test_a_wrong_setting_or_stretch_is_refused(words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with toy_found(), pytest.raises(ConfigurationError, match=told):
        RUNNER.invoke(app, [*CALL, *words], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_json_for_a_program_a_page_for_people_and_one_run_in_mlflow(project):
    from kpi_gate.record.mlflow_client import client

    call = [*CALL, "--workers", "1", "--html", "out/page.html"]
    what_if = ["--sweep", "objective.confidence=0.9", "--json"]
    answer = RUNNER.invoke(app, [*call, *what_if], catch_exceptions=False)
    told = json.loads(answer.stdout)
    assert list(told["policies"]) == list(POLICIES)
    for policy in told["policies"].values():
        assert policy.keys() >= POLICY
        net = policy["net"]
        assert net["lower"] <= net["estimate"] <= net["upper"]
        assert net["estimate"] == pytest.approx(policy["gross"] - policy["switching"])
    assert [trial["words"] for trial in told["what_if"]["trials"]] == [
        "as it is",
        "objective.confidence 0.9",
    ]
    assert "What if" in (project / "out/page.html").read_text(encoding="utf-8")
    again = RUNNER.invoke(app, call, catch_exceptions=False)
    assert "Page: .kpi-gate/backtest/toy/" in again.stdout
    assert "Net of switching the gate earned" in again.stdout
    assert "What if" not in (project / "out/page.html").read_text(encoding="utf-8")
    with client(Workspace(root=project)) as mlflow_client:
        where = mlflow_client.get_experiment_by_name("toy").experiment_id
        (run,) = mlflow_client.search_runs([where])
        files = {found.path for found in mlflow_client.list_artifacts(run.info.run_id, "backtest")}
    assert run.data.tags["kind"] == "backtest"
    assert run.info.run_name == "backtest 2024-04-15 to 2024-04-30"
    assert run.data.metrics["backtest.gate.net"] == told["policies"]["gate"]["net"]["estimate"]
    assert {"backtest/backtest.html", "backtest/backtest.json"} <= files
