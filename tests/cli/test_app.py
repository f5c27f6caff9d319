"""The door: wrong calls and wrong settings are one clear line, and nothing is done."""

import io
import json
import re
import subprocess
import sys

import pytest
from conftest import TOY
from door import call, run
from typer.testing import CliRunner

from kpi_gate import __version__
from kpi_gate.cli.app import VERBS, app
from kpi_gate.cli.ledger import ledger_app
from kpi_gate.cli.options import working
from kpi_gate.usecase import discovery

RUNNER = CliRunner()


def one_line(err, *parts):
    """Say whether the message is one line that names all the parts."""
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("kpi-gate: ")
    for part in parts:
        assert part in err


COMMANDS = {
    "": app.registered_commands,
    "ledger ": ledger_app.registered_commands,
}
VERB_NAMES = [f"{group}{found.name}" for group, verbs in COMMANDS.items() for found in verbs]


def test_help_is_in_groups_and_names_every_verb():
    words = RUNNER.invoke(app, ["--help"]).output
    groups = [line.strip("╭─ ╮") for line in words.splitlines() if line.startswith("╭")]
    assert groups[1:] == [*VERBS]
    for verb in VERB_NAMES:
        assert f" {verb.split()[0]} " in words


@pytest.mark.parametrize("verb", VERB_NAMES)
def test_the_help_of_every_verb_has_examples_of_it(verb):
    """Each takes the options that the verb has."""
    words = RUNNER.invoke(app, [*verb.split(), "--help"], env={"COLUMNS": "200"}).output
    told, _, examples = words.partition(" Examples:")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert any(f"kpi-gate {verb}" in line for line in lines)
    for line in lines:
        for option in re.findall(r"(?<= )--[a-z-]+", line):
            assert f" {option} " in told, line


def test_the_version_is_told_without_a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("--version") == (0, f"kpi-gate {__version__}\n", "")
    assert call("--help")[0] == 0
    assert not any(tmp_path.iterdir())


def test_the_door_imports_nothing_heavy():
    code = "import sys, kpi_gate.cli.app; print(sorted({m.split('.')[0] for m in sys.modules}))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {
        "pydantic",
        "yaml",
        "rich",
        "pandas",
        "numpy",
        "sklearn",
        "mlflow",
        "prefect",
        "dvc",
        "great_expectations",
    }
    assert heavy.isdisjoint(json.loads(answer.stdout.replace("'", '"')))


def test_list_prints_json_for_a_program(monkeypatch):
    monkeypatch.chdir(TOY)
    (toy,) = json.loads(RUNNER.invoke(app, ["list", "--json"]).output)
    assert (toy["name"], toy["kpi"], toy["unit"]) == ("toy", "offer_margin", "USD")


@pytest.mark.parametrize("date", ["yesterday", "2009-13-01", ""])
def test_a_malformed_date_is_a_wrong_call(date):
    answer = RUNNER.invoke(app, ["retrain", "toy", "--as-of", date])
    assert answer.exit_code == 2
    assert "is no date; write 2009-07-01" in answer.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["retrain", "nope"], ["no use case 'nope'", "there are: toy"]),
    ],
)
def test_wrong_calls(project, words, parts):
    code, _, err = run(project, *words)
    assert code == 2
    one_line(err, *parts)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("min_effect: 0.05", "min_efect: 0.05", ["objective.min_efect", "there is no such key"]),
        ("measure: action_rate", "measure: action_rat", ["'action_rat'", "must be one of"]),
        ("unit: USD", "unit: USD, unit: EUR", ["'unit' is given twice"]),
        ("guardrails:\n", "guardrails: []\nunguarded:\n", ["unguarded"]),
        ("objective: {", "objective: [", ["cannot be read as YAML"]),
    ],
)
def test_wrong_settings(project, old, new, parts):
    path = project / "src/toys/usecases/toy.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    code, _, err = call("retrain", "toy", "--as-of", "2024-03-01")
    assert code == 2, err
    one_line(err, "toy.yaml" if "must be one of" not in parts else "toy", *parts)
    assert not (project / "data").exists()


@pytest.mark.slow
def test_the_stages_one_by_one_as_dvc_calls_them(project):
    code, out, err = call("snapshot", "toy", "--as-of", "2024-03-01", "--json")
    assert code == 0, err
    frozen = json.loads(out)
    assert frozen["champion"] == "baseline"
    for verb in ("validate", "train", "compare"):
        code, out, err = call(verb, "toy")
        assert code == 0, err
    code, out, _ = call("compare", "toy")
    assert "(nothing changed)" in out
    code, out, _ = call("decide", "toy", "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "PROMOTE")
    target = project / "back.parquet"
    code, out, _ = call("snapshot", "toy", "--restore", frozen["fingerprint"], "--to", str(target))
    assert code == 0
    assert target.exists()


@pytest.mark.slow
def test_a_stage_without_a_tick_says_what_to_do(project):
    code, _, err = run(project, "train", "toy")
    assert code == 2
    one_line(err, "no tick yet", "kpi-gate snapshot toy --as-of DATE")


def test_a_refusal_of_one_stage_has_its_verdicts_exit_code(project):
    raw = project / "data/raw/toy"
    discovery.load("toy").fetch(raw)
    visits = raw / "visits.csv"
    visits.write_text(visits.read_text().replace("bought", "sold", 1))
    answer = RUNNER.invoke(app, ["snapshot", "toy", "--as-of", "2024-03-02"])
    assert answer.exit_code == 14, answer.output
    assert answer.output.startswith("INVALID")


@pytest.mark.slow
def test_rollback_and_promote_without_a_decision(project):
    code, _, err = call("rollback", "toy", "--reason", "x")
    assert code == 1
    one_line(err, "toy has no promotion to roll back")
    code, _, err = call("promote", "toy")
    assert code == 1
    one_line(err, "toy has no decision yet")


def test_force_needs_a_reason():
    answer = RUNNER.invoke(app, ["promote", discovery.names()[0], "--force"])
    assert answer.exit_code == 2
    assert "--force and --reason go together" in answer.output


@pytest.mark.slow
def test_a_fault_is_one_line_and_a_traceback_only_on_request(project):
    url = "nonsense://x"
    code, _, err = run(project, "ledger", "show", KPI_GATE_LEDGER_URL=url)
    assert code == 1
    assert len(err.strip().splitlines()) == 1
    code, _, err = run(project, "ledger", "show", KPI_GATE_LEDGER_URL=url, KPI_GATE_TRACEBACK="1")
    assert "Traceback" in err


@pytest.mark.slow
def test_ui_refuses_a_port_that_is_taken(project):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = run(project, "ui", "--mlflow-port", port)
    assert code == 1
    one_line(err, f"port {port} for MLflow is taken", "--mlflow-port")


def test_schedule_needs_a_server(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    answer = RUNNER.invoke(app, ["schedule"])
    assert "needs a Prefect server" in str(answer.exception)


def test_a_single_stage_waits_for_no_retrain(project):
    from kpi_gate.record.lock import one_at_a_time
    from kpi_gate.workspace import Workspace

    with one_at_a_time(Workspace(root=project), "toy"):
        code, _, err = call("snapshot", "toy", "--as-of", "2024-03-01")
    assert code == 1
    one_line(err, "another retrain of toy is running")
    assert not (project / "data/toy").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["nope"], ["No such command 'nope'", "see `kpi-gate --help`"]),
        (
            ["retrain"],
            ["Missing argument 'USE_CASE'", "there are: toy", "`kpi-gate retrain --help`"],
        ),
        (["open", "toy", "again"], ["extra argument", "(again)", "see `kpi-gate open --help`"]),
        (["status", "--jsn"], ["No such option: --jsn", "see `kpi-gate status --help`"]),
        (["judge"], ["Missing option '--objective'", "see `kpi-gate judge --help`"]),
        (["ledger", "export", "--format", "xml"], ["'xml' is not one of 'csv', 'json'"]),
        (["ui", "--mlflow-port", "x"], ["'--mlflow-port'", "valid integer", "(given: 'x')"]),
        (["backtest", "toy", "--from", "x"], ["'--from'", "'x' is no date; write 2009-07-01"]),
        (["monitor", "toy", "--release", "x"], ["'--release'", "'x' is no day; write 2009-07-01"]),
        (
            ["backtest", "toy", "--from", "2020-01-01", "--to", "2020-03-01"],
            ["--from 2020-01-01", "its rows are from 2024-01-01 to 2024-08-27"],
        ),
        (
            [
                *("backtest", "toy", "--from", "2024-03-01", "--to", "2024-05-01"),
                *("--sweep", "model.seed=-1"),
            ],
            ["seed == -1, must be a whole number >= 0"],
        ),
        (["ledger", "export", "--to", "src"], ["--to src: is a folder, must be a file to write"]),
        (["show"], ["Missing argument 'DECISION'", "see `kpi-gate show --help`"]),
    ],
    ids=lambda words: words[0],
)
def test_a_wrong_call_is_one_line_that_says_what_is_allowed(project, words, parts):
    code, _, err = call(*words)
    assert code == 2, err
    one_line(err, *parts)


@pytest.mark.parametrize(
    ("name", "value", "parts"),
    [
        ("KPI_GATE_MIN_FREE_MB", "x", ["KPI_GATE_MIN_FREE_MB == 'x'", "valid integer"]),
        ("KPI_GATE_FAIL_ON", "severe", ["KPI_GATE_FAIL_ON == 'severe'", "must be of INVALID, "]),
        ("KPI_GATE_NOTIFY_BLOCKS", "team", ["KPI_GATE_NOTIFY_BLOCKS", "KIND/NAME"]),
    ],
)
def test_what_the_environment_says_wrong_is_named(project, name, value, parts):
    code, _, err = call("status", **{name: value})
    assert code == 2
    one_line(err, "environment ", *parts)


def test_what_takes_long_is_told_on_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for terminal in (True, False):
        screen = io.StringIO()
        monkeypatch.setattr(screen, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(sys, "stderr", screen)
        with working("toy: retrain") as tell:
            tell("train: fit the candidate")
        assert ("toy: retrain" in screen.getvalue()) == terminal
