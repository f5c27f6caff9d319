"""A wrong call says what is right, before anything is started, recorded or written."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from conftest import FIRST_TICK
from typer.testing import CliRunner

from kpi_gate.cli.app import app
from kpi_gate.cli.call_checks import require_rows
from kpi_gate.errors import ConfigurationError
from kpi_gate.pipeline import loading
from kpi_gate.usecase.names import names
from kpi_gate.usecase.refusal import Refusal

RUNNER = CliRunner(env={"COLUMNS": "300"})
WRONG = [
    (["retrain", "nope"], "no use case 'nope'; there are: toy"),
    (["snapshot", "toy.toy"], "no use case 'toy.toy'"),
    (["monitor", "_shared"], "no use case '_shared'"),
    (["selftest", ""], "no use case ''"),
    (["backtest", "nope", "--from", "2024-04-01", "--to", "2024-05-01"], "no use case 'nope'"),
    (["retrain", "toy", "--as-of", "2023-06-01"], "its rows are from 2024-01-01 to 2024-08-27"),
    (["snapshot", "toy", "--as-of", "2024-01-01"], "--as-of 2024-01-01T00:00Z: toy has no rows"),
    (["selftest", "toy", "--as-of", "2020-01-01"], "toy has no rows before it; its rows are from"),
    (["retrain", "toy", "--as-of", "2931-01-01"], "must not be in the future"),
    (["monitor", "toy"], "toy has no champion to look at: none was ever promoted"),
    (["monitor", "toy", "--as-of", "2020-01-01"], "toy has no champion to look at"),
    (["monitor", "toy", "--release", "2024-05-01"], "needs a reason, which is recorded: --reason"),
    (["monitor", "toy", "--release", "2024-05-01", "--reason", "x"], "is not in quarantine"),
    (["rollback", "toy"], "a rollback needs a reason"),
    (["rollback", "toy", "--reason", "  "], "a rollback needs a reason"),
    (["reanchor", "toy"], "an anchor needs a reason"),
    (["promote", "toy", "--force"], "--force and --reason go together"),
    (["promote", "toy", "--reason", "x"], "--force and --reason go together"),
    (["ledger", "show", "nope"], "no use case 'nope'; there are: toy"),
    (["ledger", "export", "nope"], "no use case 'nope'; there are: toy"),
    (["ledger", "protect"], "a protection needs a reason"),
    (["snapshot", "toy", "--restore", "abc", "--to", "x"], "a fingerprint has 32 digits"),
    (["snapshot", "toy", "--restore", "a" * 32], "--restore FINGERPRINT and --to FILE go together"),
    (["snapshot", "toy", "--to", "x"], "--restore FINGERPRINT and --to FILE go together"),
    (["snapshot", "toy", "--restore", "a" * 32, "--to", "src"], "--to src: is a folder"),
    (["snapshot", "toy", "--restore", "a" * 32, "--to", "x"], "no snapshot 'aaaaaaaaaaaaaaaaaaaa"),
    (["snapshot", "toy", "--same-tick"], "no tick yet; run `kpi-gate snapshot toy --as-of DATE`"),
    *(
        ([verb, "toy"], "no tick yet")
        for verb in ("validate", "train", "compare", "decide", "refit")
    ),
    (["reproduce", "abcdef01"], "no decision 'abcdef01' in the ledger"),
    (["reproduce", "7", "--keep", "kept"], "no decision '7' in the ledger"),
    (["backtest", "toy", "--from", "2024-05-01", "--to", "2024-05-01"], "must be after --from"),
    (["ui", "--mlflow-port", "0"], "--mlflow-port"),
    (["ui", "--prefect-port", "65536"], "--prefect-port"),
    (["ui", "--prefect-port", "5000"], "both pages ask for port 5000; give two"),
    (["report", "toy", "--to", "src"], "--to src: is a folder, must be a file to write"),
    (["selftest", "toy", "--html", "src"], "--html src: is a folder"),
    (["selftest", "toy", "--html", "dvc.yaml/x.html"], "dvc.yaml is a file, must be a folder"),
]


def called(words):
    """Return the exit code and what was said, as `main` would."""
    answer = RUNNER.invoke(app, words)
    if isinstance(answer.exception, ConfigurationError):
        return 2, str(answer.exception)
    return answer.exit_code, answer.output


def traces(project):
    """Return what a run would leave: ledger, runs, files under DVC, pages."""
    home = project / ".kpi-gate"
    runs = hashlib.sha256((home / "mlflow.db").read_bytes()).hexdigest()
    kept = {path for path in project.rglob("*") if "raw" not in path.parts and path.is_file()}
    return runs, {p for p in kept if not {"tmp", "__pycache__"} & set(p.parts)}


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[" ".join(w) for w, _ in WRONG])
def test_a_wrong_call_is_told_and_leaves_nothing(project, words, told):
    before = traces(project)
    code, said = called(words)
    assert (code, told in said) == (2, True), said
    assert traces(project) == before


@pytest.mark.slow
def test_a_wrong_call_starts_no_tool(project):
    slow = {"retrain", "snapshot", "selftest", "monitor", "reproduce"}  # they need rows or ledger
    calls = [words for words, _ in WRONG if words[0] not in slow or words[1] == "nope"]
    code = (
        "import json, sys; from typer.testing import CliRunner; from kpi_gate.cli.app import app\n"
        f"codes = [CliRunner().invoke(app, words).exit_code for words in {calls!r}]\n"
        "print(json.dumps([codes, sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    codes, modules = json.loads(answer.stdout)
    assert 0 not in codes
    heavy = {"pandas", "sklearn", "mlflow", "prefect", "dvc", "great_expectations", "skops"}
    assert heavy.isdisjoint(modules)


def test_a_moment_after_the_first_row_is_right(run_at):
    require_rows(run_at(FIRST_TICK))
    require_rows(run_at(datetime(2024, 1, 1, 0, 0, 1, tzinfo=UTC)))


def test_what_is_wrong_with_the_rows_is_for_a_run_to_record(run_at, monkeypatch):
    def broken(_):
        raise Refusal("rows_loadable", "it is broken")

    monkeypatch.setattr(loading, "load_rows", broken)
    require_rows(run_at(FIRST_TICK))


def test_rows_that_are_frozen_need_no_loading(run_at, monkeypatch):
    asked = run_at(FIRST_TICK)
    asked.work.mkdir(parents=True)
    rows = pd.DataFrame({"event_time": [FIRST_TICK - timedelta(days=1)]})
    rows.to_parquet(asked.work / "snapshot.parquet")
    monkeypatch.setattr(loading, "load_rows", None)
    require_rows(asked)


def test_a_name_with_an_underscore_is_no_use_case(project):
    for name in ("b", "a", "_shared", "no-name"):
        (project / f"src/toys/usecases/{name}.py").write_text("")
    assert names() == ["a", "b", "toy"]
