"""The verbs on the toy, with real DVC, Great Expectations and MLflow."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from starts import AFTER_DRIFT, LATER, champion, newest_decision, play

from kpi_gate import pipeline
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record import dvc_stages
from kpi_gate.record.model_files import MODEL_FILE
from kpi_gate.record.registered import ANCHOR

pytestmark = pytest.mark.slow
PROMOTED = ["decision", "intent", "done"]


def test_a_first_champion(run_at, first_champion):
    entry = newest_decision(run_at())
    assert entry.body["verdict"] == "PROMOTE", entry.body["sentence"]
    assert champion(run_at()) == "v1"
    assert run_at().registry.version_of(ANCHOR) == "v1"


def test_a_quiet_tick_promotes_nothing(run_at, quiet_tick):
    entry = newest_decision(run_at())
    assert entry.body["verdict"] != "PROMOTE"
    assert champion(run_at()) == "v1"
    assert [entry.kind for entry in run_at().ledger.entries()] == [*PROMOTED, "decision"]


def test_a_promotion_after_the_drift(run_at, second_champion):
    entry = newest_decision(run_at())
    assert entry.body["verdict"] == "PROMOTE", entry.body["sentence"]
    assert champion(run_at()) == entry.body["version"] == "v2"
    assert run_at().registry.version_of(ANCHOR) == "v1"
    assert entry.body["decision"]["gain"]["lower"] > 0.05
    assert [entry.kind for entry in run_at().ledger.entries()] == PROMOTED * 2
    assert run_at().ledger.verify() == []


def test_nothing_new_means_no_training_and_the_same_answer(run_at, first_champion):
    again, outcome, trained = play(run_at())
    assert again == newest_decision(run_at())
    assert not trained
    assert "promoted by this decision before" in outcome.words
    assert [found.kind for found in run_at().ledger.entries()] == PROMOTED


def test_dvc_repro_after_a_run_says_that_nothing_changed(run_at, project, first_champion):
    command = [sys.executable, "-m", "dvc", "repro"]
    answer = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert "Data and pipelines are up to date." in answer.stdout
    assert "Running stage" not in answer.stdout


def test_the_same_data_settings_and_code_give_the_same_model_to_the_byte(
    run_at, project, first_champion
):
    model = project / "data/toy/candidate" / MODEL_FILE
    before, card = model.read_bytes(), (model.parent / "card.json").read_text()
    dvc_stages.clear(model.parent)
    assert pipeline.train(run_at())
    assert model.read_bytes() == before
    assert (model.parent / "card.json").read_text() == card


def test_a_snapshot_has_one_fingerprint_which_restores_it(run_at, tmp_path):
    first, second = pipeline.take_snapshot(run_at()), pipeline.take_snapshot(run_at())
    assert first.fingerprint == second.fingerprint
    rows = run_at().snapshot.frozen
    other = pipeline.take_snapshot(run_at(LATER))
    assert other.fingerprint != first.fingerprint
    run_at().stages.restore(first.fingerprint, tmp_path / "back.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "back.parquet"), rows)
    with pytest.raises(dvc_stages.SnapshotError, match="no snapshot"):
        run_at().stages.restore("0" * 32, tmp_path / "none.parquet")


def test_a_snapshot_comes_back_from_the_remote_when_the_cache_is_lost(run_at, project, tmp_path):
    found = pipeline.take_snapshot(run_at())
    dvc_stages.clear(project / ".dvc/cache")
    run_at().stages.restore(found.fingerprint, tmp_path / "back.parquet")
    assert len(pd.read_parquet(tmp_path / "back.parquet")) == len(found.frozen)


def test_a_snapshot_holds_nothing_of_the_future(run_at):
    pipeline.take_snapshot(run_at())
    rows = run_at().snapshot.frozen
    assert (rows["event_time"] < run_at().as_of).all()
    assert not (rows["label_time"] >= run_at().as_of).any()
    fresh = rows["event_time"] >= run_at().as_of - timedelta(days=2)
    assert rows.loc[fresh, "outcome"].isna().all()
    assert rows.loc[~fresh, "outcome"].notna().all()


def test_bad_data_is_an_invalid_decision_with_quarantine_and_the_champion_stays(
    run_at, project, first_champion
):
    raw = project / "data/raw/toy/visits.csv"
    visits = pd.read_csv(raw)
    visits.loc[2000:2019, "taste"] = 400.0
    visits.to_csv(raw, index=False)
    entry, outcome, trained = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert "taste" in entry.body["sentence"]
    assert not outcome.moved
    assert not trained
    assert champion(run_at()) == "v1"
    kept = list((project / ".kpi-gate/quarantine/toy").glob("*.parquet"))
    assert len(kept) == 1
    bad = pd.read_parquet(kept[0])
    assert list(bad["unit"]) == [f"v{number}" for number in range(2000, 2020)]
    assert bad["reason"].str.contains("taste").all()
    again, _, _ = play(run_at(LATER))
    assert again == entry, "the same refusal is recorded once"


def test_rows_that_cannot_be_loaded_are_an_invalid_decision(run_at, project, first_champion):
    (project / "data/raw/toy/visits.csv").write_text("no,columns\n1,2\n")
    entry, _, _ = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert "cannot be loaded" in entry.body["sentence"]


def test_no_rows_before_the_data_begins(run_at):
    entry, _, _ = play(run_at(datetime(2020, 1, 1, tzinfo=UTC)))
    assert entry.body["verdict"] == "INVALID"
    assert "0 rows before 2020-01-01" in entry.body["sentence"]


def test_too_little_history_is_insufficient_evidence(run_at):
    entry, _, _ = play(run_at(datetime(2024, 1, 8, tzinfo=UTC)))
    assert entry.body["verdict"] == "INSUFFICIENT_EVIDENCE"


@pytest.mark.parametrize("content", [b"", b"PK half a model"])
def test_an_unreadable_champion_stops_the_run_and_stays(run_at, content, first_champion):
    stored = list((run_at().workspace.home / "artifacts").rglob(MODEL_FILE))
    assert len(stored) == 1
    stored[0].write_bytes(content)
    entry, outcome, trained = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert MODEL_FILE in entry.body["sentence"]
    assert not (outcome.moved)
    assert not trained
    assert champion(run_at()) == "v1"


def test_a_champion_whose_model_was_exchanged_is_refused(run_at, quiet_tick):
    stored = sorted((run_at().workspace.home / "artifacts").rglob(MODEL_FILE))
    contents = [path.read_bytes() for path in stored]
    assert contents[0] != contents[1]
    stored[0].write_bytes(contents[1])
    stored[1].write_bytes(contents[0])
    entry, _, _ = play(run_at(AFTER_DRIFT))
    assert entry.body["verdict"] == "INVALID"
    assert "model.skops is not the file" in entry.body["sentence"]


def test_the_record_tells_everything(run_at, first_champion):
    from kpi_gate.record.mlflow_client import client
    from kpi_gate.record.run_links import kept_page

    entry = newest_decision(run_at())
    with client(run_at().workspace) as mlflow_client:
        run = mlflow_client.get_run(entry.body["run_id"])
        version = mlflow_client.get_model_version_by_alias("toy", "champion")
        model = mlflow_client.get_registered_model("toy")
        experiment = mlflow_client.get_experiment_by_name("toy")
        files = {
            found.path
            for folder in ("decision", "evidence", "validation")
            for found in mlflow_client.list_artifacts(run.info.run_id, folder)
        }
    kept = kept_page(run_at().workspace, "toy", run.info.run_id)
    html = kept.read_text("utf-8")
    assert 'href="../validation/report.html"' in html
    assert (kept.parent / "../validation/report.html").exists()
    for words in (
        run.info.run_id,
        f"kpi-gate show {entry.subject}",
        "2024-03-04 03:00",
    ):
        assert words in html, "the run, the row in the ledger, the next tick"
    assert re.fullmatch(r"2024-03-01 PROMOTE, \+[\d,]+ USD a year", run.info.run_name)
    assert run.data.metrics["decision/gain"] == entry.body["decision"]["gain"]["estimate"]
    assert set(run.data.metrics) == {
        f"decision/{name}"
        for name in (
            *("money", "gain", "gain_lower", "gain_upper", "probability", "checks_failed"),
            *("value_champion", "value_candidate", "auc_champion", "auc_candidate"),
        )
    }, "a person reads them; the others are in decision/numbers.json"
    first, link, *_ = run.data.tags["mlflow.note.content"].split("\n\n")
    assert first.startswith("**PROMOTE**: the candidate earns more than")
    page = f"runs/{run.info.run_id}/artifacts/decision/decision.html"
    assert link == f"[Open the page of this decision](#/experiments/1/{page})"
    assert run.data.tags["kind"] == "retrain"
    for words in (model.description, experiment.tags["mlflow.note.content"]):
        assert words.startswith("**Champion: v1**, promoted on ")
        assert entry.subject in words
        assert "Promote model" in words
    assert run.data.params["objective.min_effect"] == "0.05"
    assert run.data.tags["decision_id"] == entry.subject
    assert run.inputs.dataset_inputs[0].dataset.digest == entry.body["snapshot"]
    assert {"decision/numbers.json", "decision/provenance.json"} <= files
    ours = {name for name in run.data.tags if not name.startswith(("mlflow.", "kpi_gate."))}
    assert ours == {"kind", "verdict", "use_case", "as_of", "decision_id"}, "hashes are in a file"
    assert {"decision/decision.html", "evidence/evidence.json", "validation/report.html"} <= files
    assert version.tags["verdict"] == "PROMOTE"
    assert "USD" in version.description
    assert set(version.aliases) == {"candidate", "champion", "anchor"}
    for key in ("policy_hash", "code", "snapshot", "asked_by"):
        assert entry.body[key]


def test_recording_twice_makes_one_run_one_version_one_row(run_at, first_champion):
    from kpi_gate.record.mlflow_client import client

    entry = newest_decision(run_at())
    run = run_at()
    pipeline.decide(run)
    again = pipeline.record(run)
    assert again == entry
    with client(run_at().workspace) as mlflow_client:
        query = f"tags.decision_id = '{entry.subject}'"
        assert len(mlflow_client.search_runs(["1"], query)) == 1
        assert len(mlflow_client.search_model_versions("name = 'toy'")) == 1


def test_evidence_files_are_what_judge_reads(run_at, project, tmp_path, first_decision):
    from kpi_gate.evaluation.judge import judge

    entry = newest_decision(run_at())
    found = entry.body["decision"]["measures"]
    found["candidate"]["latency_ratio"] = 1.0  # the first champion is timed beside none
    measures = tmp_path / "measures.json"
    measures.write_text(json.dumps(found))
    decision = judge(
        project / "data/toy/evidence/comparison.parquet",
        project / "src/toys/usecases/toy.yaml",
        measures=measures,
    )
    assert decision.verdict is Verdict.PROMOTE
    assert decision.gain.estimate == pytest.approx(entry.body["decision"]["gain"]["estimate"])


@pytest.mark.parametrize("alias", ["champion", "anchor"])
def test_a_lost_alias_is_no_first_model(run_at, alias, first_champion):
    run_at().registry.point(alias, "")
    entry, outcome, trained = play(run_at(AFTER_DRIFT))
    assert entry.body["verdict"] == "INVALID"
    assert f"no toy@{alias}, the ledger released v1" in entry.body["sentence"]
    assert not outcome.moved
    assert not trained


@pytest.mark.parametrize("part", ["card.json", "rows.bin"])
def test_what_a_champion_had_seen_cannot_be_edited_away(run_at, part, first_champion):
    path = next((run_at().workspace.home / "artifacts").rglob(f"extra_files/{part}"), None)
    path = path or next((run_at().workspace.home / "artifacts").rglob(part))
    if part == "card.json":
        text = path.read_text()
        assert '"trained_until":"20' in text.replace(" ", "")
        path.write_text(text.replace("2024-0", "2023-0"))
    else:
        path.unlink()
    entry, _, _ = play(run_at(AFTER_DRIFT))
    assert entry.body["verdict"] == "INVALID"
    assert "toy version 1" in entry.body["sentence"]


def test_a_month_that_is_lost_does_not_hide_behind_new_rows(run_at, project, first_champion):
    raw = project / "data/raw/toy/visits.csv"
    visits = pd.read_csv(raw)
    visits[~visits["at"].between("2024-02-01", "2024-02-10")].to_csv(raw, index=False)
    entry, _, _ = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert "rows before 2024-03-01, as there were on that day" in entry.body["sentence"]


def test_text_among_numbers_is_an_invalid_decision(run_at, project, first_champion):
    raw = project / "data/raw/toy/visits.csv"
    visits = pd.read_csv(raw).astype({"taste": object})
    visits.loc[5, "taste"] = "sweet"
    visits.to_csv(raw, index=False)
    entry, _, _ = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert "taste" in entry.body["sentence"]


def halve(values):
    return values / 2


def test_a_model_that_could_not_be_loaded_again_is_refused_until_it_is_trusted(run_at):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    def decided(**more):
        made = run_at()
        model = made.use_case.estimator(made.use_case.settings.model)
        changes = {"estimator": lambda _: make_pipeline(FunctionTransformer(halve), model)}
        use_case = replace(made.use_case, **changes, **more)
        return type(made)(use_case, made.as_of, made.workspace)

    entry, _, _ = play(decided())
    assert entry.body["verdict"] == "INVALID"
    assert "trusted_types" in entry.body["sentence"]
    trusting = decided(trusted_types=(f"{halve.__module__}.halve",))
    assert pipeline.train(trusting)
    assert pipeline.compare(trusting)
    assert pipeline.decide(trusting).verdict is Verdict.PROMOTE
