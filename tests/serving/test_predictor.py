"""What is decided where the model, the value or the rule of thumb has its own ways."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from champions import TOY_MODULE
from classifiers import visits
from exports import example, export_of, made_up, model_of, trained
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.amounts import with_amounts
from kpi_gate.learning.averaged import Averaged
from kpi_gate.learning.policy import PolicySettings
from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.predictor import NEEDS_PROCESS
from kpi_gate.usecase.contract import Feature

pytestmark = pytest.mark.slow

TASTE = (Feature("taste", "number"),)
TOY = replace(TOY_MODULE.USE_CASE, features=TASTE)
ROWS = visits()


def spent(action, outcome, columns, parameters):
    return {
        "margin": action * outcome * columns["spent"] * parameters["margin_usd"] / 10,
        "cost": -action * parameters["cost_usd"],
    }


def few_offers(rows):
    return (rows["taste"].fillna(0.0) > 1.0).to_numpy(dtype=float)


def fitted(rows=ROWS):
    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(
        rows[["taste"]], rows["outcome"]
    )


def strict(rows=ROWS):
    known = rows[rows["taste"].notna()]
    return LogisticRegression().fit(known[["taste"]], known["outcome"])


def row(taste, **more):
    return {"unit": "a", "taste": taste, **more}


def test_where_the_model_refuses_a_row_the_rule_of_thumb_acts_and_it_says_why(tmp_path):
    use_case = replace(TOY, baseline=few_offers)
    loaded = export_of(use_case, strict(), ROWS, tmp_path / "export")
    assert loaded.manifest.light_rule, loaded.manifest.why_heavy_rule
    found = loaded.decide([row(None), row(2.0)])
    assert found.score[0] is None
    assert found.action[0] == 0.0
    assert found.fault == ["LogisticRegression takes no missing values; null is taste", ""]
    assert found.advantage[0] is None


def test_where_the_rule_of_thumb_needs_pandas_the_process_is_asked(tmp_path):
    use_case = replace(TOY, baseline=lambda rows: rows["taste"].rank(pct=True).fillna(0).to_numpy())
    loaded = export_of(use_case, strict(), ROWS, tmp_path / "export")
    assert not loaded.manifest.light_rule
    assert "no attribute 'rank'" in loaded.manifest.why_heavy_rule
    assert loaded.rule_of_thumb([row(1.0)]) is None
    assert loaded.decide([row(None), row(2.0)]).action[0] == NEEDS_PROCESS


def test_a_rule_that_pandas_reads_otherwise_where_a_value_is_missing_is_not_light(tmp_path):
    def above_the_mean(rows):
        return (rows["taste"] > rows["taste"].mean()).to_numpy(dtype=float)  # pandas leaves out NaN

    loaded = export_of(
        replace(TOY, baseline=above_the_mean), fitted(), ROWS.dropna(), tmp_path / "export"
    )
    assert "acts otherwise on" in loaded.manifest.why_heavy_rule


@pytest.mark.parametrize(
    "regressor",
    [
        lambda: make_pipeline(SimpleImputer(), LinearRegression()),
        lambda: make_pipeline(SimpleImputer(), PoissonRegressor()),
        lambda: HistGradientBoostingRegressor(max_iter=5),
        lambda: HistGradientBoostingRegressor(max_iter=5, loss="gamma"),
        lambda: TransformedTargetRegressor(
            HistGradientBoostingRegressor(max_iter=5), func=np.log1p, inverse_func=np.expm1
        ),
    ],
    ids=["linear", "poisson", "trees", "trees of a gamma", "turned back"],
)
def test_amounts_that_come_later_are_expected_as_by_the_library(regressor, tmp_path):
    rows = ROWS.assign(spent=np.random.default_rng(2).gamma(2.0, 10.0, len(ROWS)) + 1)
    use_case = replace(
        TOY,
        value=ValueModel("spent", spent, columns=("spent",)),
        amounts=("spent",),
        amount_estimator=lambda model: regressor(),
    )
    parts = [
        with_amounts(fitted(part), part, names=["spent"], features=["taste"], make=regressor)
        for part in (rows, rows.tail(150))
    ]
    for name, estimator in (("one", parts[0]), ("mean", Averaged(parts))):
        loaded = export_of(use_case, estimator, rows, tmp_path / name / "export")
        assert loaded.manifest.compiled, loaded.manifest.why
        model = model_of(use_case, estimator, rows, tmp_path / name / "again")
        asked = [row(0.3), row(None), row(-2.0)]
        expected = Reference(model, use_case).decide(asked)
        assert loaded.decide(asked).advantage == pytest.approx(expected.advantage, abs=1e-9)


def test_a_column_that_says_what_an_amount_will_be_is_read_in_its_stead(tmp_path):
    rows = ROWS.assign(basket=10.0, spent=11.0)
    use_case = replace(
        TOY,
        value=ValueModel("spent", spent, columns=("spent",)),
        amounts=("spent",),
        expected={"spent": "basket"},
    )
    loaded = export_of(use_case, fitted(), rows, tmp_path / "export")
    assert "basket" in {column.name for column in loaded.manifest.columns if column.required}
    low, high, none = loaded.decide(
        [row(1.0, basket=1.0), row(1.0, basket=100.0), row(1.0, basket=None)]
    ).advantage
    assert low < 0 < high
    assert none is None


def test_what_the_policy_cannot_weigh_is_the_rule_of_thumbs(tmp_path):
    use_case = example("case")
    rows = made_up(use_case)
    loaded = export_of(use_case, trained(use_case, rows), rows, tmp_path / "export")
    found = loaded.decide([{**loaded.golden["rows"][0], "basket_eur": None}])
    assert found.fault == ["the value gives no number; null is basket_eur"]
    assert found.action == [1.0]
    assert found.score[0] is not None


def particular(action, outcome, columns, parameters):
    if (columns["visits"] > 1_000).any():
        raise ValueError("too many visits")
    return {"margin": action * outcome * parameters["margin_usd"] - action * columns["visits"]}


def test_a_row_on_which_the_value_fails_takes_no_other_with_it(tmp_path):
    value = ValueModel("particular", particular, columns=("visits",))
    use_case = replace(TOY, value=value, known=("visits",))
    loaded = export_of(use_case, fitted(), ROWS, tmp_path / "export")
    assert loaded.manifest.compiled, loaded.manifest.why
    found = loaded.decide([row(3.0, visits=visits) for visits in (1, 5_000, 2)])
    assert found.fault == ["", "the value gives no number", ""]
    assert found.advantage[1] is None
    assert found.action == [1.0, 1.0, 1.0]  # the toy's rule of thumb is 1


def test_a_policy_that_bids_answers_the_probability(tmp_path):
    settings = TOY.settings.model_copy(update={"policy": PolicySettings(kind="probability")})
    loaded = export_of(replace(TOY, settings=settings), fitted(), ROWS, tmp_path / "export")
    found = loaded.decide([row(0.4)])
    assert found.action == found.score
    assert found.advantage == [None]


def test_a_margin_moves_the_action_alone(tmp_path):
    settings = TOY.settings.model_copy(update={"policy": PolicySettings(margin=3.0)})
    loaded = export_of(replace(TOY, settings=settings), fitted(), ROWS, tmp_path / "export")
    found = loaded.decide([row(taste / 4) for taste in range(-8, 9)])
    assert found.action == [float(worth > 3.0) for worth in found.advantage]
    assert set(found.action) == {0.0, 1.0}


def test_one_row_is_decided_as_among_others(tmp_path):
    use_case = example("campaign")
    rows = made_up(use_case)
    loaded = export_of(use_case, trained(use_case, rows), rows, tmp_path / "export")
    asked = loaded.golden["rows"]
    together = loaded.decide(asked)
    for place, one in enumerate(asked):
        alone = loaded.decide([one])
        assert alone.score[0] == together.score[place]
        assert alone.action[0] == together.action[place]
    assert loaded.decide([]) == ([], [], [], [], [])


@pytest.mark.slow
def test_deciding_needs_neither_pandas_nor_scikit_learn(tmp_path):
    use_case = example("campaign")
    rows = made_up(use_case)
    export_of(use_case, trained(use_case, rows), rows, tmp_path / "export")
    code = """
import sys
from pathlib import Path
from kpi_gate.serving.predictor import load_export
predictor = load_export(Path(sys.argv[1]))
rows = predictor.golden["rows"]
predictor.decide(rows), predictor.rule_of_thumb(rows[:3])
print(*(name for name in ("pandas", "sklearn", "mlflow", "joblib") if name in sys.modules))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "export")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == "\n"
