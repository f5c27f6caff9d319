"""Every classifier that a use case may hold is compiled, and equal, or says why it is not."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from champions import TOY_MODULE
from classifiers import MATRIX, NEEDS_MORE_OUTCOMES, REFUSED, visits
from exports import model_of
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from kpi_gate.serving.export import make_export
from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.predictor import NEEDS_PROCESS, load_export
from kpi_gate.usecase.contract import Feature

pytestmark = pytest.mark.slow

ROWS = visits()
USE_CASE = replace(
    TOY_MODULE.USE_CASE,
    features=(
        Feature("taste", "number"),
        Feature("visits", "number"),
        Feature("region", "category"),
    ),
)
FEATURES = USE_CASE.feature_names
NOT_COMPILED = {
    *("AdaBoostClassifier", "BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB"),
    *("GaussianProcessClassifier", "KNeighborsClassifier", "LabelPropagation", "LabelSpreading"),
    *("MLPClassifier", "MultinomialNB", "NearestCentroid", "OneVsRestClassifier"),
    *("QuadraticDiscriminantAnalysis", "RadiusNeighborsClassifier"),
    *("imputer of neighbours", "imputer by models", "power", "quantile", "spline", "a lambda"),
    *("isotonic", "temperature", "bagged svc", "boosted stumps", "gaussian process"),
    *("neighbours by kd_tree", "neighbours by ball_tree"),
}


NO_PROBABILITIES = {name for name, words in REFUSED.items() if "predict_proba" in words}
NAMES = [name for name in MATRIX if name not in {*NO_PROBABILITIES, *NEEDS_MORE_OUTCOMES}]


def fitted(build):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build().fit(ROWS[FEATURES], ROWS["outcome"])


@pytest.mark.parametrize("name", NAMES)
def test_each_is_compiled_or_says_why_not(name, tmp_path):
    estimator = fitted(MATRIX[name])
    model = model_of(USE_CASE, estimator, ROWS, tmp_path / "model")
    manifest = make_export(model, USE_CASE, tmp_path / "export", version="1")
    loaded = load_export(tmp_path / "export", fingerprint=manifest.fingerprint())
    assert manifest.compiled == (name not in NOT_COMPILED), manifest.why
    rows = [
        {"unit": "a", "taste": 0.3, "visits": 2, "region": "north"},
        {"unit": "b", "taste": None, "visits": 2, "region": "south"},
        {"unit": "c", "taste": 1.5, "visits": None, "region": "west"},
    ]
    found = loaded.decide(rows)
    if not manifest.compiled:
        assert "has no compiled form" in manifest.why
        assert found.action == [NEEDS_PROCESS] * 3
        return
    expected = Reference(model, USE_CASE).decide(rows)
    assert found.score == pytest.approx(expected.score, abs=1e-9)
    # the rule of thumb of the toy is 1, and stands in where the model refuses
    assert found.action == expected.action
    assert [bool(words) for words in found.fault] == [bool(words) for words in expected.fault]


def test_trees_that_encode_their_own_words_are_compiled(tmp_path):
    rows = ROWS.assign(region=ROWS["region"].astype("category"))
    estimator = HistGradientBoostingClassifier(max_iter=8, random_state=1)
    estimator.fit(rows[FEATURES], rows["outcome"])
    manifest = make_export(
        model_of(USE_CASE, estimator, rows, tmp_path / "model"),
        USE_CASE,
        tmp_path / "export",
        version="1",
    )
    assert manifest.compiled, manifest.why
    region = next(column for column in manifest.columns if column.name == "region")
    assert (region.kind, region.levels) == ("text", ("north", "south"))


def test_a_step_that_is_written_wrongly_is_found_and_not_served(tmp_path, monkeypatch):
    class Sly(LogisticRegression):
        def predict_proba(self, rows):
            shifted = super().predict_proba(rows)[:, 1] * (1 - 1e-6)
            return np.column_stack([1 - shifted, shifted])

    Sly.__name__ = "LogisticRegression"
    numbers = ["taste", "visits"]
    rows = ROWS.fillna({"taste": 0.0})
    estimator = Sly().fit(rows[numbers], rows["outcome"])
    use_case = replace(USE_CASE, features=USE_CASE.features[:2])
    manifest = make_export(
        model_of(use_case, estimator, rows, tmp_path / "model"),
        use_case,
        tmp_path / "export",
        version="1",
    )
    assert not manifest.compiled
    assert "rows score differently, by up to" in manifest.why
    assert load_export(tmp_path / "export").decide([{}]).action == [NEEDS_PROCESS]
