"""A decision runs again from its data, code and settings, and the record tells any difference."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import forks
import pandas as pd
import pytest
from conftest import CASES, FIRST_TICK, REPOSITORY, make_project
from door import call, run
from starts import newest_decision

from kpi_gate import pipeline
from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Ledger
from kpi_gate.record.mlflow_client import client
from kpi_gate.reproduce import sandbox
from kpi_gate.reproduce.comparison import Finding, Reproduction
from kpi_gate.reproduce.rerun import find, reproduce
from kpi_gate.reproduce.sandbox import ReproductionError
from kpi_gate.run.context import Run
from kpi_gate.run.provenance import PACKAGE, REFIT_MODEL
from kpi_gate.usecase import discovery
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow
TOO_EARLY = datetime(2024, 1, 8, tzinfo=UTC)
BAD_DATA = datetime(2024, 3, 20, tzinfo=UTC)
QUIET = datetime(2024, 4, 1, tzinfo=UTC)
AFTER_DRIFT = datetime(2024, 7, 1, tzinfo=UTC)
VERDICTS = {
    "first": {"PROMOTE"},
    "quiet": {"HOLD", "INSUFFICIENT_EVIDENCE"},
    "dirty": {"REJECT"},
}
MODULE, YAML = f"{CASES}/toy.py", f"{CASES}/toy.yaml"


@pytest.fixture
def forked(monkeypatch):
    """Fork the process of the restored code from this one; it imports nothing then."""
    monkeypatch.setattr(sandbox, "start", forks.unless_restored(sandbox.start))


def play(root, as_of):
    """Run every verb of a retraining, as the flow does; return the ledger's row."""
    sys.modules.pop("toys.usecases.toy", None)
    run = Run(discovery.load("toy"), as_of, Workspace(root=root))
    try:
        pipeline.take_snapshot(run)
        pipeline.fetch_champion(run)
        pipeline.validate(run)
        pipeline.train(run)
        pipeline.compare(run)
        pipeline.decide(run)
        pipeline.refit(run)
    except Refusal as refusal:
        run.refuse(refusal)
    pipeline.record(run)
    pipeline.promote(run)
    return run.entry


def git(root, *words):
    who = ["-c", "user.name=t", "-c", "user.email=t@t"]
    answer = subprocess.run(
        ["git", *who, *words], cwd=root, check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()


def commit(root):
    if not (root / ".git").exists():
        shutil.copy(REPOSITORY / ".gitignore", root)
        git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "x")
    return git(root, "rev-parse", "HEAD")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def contents(root):
    """Hash every file of a project; DVC's own temporary files may come and go."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.is_relative_to(root / ".dvc/tmp") and "__pycache__" not in path.parts
    }


def differing(found):
    return {finding.what for finding in found.different}


@pytest.fixture(scope="module")
def history(tmp_path_factory, migrated):
    """A project under git with four decisions, between which its code and data changed."""
    root = make_project(tmp_path_factory.mktemp("history") / "project")
    (root / ".kpi-gate").mkdir()
    shutil.copy(migrated, root / ".kpi-gate/mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        commit(root)
        entries = {"first": play(root, FIRST_TICK)}
        raw = root / "data/raw/toy/visits.csv"
        good = raw.read_bytes()
        visits = pd.read_csv(raw)
        visits.loc[2000:2019, "taste"] = 400.0
        visits.to_csv(raw, index=False)
        entries["refused"] = play(root, BAD_DATA)
        raw.write_bytes(good)
        entries["quiet"] = play(root, QUIET)
        edit(root / MODULE, 'C=model["c"]', 'C=model["c"] / 50')
        edit(root / YAML, "switch_cost: 100,", "switch_cost: 1000000,")
        entries["dirty"] = play(root, AFTER_DRIFT)
        edit(root / YAML, "switch_cost: 1000000,", "switch_cost: 100,")
        commit(root)
        yield root, entries
    sys.modules.pop("toys.usecases.toy", None)


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("which", ["first", "dirty"])
def test_every_decision_comes_out_the_same_after_the_world_moved_on(history, tmp_path, which):
    root, entries = history
    entry, before = entries[which], contents(root)
    found = reproduce(Workspace(root=root), entry.subject[:8], tmp_path)
    assert found.same, found.sentence()
    assert found.sentence().startswith(f"SAME: decision {entry.subject} of toy")
    assert contents(root) == before, "nothing of the user's was touched"
    compared = {finding.what: finding for finding in found.findings}
    assert compared["verdict"].now == entry.body["verdict"]
    assert found.warnings == ()
    assert entry.body["verdict"] in VERDICTS[which], entry.body["sentence"]
    for what in ("decision_id", "comparison.score_candidate", "files.candidate/model.skops"):
        assert compared[what].same is True
    assert compared["measures.candidate.latency_ms"].same is None
    if which == "first":
        for what in ("refit.promoted", "refit comparison.score_candidate"):
            assert compared[what].same is True
        assert compared[f"files.{REFIT_MODEL}"].same is True
        assert compared["refit.measures.latency_ms"].same is None
    assert any("settings: dvc.yaml, toy.py" in note for note in found.notes) == (which == "dirty")
    assert any("anchor: v" in note for note in found.notes) == (which != "first")


@pytest.mark.usefixtures("forked")
def test_a_refusal_comes_out_the_same_as_json(history):
    root, entries = history
    entry, before = entries["refused"], contents(root)
    code, out, err = call("reproduce", entry.subject, "--json")
    told = json.loads(out)
    assert (code, told["same"], told["warnings"]) == (0, True, []), err
    assert contents(root) == before
    compared = {finding["what"]: finding["now"] for finding in told["findings"]}
    assert (compared["verdict"], entry.body["verdict"]) == ("INVALID", "INVALID")
    assert compared["refusal"] == entry.body["sentence"]


@pytest.mark.usefixtures("forked")
def test_a_recorded_table_that_was_changed_is_told(history, tmp_path):
    root, entries = history
    run = entries["first"].body["run_id"]
    path = next((root / ".kpi-gate/artifacts").rglob(f"{run}/artifacts/evidence/*.parquet"))
    good = path.read_bytes()
    table = pd.read_parquet(path)
    table.loc[7, "value_candidate"] += 1e-9
    table.to_parquet(path)
    try:
        found = reproduce(Workspace(root=root), entries["first"].subject, tmp_path)
    finally:
        path.write_bytes(good)
    assert differing(found) == {
        "files.evidence/comparison.parquet in MLflow",
        "comparison.value_candidate",
    }
    assert found.sentence().startswith("DIFFERENT: ")
    (column,) = [one for one in found.different if one.what.startswith("comparison")]
    assert "1 of " in column.now
    assert "row 7" in column.now


@pytest.mark.usefixtures("forked")
def test_code_that_is_not_what_ran_is_told(project, tmp_path, monkeypatch):
    said = commit(project)
    monkeypatch.setenv("KPI_GATE_GIT_COMMIT", said)
    edit(project / MODULE, 'C=model["c"]', 'C=model["c"] / 50')
    entry = play(project, FIRST_TICK)
    assert entry.body["code"] == said
    found = reproduce(Workspace(root=project), entry.subject, tmp_path)
    assert not found.same
    told = {"sources.toy.py", "files.candidate/model.skops", "comparison.score_candidate"}
    assert told <= differing(found)
    assert "sources.toy.yaml" not in differing(found)


@pytest.mark.usefixtures("forked")
def test_settings_that_are_not_what_decided_are_an_error(project, tmp_path, monkeypatch):
    monkeypatch.setenv("KPI_GATE_GIT_COMMIT", commit(project))
    edit(project / YAML, "min_effect: 0.05", "min_effect: 0.04")
    entry = play(project, FIRST_TICK)
    with pytest.raises(ReproductionError, match=r"toy.yaml as restored has hash"):
        reproduce(Workspace(root=project), entry.subject, tmp_path)


def test_without_git_the_kept_files_are_restored_and_the_rest_is_said(
    project, run_at, tmp_path, first_champion
):
    assert newest_decision(run_at()).body["code"] == "unknown"
    machine = project / "src/kpi_gate"  # which a clone has beside its use cases
    shutil.copytree(PACKAGE, machine)
    edit(project / YAML, "min_effect: 0.05", "min_effect: 0.5")
    edit(project / MODULE, 'C=model["c"]', 'C=model["c"] / 50')
    (project / "requirements.lock").write_text("# other versions\n")
    edit(machine / "learning/windows.py", "Time windows", "The time windows")
    found = reproduce(Workspace(root=project), "1", tmp_path)
    assert found.same, found.sentence()
    assert any("there was no git" in note for note in found.notes)
    assert any("settings: dvc.yaml, toy.py, toy.yaml" in note for note in found.notes)
    environment, machine = found.warnings
    assert "the locked environment was" in environment
    assert "not restored: the machine, which was kpi-gate" in machine


@pytest.mark.usefixtures("forked")
def test_what_is_gone_is_one_clear_sentence(project, run_at, tmp_path, first_champion):
    workspace, entry = Workspace(root=project), newest_decision(run_at())

    def refused(match):
        folder = tmp_path / hashlib.sha256(match.encode()).hexdigest()
        folder.mkdir()
        with pytest.raises(ReproductionError, match=match):
            reproduce(workspace, entry.subject, folder)

    kept = next((workspace.home / "artifacts").rglob("settings/toy.py"))
    good = kept.read_text()
    kept.write_text(f"{good}\nprint('not what ran')\n")
    refused("settings/toy.py of run .* is not the file of decision")
    kept.write_text(good)
    for folder in (project / ".dvc/cache", workspace.home / "dvc-remote"):
        folder.rename(folder.with_suffix(".away"))
    refused("the rows of decision .* are gone: no snapshot")
    for folder in (project / ".dvc/cache", workspace.home / "dvc-remote"):
        folder.with_suffix(".away").rename(folder)
    table = next((workspace.home / "artifacts").rglob("evidence/comparison.parquet"))
    table.unlink()
    refused("evidence of decision .* is gone: .* has no artifact evidence/comparison.parquet")
    with client(workspace) as mlflow_client:
        mlflow_client.delete_run(entry.body["run_id"])
    refused("run .* was deleted in MLflow")


@pytest.mark.usefixtures("forked")
def test_a_commit_or_a_champion_that_is_gone(history, tmp_path):
    root, entries = history
    workspace = Workspace(root=root)
    with client(workspace) as mlflow_client:
        version = mlflow_client.get_model_version("toy", "1")
    folder = next((root / ".kpi-gate/artifacts").rglob(f"models/{version.source[-34:]}"), None)
    folder = folder or next(
        path.parents[1] for path in (root / ".kpi-gate/artifacts").rglob("model.skops")
    )
    away = folder.with_name("away")
    folder.rename(away)
    try:
        with pytest.raises(ReproductionError, match=r"v1, which decision .* was compared with"):
            reproduce(workspace, entries["quiet"].subject, tmp_path / "a")
    finally:
        away.rename(folder)
    hidden = root / ".git"
    hidden.rename(root / ".away")
    try:
        with pytest.raises(ReproductionError, match=r"commit .* is not in git at"):
            reproduce(workspace, entries["quiet"].subject, tmp_path / "b")
    finally:
        (root / ".away").rename(hidden)


@pytest.mark.usefixtures("forked")
def test_a_refusal_of_training(project, tmp_path):
    entry = play(project, TOO_EARLY)
    assert entry.body["verdict"] == "INSUFFICIENT_EVIDENCE"
    found = reproduce(Workspace(root=project), entry.subject, tmp_path)
    assert found.same, found.sentence()
    assert {one.what for one in found.findings} >= {"verdict", "refusal"}


def test_rows_that_were_never_frozen_cannot_be_restored(project, tmp_path):
    entry = play(project, datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ReproductionError, match=r"before its rows were frozen.*0 rows before"):
        reproduce(Workspace(root=project), entry.subject, tmp_path)


def test_a_decision_is_found_by_id_prefix_or_row(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    for kind, subject in [
        ("decision", "abcdef01"),
        ("decision", "abcdef02"),
        ("intent", "abcdef02"),
        ("decision", "123456ff"),
    ]:
        ledger.append("toy", kind, subject, {})
    assert find(ledger, "abcdef01")[0].number == 1
    entry, before = find(ledger, "3")
    assert (entry.number, [row.number for row in before]) == (2, [1]), "a promotion's decision"
    assert find(ledger, "123456")[0].number == 4
    with pytest.raises(ConfigurationError, match="begins 2 decisions: abcdef01, abcdef02"):
        find(ledger, "abcdef")
    for unknown in ("abcde", "99", "ffffffff", ""):
        with pytest.raises(ConfigurationError, match="no decision"):
            find(ledger, unknown)


def test_other_peoples_words_are_no_markup():
    from rich.console import Console

    findings = (
        Finding("slices[0 [/x]].level", "[red]a[/red]", "b\x1b[2J", same=False),
        Finding("measures.candidate.latency_ms", 1.5, 2.5, same=None),
    )
    found = Reproduction("abcdef01", "toy", findings, (), (), Path())
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(found.table())
    printed = console.export_text()
    for words in ("slices[0 [/x]].level", "[red]a[/red]", "not compared"):
        assert words in printed
    assert "\x1b" not in printed
    assert found.sentence().startswith("DIFFERENT: decision abcdef01 of toy, 1 of 1: slices")


def test_the_copied_chain_is_the_chain(history, tmp_path):
    root, entries = history
    ledger = Ledger(Workspace(root=root).ledger_url)
    copy = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    entry, before = find(ledger, entries["dirty"].subject)
    copy.adopt(before)
    assert copy.entries() == before
    assert copy.verify() == []
    assert len(before) == entry.number - 1


def test_at_the_door(history, tmp_path):
    root, entries = history
    entry, kept, before = entries["quiet"], tmp_path / "kept", contents(root)
    assert entry.body["verdict"] in VERDICTS["quiet"], entry.body["sentence"]
    asked = ("reproduce", entry.subject, "--keep", str(kept))
    code, out, err = run(root, *asked, COLUMNS="120")
    assert code == 0, err
    assert contents(root) == before
    assert out.strip().splitlines()[-1].startswith("SAME: decision")
    for words in ("comparison.score_candidate", "anchor: v"):
        assert words in out
    assert "warning: " not in out
    assert (kept / "data/toy/evidence/comparison.parquet").exists()
    for words, reason in (
        (("nope",), "no decision 'nope'"),
        ((entry.subject, "--keep", str(kept)), "must be a new or an empty folder"),
    ):
        code, _, err = call("reproduce", *words)
        assert code == 2
        assert reason in err


FOREST = """from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(20, max_depth=3, random_state=model["seed"])"""
STACK = """from sklearn.ensemble import RandomForestClassifier, StackingClassifier
    from xgboost import XGBClassifier
    boosted = XGBClassifier(n_estimators=20, max_depth=2, n_jobs=1, random_state=model["seed"])
    forest = RandomForestClassifier(20, max_depth=3, random_state=model["seed"])
    return StackingClassifier([("boosted", boosted), ("forest", forest)], cv=2)"""
TRUSTED = 'trusted_types=("xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"),'


def test_trees_and_boosters_are_promoted_watched_and_come_out_the_same(project, tmp_path):
    module, limits = project / MODULE, 'limits=("Nobody shops here.",),'
    edit(module, 'return LogisticRegression(C=model["c"], random_state=model["seed"])', FOREST)
    entries = [play(project, FIRST_TICK)]
    edit(module, FOREST, STACK)
    edit(module, limits, f"{limits} {TRUSTED}")
    entries.append(play(project, AFTER_DRIFT))
    workspace = Workspace(root=project)
    done = [row.body["version"] for row in Ledger(workspace.ledger_url).entries("toy", "done")]
    assert [entry.body["verdict"] for entry in entries] == ["PROMOTE", "PROMOTE"]
    assert done == ["v1", "v2"]
    seen = pipeline.monitor(Run(discovery.load("toy"), AFTER_DRIFT, workspace))
    assert (seen.champion, seen.those("severe")) == ("v2", [])
    found = reproduce(workspace, entries[1].subject, tmp_path)  # holds a forest and a booster
    assert found.same, found.sentence()
    assert not [note for note in found.notes if "other bytes" in note]
