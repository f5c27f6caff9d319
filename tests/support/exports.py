"""Models of the examples' kinds, trained on made-up rows, and what is exported of them."""

import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from kpi_gate.decision.evidence import Contender
from kpi_gate.evaluation.views import at_decision
from kpi_gate.learning.policy import Policy
from kpi_gate.record.model_files import GOLDEN_FILE, MODEL_FILE, Model, ModelCard
from kpi_gate.serving.export import make_export
from kpi_gate.serving.predictor import load_export

CASE = Path(__file__).parents[2] / "template/case/case.py"
LEVELS = ("alpha", "beta", "gamma")
SMALL = {"max_iter": 12, "max_leaf_nodes": 7, "min_samples_leaf": 5, "seed": 7, "threads": 1}


def example(name):
    """Return an example's use case, or the template's own."""
    if name != "case":
        return importlib.import_module(f"kpi_gate.examples.{name}").USE_CASE
    spec = importlib.util.spec_from_file_location("case_of_the_template", CASE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.USE_CASE


def made_up(use_case, count=400, seed=3, kind=float):
    """Return rows that have what the use case declares, some cells of the features missing."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"unit": [f"u{place}" for place in range(count)]})
    rows["event_time"] = pd.date_range("2024-01-01", periods=count, freq="h", tz="UTC")
    rows["item"] = random.choice(["one", "two"], count)
    for feature in use_case.features:
        if feature.kind == "category":
            rows[feature.name] = random.choice(LEVELS, count)
        else:
            rows[feature.name] = random.normal(20, 30, count).round(2).astype(kind)
        rows.loc[random.random(count) < 0.05, feature.name] = None
    for name in use_case.times.at_decision:
        if name not in rows:
            rows[name] = random.gamma(4.0, 10.0, count).round(2)
    first = rows[use_case.features[0].name]
    high = first.eq("alpha") if use_case.features[0].kind == "category" else first > 20
    rows["outcome"] = (random.random(count) < np.where(high, 0.8, 0.2)).astype(float)
    return rows


def model_of(use_case, estimator, rows, folder):
    """Return a fitted estimator as the model of a use case, its golden rows the last ones.

    What it would be loaded from is a stand-in.
    """
    policy = Policy(settings=use_case.settings.policy, parameters=use_case.settings.base_values())
    card = ModelCard(
        contender=Contender(name="1", digest="abcdef0123456789"),
        policy=policy,
        features=tuple(use_case.feature_names),
    )
    card.write(folder)
    (folder / MODEL_FILE).write_bytes(b"a stand-in")
    golden = at_decision(use_case, rows.tail(20)).reset_index(drop=True)
    golden.to_parquet(folder / GOLDEN_FILE, index=False)
    return Model(folder, card=card, estimator=estimator)


def trained(use_case, rows, *, calibrate=True, estimator=None):
    """Return the use case's own kind of classifier, fitted and calibrated as a retrain does."""
    settings = {**use_case.settings.model, **SMALL}
    inputs = rows[use_case.feature_names]
    found = (estimator or use_case.estimator(settings)).fit(inputs, rows["outcome"])
    if not calibrate:
        return found
    return CalibratedClassifierCV(FrozenEstimator(found), method="sigmoid").fit(
        inputs, rows["outcome"]
    )


def export_of(use_case, estimator, rows, folder, version="1"):
    """Return the export of a fitted estimator, loaded."""
    model = model_of(use_case, estimator, rows, folder.with_name("model"))
    manifest = make_export(model, use_case, folder, version=version)
    return load_export(folder, fingerprint=manifest.fingerprint())
