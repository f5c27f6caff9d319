"""What becomes of single bad rows, of a history that changed, and of a stage within `dvc repro`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from starts import AFTER_DRIFT, LATER, play

from kpi_gate import pipeline
from kpi_gate.errors import ConfigurationError
from kpi_gate.release import accept_history

pytestmark = pytest.mark.slow


def edit(project, change):
    path = project / "data/raw/toy/visits.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def flipped(visits):
    """Turn a third of the outcomes of January."""
    turned = (visits["at"] < "2024-02-01") & (visits.index % 3 == 0)
    return visits.assign(bought=visits["bought"].where(~turned, 1 - visits["bought"]))


def test_a_history_that_changed_stops_until_a_person_accepts_it(run_at, project, first_champion):
    pipeline.take_snapshot(run_at(LATER))
    with pytest.raises(ConfigurationError, match="found no changed history"):
        accept_history.accept(run_at(LATER), "a reason")
    edit(project, flipped)
    entry, outcome, trained = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert entry.body["decision"]["checks"][0]["name"] == "history_unchanged"
    words = entry.body["sentence"]
    assert "310 of 1,800 rows of the last tick differ now (outcome in 310" in words
    assert "0.50% tolerated" in words
    assert "kpi-gate accept-history toy" in words
    assert not outcome.moved
    assert not trained
    page = (run_at(LATER).work / "validation/report.html").read_text()
    assert re.search("2024-01-31</th><td[^>]*>10</td><td[^>]*>0</td>", page)
    with pytest.raises(ConfigurationError, match="needs a reason"):
        accept_history.accept(run_at(LATER), " ")
    accept_history.accept(run_at(LATER), "returns are counted now")
    entry, _, trained = play(run_at(LATER))
    assert entry.body["verdict"] != "INVALID", entry.body["sentence"]
    assert trained
    edit(project, flipped)  # back again: another snapshot, which nobody has accepted
    entry, _, _ = play(run_at(AFTER_DRIFT))
    assert entry.body["decision"]["checks"][0]["name"] == "history_unchanged"


def test_tolerated_rows_are_set_aside_and_told_by_the_gate(run_at, project):
    made = run_at()
    made.use_case.fetch(made.workspace.raw("toy"))
    edit(project, lambda visits: visits.assign(taste=visits["taste"].where(visits.index != 7, 400)))
    entry, _, _ = play(made)
    assert entry.body["verdict"] == "INVALID"
    validation = made.use_case.settings.validation.model_copy(update={"tolerated_share": 0.001})
    tolerant = run_at(validation=validation)
    entry, _, trained = play(tolerant)
    assert trained, entry.body["sentence"]
    assert len(tolerant.snapshot.learnable) == len(tolerant.snapshot.frozen) - 1
    assert not (tolerant.snapshot.learnable["taste"] == 400).any()
    told = {check["name"]: check for check in entry.body["decision"]["checks"]}["rows_set_aside"]
    assert told["passed"]
    assert told["bound"] == 0.001
    assert told["value"] == pytest.approx(1 / 1800)
    kept = pd.read_parquet(next((project / ".kpi-gate/quarantine/toy").glob("*.parquet")))
    assert list(kept["taste"]) == [400]


def test_dvc_repro_runs_what_must_run_as_a_retraining_would(run_at, project):
    """Rows that load() makes: there is no raw folder, and nothing warns of it."""
    module = project / "src/toys/usecases/toy.py"
    text = module.read_text().replace("    fetch=fetch,\n", "")
    reads = '    visits = pd.read_csv(folder / "visits.csv")\n'
    made = '    fetch(Path("made"))\n    visits = pd.read_csv("made/visits.csv")\n'
    assert reads in text
    module.write_text(text.replace(reads, made))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def run(*command):
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, check=False
        )

    pipeline.take_snapshot(run_at())
    module.write_text(module.read_text() + "\n# touched\n")
    answer = run(sys.executable, "-m", "dvc", "repro")
    said = answer.stdout + answer.stderr
    assert answer.returncode == 0, said
    for stage in ("snapshot", "validate", "train", "compare"):
        assert f"Running stage '{stage}@toy'" in said
    assert "is empty" not in said
    assert run(sys.executable, "-m", "dvc", "status").stdout.strip() == (
        "Data and pipelines are up to date."
    )
