"""Every classifier of scikit-learn, what usually stands around one, and what comes of each here."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import (  # noqa: F401
    enable_halving_search_cv,
    enable_iterative_imputer,
)
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    chi2,
    f_classif,
    mutual_info_classif,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators
from xgboost import XGBClassifier

FEATURES = ("taste", "visits", "region")
FOREIGN = (
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
# no probabilities, or none without a matrix of outcomes; what each is told
WRAP = r"{0} has no predict_proba: .*CalibratedClassifierCV\({0}\(\.\.\.\)\)"
REFUSED = {
    **dict.fromkeys(
        (
            "LinearSVC",
            "NuSVC",
            "OneVsOneClassifier",
            "OutputCodeClassifier",
            "PassiveAggressiveClassifier",
            "Perceptron",
            "RidgeClassifier",
            "RidgeClassifierCV",
            "SVC",
        ),
        WRAP,
    ),
    "SGDClassifier": r'SGDClassifier has no predict_proba: set loss="log_loss", or wrap it',
    "hard voting": r'VotingClassifier has no predict_proba: set voting="soft", or wrap it',
    "search over scipy.stats": (
        r"scipy\.stats\._continuous_distns\.uniform_gen, .*which nobody has trusted yet\. If you "
        r'do: UseCase\(trusted_types=\("lightgbm\.basic\.Booster", .*"scipy\.stats\.'
    ),
    "a lambda": r"FunctionTransformer\.func is a lambda: no other process can find it\. Give a",
}
NEEDS_MORE_OUTCOMES = ("ClassifierChain", "MultiOutputClassifier")
NUMBERS = ["taste", "visits"]
INNER = [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3, random_state=1))]
NEEDED: dict[str, dict[str, Any]] = {
    "StackingClassifier": {"estimators": INNER, "cv": 2},
    "VotingClassifier": {"estimators": INNER, "voting": "soft"},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "GaussianProcessClassifier": {"optimizer": None},
    "LogisticRegressionCV": {"Cs": 2, "cv": 2},
    "MLPClassifier": {"hidden_layer_sizes": (5,), "max_iter": 20},
    "TunedThresholdClassifierCV": {"estimator": LogisticRegression(), "cv": 2, "thresholds": 5},
    **{
        name: {"estimator": LogisticRegression()}
        for name in (
            "ClassifierChain",
            "FixedThresholdClassifier",
            "MultiOutputClassifier",
            "OneVsOneClassifier",
            "OneVsRestClassifier",
            "OutputCodeClassifier",
            "SelfTrainingClassifier",
        )
    },
}


def visits(count: int = 200, seed: int = 1) -> pd.DataFrame:
    """Return rows with gaps, a word and an outcome that follows the taste."""
    generator = np.random.default_rng(seed)
    taste = generator.normal(size=count)
    at = pd.date_range("2024-01-01", periods=count, freq="5h", tz="UTC")
    return pd.DataFrame(
        {
            "unit": np.arange(count),
            "event_time": at,
            "label_time": at,
            "taste": np.where(generator.random(count) < 0.1, np.nan, taste),
            "visits": generator.integers(0, 9, count).astype(float),
            "region": np.where(generator.random(count) < 0.5, "north", "south"),
            "outcome": (generator.random(count) < 1 / (1 + np.exp(-2 * taste))).astype(float),
        }
    )


def prepared(*steps: Any, scaler: Any = None) -> Any:
    """Return a pipeline of the steps over whole, scaled numbers and the word."""
    numbers = make_pipeline(SimpleImputer(), scaler or MinMaxScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((words, ["region"]), (numbers, NUMBERS))
    return make_pipeline(columns, *steps)


def on_numbers(*steps: Any) -> Any:
    """Return a logistic regression after the steps on the numbers alone."""
    columns = make_column_transformer((make_pipeline(*steps), NUMBERS))
    return make_pipeline(columns, LogisticRegression())


def classifier(kind: type) -> Any:
    """Return one of scikit-learn's own, small and seeded."""
    found = kind(**NEEDED.get(kind.__name__, {}))
    small = {"random_state": 1, "n_estimators": 5}
    taken = found.get_params()
    return prepared(found.set_params(**{k: v for k, v in small.items() if k in taken}))


def _around() -> dict[str, Callable[[], Any]]:
    """Return the usual steps around a classifier, and the classifiers that hold others."""
    whole = SimpleImputer()
    words, rest = OneHotEncoder(handle_unknown="ignore"), SimpleImputer()
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    select = make_column_selector
    steps: dict[str, tuple[Any, ...]] = {
        "imputer with indicator": (SimpleImputer(add_indicator=True),),
        "imputer of neighbours": (KNNImputer(),),
        "imputer by models": (IterativeImputer(random_state=1),),
        "robust": (whole, RobustScaler()),
        "power": (whole, PowerTransformer()),
        "quantile": (whole, QuantileTransformer(n_quantiles=20, random_state=1)),
        "polynomial": (whole, PolynomialFeatures()),
        "spline": (whole, SplineTransformer()),
        "pca": (whole, PCA(1)),
        "svd": (whole, TruncatedSVD(1, random_state=1)),
        "best by f": (whole, SelectKBest(f_classif, k=1)),
        "best by information": (whole, SelectKBest(mutual_info_classif, k=1)),
        "best by chi2": (whole, MinMaxScaler(), SelectKBest(chi2, k=1)),
        "from a model": (whole, SelectFromModel(LogisticRegression())),
        "elimination": (whole, RFE(LogisticRegression())),
        "bins": (whole, KBinsDiscretizer(n_bins=3, quantile_method="averaged_inverted_cdf")),
        "normalizer": (whole, Normalizer()),
        "binarizer": (whole, Binarizer()),
        "max abs": (whole, MaxAbsScaler()),
        "numpy's log1p": (whole, MinMaxScaler(), FunctionTransformer(np.log1p)),
        "numpy's nan_to_num": (FunctionTransformer(np.nan_to_num),),
        "numpy's clip": (whole, FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1})),
        "a union": (whole, make_union(PCA(1), StandardScaler())),
        "a lambda": (whole, FunctionTransformer(lambda rows: rows)),
    }
    columns = {
        "ordinal": make_column_transformer((codes, ["region"]), remainder=rest),
        "target": make_column_transformer(
            (TargetEncoder(random_state=1), ["region"]), remainder=rest
        ),
        "selectors": make_column_transformer(
            (words, select(dtype_exclude="number")), (rest, select(dtype_include="number"))
        ),
    }
    return {
        **{name: (lambda found=found: on_numbers(*found)) for name, found in steps.items()},
        **{
            name: (lambda found=found: make_pipeline(found, LogisticRegression()))
            for name, found in columns.items()
        },
    }


def _holders() -> dict[str, Callable[[], Any]]:
    """Return classifiers that hold others, searches, and those of other packages."""
    trees = HistGradientBoostingClassifier(max_iter=5, random_state=1)
    forest = RandomForestClassifier(5, random_state=1)
    grid = {"C": [0.1, 1.0]}
    stack = [("forest", forest), ("boosted", trees)]
    stump = DecisionTreeClassifier(max_depth=2)
    last: dict[str, Any] = {
        "isotonic": CalibratedClassifierCV(SVC(), method="isotonic", cv=2),
        "sigmoid": CalibratedClassifierCV(RidgeClassifier(), cv=2),
        "temperature": CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2),
        "sgd": SGDClassifier(loss="log_loss", random_state=1),
        "sgd modified huber": SGDClassifier(loss="modified_huber", random_state=1),
        "bagged svc": BaggingClassifier(SVC(), 3, random_state=1),
        "boosted stumps": AdaBoostClassifier(stump, n_estimators=3, random_state=1),
        "stacked": StackingClassifier(stack, final_estimator=LogisticRegression(), cv=2),
        "grid": GridSearchCV(
            LogisticRegression(), grid, cv=StratifiedKFold(2), scoring="neg_log_loss"
        ),
        "grid of two scores": GridSearchCV(
            LogisticRegression(), grid, cv=2, scoring=["roc_auc", "accuracy"], refit="roc_auc"
        ),
        "random search": RandomizedSearchCV(
            LogisticRegression(), grid, n_iter=2, cv=2, random_state=1
        ),
        "halving": HalvingGridSearchCV(LogisticRegression(), grid, cv=2, random_state=1),
        "search over scipy.stats": RandomizedSearchCV(
            LogisticRegression(),
            {"C": scipy.stats.uniform(0.1, 1)},
            n_iter=2,
            cv=2,
            random_state=1,
        ),
        "gaussian process": GaussianProcessClassifier(1.0 * RBF() + WhiteKernel(), optimizer=None),
        "early stopping": HistGradientBoostingClassifier(
            max_iter=5, early_stopping=True, scoring="roc_auc", random_state=1
        ),
        "many workers": RandomForestClassifier(20, n_jobs=2, random_state=1),
        "a state of chance": RandomForestClassifier(3, random_state=np.random.RandomState(1)),
        "hard voting": VotingClassifier(INNER),
        "lightgbm": LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1, random_state=1),
        "xgboost": XGBClassifier(n_estimators=5, n_jobs=1, random_state=1),
        "neighbours by kd_tree": KNeighborsClassifier(algorithm="kd_tree", metric="manhattan"),
        "neighbours by ball_tree": KNeighborsClassifier(algorithm="ball_tree", metric="chebyshev"),
    }
    words = make_column_transformer((OrdinalEncoder(), ["region"]), remainder="passthrough")
    return {
        **{name: (lambda found=found: prepared(found)) for name, found in last.items()},
        "trees on gaps": lambda: make_pipeline(words, trees),
    }


MATRIX: dict[str, Callable[[], Any]] = {
    **{name: (lambda kind=kind: classifier(kind)) for name, kind in all_estimators("classifier")},
    **_around(),
    **_holders(),
}
