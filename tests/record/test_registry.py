"""Registered versions: what comes back is the very file that was judged."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.gate import refuse
from kpi_gate.decision.objective import GateSettings
from kpi_gate.record import decision_run, model_files, registry
from kpi_gate.record.model_files import Model, ModelCard
from kpi_gate.record.registered import ModelError
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path, migrated):
    (tmp_path / ".kpi-gate").mkdir()
    shutil.copy(migrated, tmp_path / ".kpi-gate/mlflow.db")
    return Workspace(root=tmp_path)


def candidate(folder, estimator):
    """Fit, and write the files of a candidate; return the input rows."""
    x = np.random.default_rng(1).normal(size=(60, 2))
    rows = pd.DataFrame(x, columns=["a", "b"])
    content = model_files.dump_model(estimator.fit(rows, x[:, 0] > 0))
    card = ModelCard(contender=Contender(name="candidate", digest=""), features=("a", "b"))
    named = card.contender.model_copy(update={"digest": registry.digest(content, card)})
    card.model_copy(update={"contender": named}).write(folder)
    model_files.store_model(folder / model_files.MODEL_FILE, content)
    (folder / model_files.KEYS_FILE).write_bytes(b"keys")
    (folder / model_files.GOLDEN_FILE).write_bytes(b"golden")
    return rows


def judged(folder):
    """Return what the ledger would say of a candidate."""
    files = {path.name: registry.file_hash(path) for path in folder.iterdir()}
    digest = ModelCard.read(folder).contender.digest
    return registry.Judged("d", digest, "2024-03-01T00:00:00+00:00", files)


def register(workspace, name, folder, rows):
    """Record a decision with this candidate; return its version."""
    money = {"kpi": "profit", "unit": "EUR", "horizon_decisions": 1000, "min_effect": 0.02}
    rails = [{"measure": "contact_rate", "at_most": 1.0}]
    settings = GateSettings.model_validate(
        {"objective": {**money, "switch_cost": 1}, "guardrails": rails}
    )
    decision = refuse(name, settings, check="name", subject=name)
    tags = {"use_case": "toy", "decision_id": name, "as_of": "2024-03-01"}
    tags["evidence_end"] = "2024-03-01T00:00:00+00:00"
    content = decision_run.RunContent({}, tags, {}, model=Model(folder), sample=rows.head(3))
    return decision_run.record_run(workspace, "toy", decision, content).version


def test_a_version_is_fetched_as_its_stored_bytes_whatever_the_model(workspace, tmp_path):
    seeded = {"random_state": 1}
    estimators = [
        RandomForestClassifier(n_estimators=4, **seeded),
        ExtraTreesClassifier(n_estimators=4, **seeded),
        DecisionTreeClassifier(**seeded),
        GradientBoostingClassifier(n_estimators=4, **seeded),
    ]
    for number, estimator in enumerate(estimators):
        folder, fetched = tmp_path / f"candidate-{number}", tmp_path / f"fetched-{number}"
        rows = candidate(folder, estimator)
        version = register(workspace, f"d{number}", folder, rows)
        registry.Registry(workspace, "toy").fetch(version, fetched, judged(folder))
        for name in (model_files.MODEL_FILE, model_files.KEYS_FILE, model_files.GOLDEN_FILE):
            assert (fetched / name).read_bytes() == (folder / name).read_bytes()
        again = model_files.load_model(fetched / model_files.MODEL_FILE)
        assert (again.predict_proba(rows) == estimator.predict_proba(rows)).all()


def test_another_model_beside_the_card_is_refused(workspace, tmp_path):
    folder, other = tmp_path / "candidate", tmp_path / "other"
    rows = candidate(folder, DecisionTreeClassifier(random_state=1))
    candidate(other, DecisionTreeClassifier(max_depth=1, random_state=1))
    version = register(workspace, "d", folder, rows)
    stored = next((workspace.home / "artifacts").rglob(model_files.MODEL_FILE))
    shutil.copy(other / model_files.MODEL_FILE, stored)
    with pytest.raises(ModelError, match=r"model\.skops is not the file, as decision d recorded"):
        registry.Registry(workspace, "toy").fetch(version, tmp_path / "fetched", judged(folder))
    before = replace(judged(folder), files={})  # a ledger that did not keep them yet
    with pytest.raises(ModelError, match="the model is not the one of decision d in the ledger"):
        registry.Registry(workspace, "toy").fetch(version, tmp_path / "fetched", before)
    with pytest.raises(ModelError, match="toy version 9: it is not in MLflow"):
        registry.Registry(workspace, "toy").fetch("v9", tmp_path / "fetched", before)
