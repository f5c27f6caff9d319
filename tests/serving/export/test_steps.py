"""Steps as people write them before their models: each is compiled, and so equal on 2,000 rows."""

from dataclasses import replace

import numpy as np
import pytest
from champions import TOY_MODULE
from classifiers import visits
from exports import model_of
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from kpi_gate.serving.export import make_export
from kpi_gate.usecase.contract import Feature

pytestmark = pytest.mark.slow

NUMBERS, WORDS = ["taste", "visits"], ["region", "rooms", "member"]
USE_CASE = replace(
    TOY_MODULE.USE_CASE,
    features=(
        *(Feature(name, "number") for name in NUMBERS),
        *(Feature(name, "category") for name in WORDS),
    ),
)
FEATURES = USE_CASE.feature_names


def some_rows():
    random = np.random.default_rng(5)
    rows = visits(300)
    return rows.assign(
        region=rows["region"].mask(random.random(300) < 0.1),
        rooms=random.integers(1, 5, 300),
        member=random.random(300) < 0.5,
    )


ROWS = some_rows()
WHOLE, CODES = SimpleImputer(), OrdinalEncoder
UNKNOWN = {"handle_unknown": "use_encoded_value", "unknown_value": np.nan}
TREES = HistGradientBoostingClassifier(max_iter=8, random_state=1)
FOREST = RandomForestClassifier(5, random_state=1)


def of(words, numbers=WHOLE, then=None, **more):
    columns = make_column_transformer((words, WORDS), (numbers, NUMBERS), **more)
    return make_pipeline(columns, LogisticRegression() if then is None else then)


def of_numbers(*steps, then=None):
    columns = make_column_transformer((make_pipeline(WHOLE, *steps), NUMBERS))
    return make_pipeline(columns, LogisticRegression() if then is None else then)


PIPELINES = {
    "words one hot, unknown ignored": of(OneHotEncoder(handle_unknown="ignore")),
    "words one hot, unknown refused": of(OneHotEncoder()),
    "words one hot, rare ones together": of(
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=90)
    ),
    "words one hot, the first dropped": of(OneHotEncoder(drop="first", handle_unknown="ignore")),
    "words one hot, one of two dropped": of(OneHotEncoder(drop="if_binary", sparse_output=False)),
    "words numbered, unknown refused": of(CODES(encoded_missing_value=-1)),
    "words numbered, unknown is a number": of(
        CODES(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    ),
    "words numbered for trees": of(CODES(**UNKNOWN), "passthrough", TREES),
    "words numbered, rare ones together": of(
        CODES(**UNKNOWN, min_frequency=80), "passthrough", TREES
    ),
    "words by their outcomes": of(TargetEncoder(random_state=1), "passthrough", TREES),
    "words filled with a word": make_pipeline(
        make_column_transformer(
            (
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="none"),
                    OneHotEncoder(handle_unknown="ignore"),
                ),
                ["region"],
            ),
            (WHOLE, NUMBERS),
        ),
        LogisticRegression(),
    ),
    "the rest passed through": make_pipeline(
        make_column_transformer((CODES(**UNKNOWN), ["region"]), remainder="passthrough"), TREES
    ),
    "columns by their types": make_pipeline(
        make_column_transformer(
            (CODES(**UNKNOWN), make_column_selector(dtype_exclude="number")),
            remainder="passthrough",
        ),
        TREES,
    ),
    "columns by their places, some dropped": make_pipeline(
        ColumnTransformer(
            [("numbers", WHOLE, [0, 1]), ("no", "drop", [2]), ("rest", "passthrough", slice(3, 5))]
        ),
        GradientBoostingClassifier(n_estimators=5, random_state=1),
    ),
    "tables between the steps": make_pipeline(
        make_column_transformer(
            (CODES(**UNKNOWN), WORDS), ("passthrough", NUMBERS), verbose_feature_names_out=False
        ),
        make_column_transformer((StandardScaler(), NUMBERS), remainder="passthrough"),
        TREES,
    ).set_output(transform="pandas"),
    "scaled sparsely": of(
        OneHotEncoder(handle_unknown="ignore"),
        then=make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
    ),
    "scaled and cut off": of_numbers(MinMaxScaler(clip=True)),
    "marks of what was missing": make_pipeline(
        make_column_transformer((SimpleImputer(strategy="median", add_indicator=True), NUMBERS)),
        FOREST,
    ),
    "logs and squares": of_numbers(
        MinMaxScaler(), FunctionTransformer(np.log1p), PolynomialFeatures(3, include_bias=False)
    ),
    "bins in numbers": of_numbers(KBinsDiscretizer(4, encode="ordinal", strategy="uniform")),
    "whitened components beside the numbers": of_numbers(
        make_union(make_pipeline(StandardScaler(), PCA(2, whiten=True)), VarianceThreshold())
    ),
    "a forest on numbers alone": of_numbers(then=ExtraTreesClassifier(5, random_state=1)),
    "a tree, calibrated by steps": CalibratedClassifierCV(
        of(CODES(**UNKNOWN), then=DecisionTreeClassifier(max_depth=4, random_state=1)),
        method="isotonic",
        cv=2,
    ),
    "bags of some columns": of_numbers(
        then=BaggingClassifier(LogisticRegression(), 4, max_features=0.5, random_state=1)
    ),
    "votes with weights": of(
        CODES(**UNKNOWN),
        then=VotingClassifier(
            [("trees", TREES), ("forest", FOREST)], voting="soft", weights=[3, 1]
        ),
    ),
    "a stack that sees the columns too": of_numbers(
        then=StackingClassifier(
            [("trees", TREES), ("line", LogisticRegression())], passthrough=True, cv=2
        )
    ),
    "lightgbm": of(CODES(**UNKNOWN), "passthrough", LGBMClassifier(n_estimators=8, verbose=-1)),
    "xgboost": of(CODES(**UNKNOWN), "passthrough", XGBClassifier(n_estimators=30, n_jobs=1)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_it_is_compiled(name, tmp_path):
    estimator = PIPELINES[name].fit(ROWS[FEATURES], ROWS["outcome"])
    model = model_of(USE_CASE, estimator, ROWS, tmp_path / "model")
    assert make_export(model, USE_CASE, tmp_path / "export", version="1").why == ""


def test_lightgbm_with_categories_of_its_own_is_compiled(tmp_path):
    kinds = {"region": "category"}
    rows = ROWS.astype(kinds)
    estimator = LGBMClassifier(n_estimators=10, min_child_samples=5, verbose=-1, n_jobs=1)
    estimator.fit(rows[FEATURES], rows["outcome"])
    wrapped = CalibratedClassifierCV(FrozenEstimator(estimator)).fit(
        rows[FEATURES], rows["outcome"]
    )
    model = model_of(USE_CASE, wrapped, rows, tmp_path / "model")
    assert make_export(model, USE_CASE, tmp_path / "export", version="1").why == ""


class Shifted(FunctionTransformer):
    """A step of the owner's own."""

    def transform(self, rows):
        return np.asarray(rows, dtype=float) + 1


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Shifted(), "Shifted has no compiled form"),
        (FunctionTransformer(np.sort), "FunctionTransformer(sort) has no compiled form"),
    ],
)
def test_what_is_not_is_named(step, why, tmp_path):
    estimator = of_numbers(step).fit(ROWS[FEATURES], ROWS["outcome"])
    model = model_of(USE_CASE, estimator, ROWS, tmp_path / "model")
    manifest = make_export(model, USE_CASE, tmp_path / "export", version="1")
    assert manifest.why == why


def test_a_model_of_another_kind_inside_is_named(tmp_path):
    estimator = of_numbers(then=VotingClassifier([("bayes", GaussianNB())], voting="soft"))
    model = model_of(
        USE_CASE, estimator.fit(ROWS[FEATURES], ROWS["outcome"]), ROWS, tmp_path / "model"
    )
    manifest = make_export(model, USE_CASE, tmp_path / "export", version="1")
    assert manifest.why == "GaussianNB has no compiled form"
