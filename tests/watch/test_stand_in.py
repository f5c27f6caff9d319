"""A model in service that cannot score some rows stands for the rule of thumb there."""

import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from champions import START, TOY_MODULE, day, make_run, rows_of, train_champion
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from kpi_gate.evaluation.comparison import write_evidence
from kpi_gate.evaluation.evidence_files import TABLE_FILE, read_evidence
from kpi_gate.evaluation.scored_model import make_side
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import plan_windows, within
from kpi_gate.record.model_files import Model, ModelCard
from kpi_gate.run.candidate import train_candidate
from kpi_gate.usecase.contract import Feature
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.watch.value.champion_rows import score_champion

pytestmark = pytest.mark.slow

PROMOTED, NOW, WEST = day(60), day(100), day(70)
FEATURES = (Feature("taste", "number"), Feature("region", "category"))


def use_case(unknown):
    def estimator(model):
        words = (OneHotEncoder(handle_unknown=unknown), ["region"])
        columns = make_column_transformer(words, remainder="passthrough")
        return make_pipeline(columns, LogisticRegression(C=model["c"]))

    return replace(TOY_MODULE.USE_CASE, features=FEATURES, estimator=estimator)


STRICT, TOLERANT = use_case("error"), use_case("ignore")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visits")
    TOY_MODULE.fetch(folder)
    rows = rows_of(folder, NOW).reset_index(drop=True)
    new = (rows["event_time"] >= WEST) & (rows.index % 5 == 0)
    return rows.assign(region=rows["region"].mask(new, "west"))


@pytest.fixture(scope="module")
def work(tmp_path_factory, rows):
    """Champion and anchor that know no west, and a candidate that does."""
    work = tmp_path_factory.mktemp("work")
    early = rows[rows["event_time"] < PROMOTED]
    train_champion(make_run(PROMOTED, work, STRICT), early, work / "champion")
    shutil.copytree(work / "champion", work / "anchor")
    shutil.move(work / "anchor", work / "champion")
    windows = planned(rows, work)
    train_candidate(make_run(NOW, work, TOLERANT), rows, windows, work / "candidate", "")
    return work


def planned(rows, work):
    seen = ModelCard.read(work / "champion").contender.seen_until()
    settings = TOLERANT.settings.window
    return plan_windows(rows["event_time"], settings, NOW, seen)


def test_the_comparison_counts_it_so_says_how_many_and_lets_the_candidate_be_measured(rows, work):
    windows = planned(rows, work)
    snapshot = make_run(NOW, work, TOLERANT).frozen_as("x", rows)
    snapshot.tick = {}
    folders = {"champion": "champion", "candidate": "candidate", "anchor": "champion/anchor"}
    models = {name: Model(work / folder) for name, folder in folders.items()}
    write_evidence(work / "evidence", models, TOLERANT, snapshot, windows)
    evidence = read_evidence(work / "evidence")
    table = pd.read_parquet(work / "evidence" / TABLE_FILE)
    west = rows.loc[within(rows, windows.gate), "region"].to_numpy() == "west"
    assert west.sum() > 30
    count = int(west.sum())
    assert evidence.notes["stood_in"] == {"champion": count, "candidate": 0, "anchor": count}
    told = evidence.notes["limits"]
    assert f"The champion (1) cannot score {count} of {len(table)} rows" in told[0]
    assert "'west' in all of them" in told[0]
    assert "the rule of thumb (offer to everyone) stands in" in told[0]
    assert told[1].startswith("The anchor ")
    assert (table["action_champion"][west] == 1).all()
    assert 0 < table["action_champion"][~west].mean() < 1
    assert np.isfinite(table[["value_champion", "value_candidate"]]).all(axis=None)
    assert evidence.measures["candidate"]["latency_ratio"] > 0


def test_a_candidate_must_score_every_row(rows, work):
    gate = rows[within(rows, planned(rows, work).gate)].reset_index(drop=True)
    words = r"the candidate \(1\) cannot score .* rows, the first of them row .*unit v.*'west'"
    with pytest.raises(ScoringError, match=words):
        make_side("candidate", Model(work / "champion"), STRICT, gate, 0.5)


def test_a_variant_that_cannot_score_the_tune_window_is_refused_by_name(rows, tmp_path):
    as_of = WEST + timedelta(days=16)
    known = rows[rows["event_time"] < as_of]
    run = make_run(as_of, tmp_path, STRICT)
    windows = plan_windows(known["event_time"], STRICT.settings.window, as_of)
    tune = windows.model_copy(update={"tune": windows.tune.model_copy(update={"start": WEST})})
    tune = tune.model_copy(update={"train": windows.train.model_copy(update={"end": WEST})})
    with pytest.raises(Refusal, match=r"on the tune window variant last 600 rows .*'west'") as no:
        train_candidate(run, known, tune, tmp_path / "candidate", "")
    assert no.value.check == "candidate_scores"
    assert no.value.verdict == "INVALID"


def test_a_look_values_the_champion_as_it_stands_in_service(rows, work):
    view = score_champion(
        make_run(NOW, work, STRICT), rows, Model(work / "champion"), START + timedelta(days=62)
    )
    west = (view.rows["region"] == "west").to_numpy()
    assert (view.side.failed == west).all()
    assert (view.side.action[west] == 1).all()
    assert view.worth(view.usable) is not None
