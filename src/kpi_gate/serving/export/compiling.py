"""Turn a fitted estimator into steps; what cannot be is named."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import treelite
import treelite.sklearn
from sklearn.base import is_classifier
from sklearn.utils import get_tags

from kpi_gate.serving.export.draft import NOTHING, Draft, NotCompiledError, chained, named
from kpi_gate.serving.export.preparing import compile_transformer
from kpi_gate.serving.program import Spec

SIGMOID = {"kind": "link", "function": "sigmoid"}
TREES = (
    *("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    *("GradientBoostingClassifier", "GradientBoostingRegressor"),
    *("RandomForestClassifier", "RandomForestRegressor"),
    *("ExtraTreesClassifier", "ExtraTreesRegressor"),
)
IN_SINGLE = ("GradientBoosting", "RandomForest", "ExtraTrees", "DecisionTree")  # as float32


def compile_probability(estimator: Any, names: Sequence[str], draft: Draft) -> Spec:
    """Return the steps from columns to the probability of outcome 1.

    Args:
        estimator: Fitted classifier of the outcomes 0 and 1.
        names: Columns that it reads, in order.
        draft: Takes arrays and trees.

    Raises:
        NotCompiledError: If a part has no compiled form.
    """
    return _Compiler(draft).probability(estimator, tuple(names))


def compile_number(estimator: Any, names: Sequence[str], draft: Draft) -> Spec:
    """Return the steps from columns to what a fitted regressor says.

    Raises:
        NotCompiledError: If a part has no compiled form.
    """
    return _Compiler(draft).number(estimator, tuple(names))


Names = tuple[str, ...]


class _Compiler:
    """Knows what each kind of estimator becomes; `names` are the columns that reach it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def probability(self, estimator: Any, names: Names) -> Spec:
        kind = named(estimator)
        inner = self._within(estimator, names, self.probability)
        if inner is not None:
            return inner
        if kind in ("Averaged", "CalibratedClassifierCV", "VotingClassifier"):
            return self._averaged(estimator, names)
        if kind == "DummyClassifier":
            return self._dummy(estimator)
        if kind in _TREE_KINDS:
            return self._trees(estimator, margin=False)
        if kind in ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis"):
            return {**SIGMOID, "inner": self.decision(estimator, names)}
        if kind == "SGDClassifier":
            link = {"log_loss": "sigmoid", "modified_huber": "huber"}.get(estimator.loss)
            if link:
                inner = self.decision(estimator, names)
                return {"kind": "link", "function": link, "inner": inner}
        raise NotCompiledError(f"{kind} has no compiled form")

    def decision(self, estimator: Any, names: Names) -> Spec:
        """Return the steps to what `decision_function` says."""
        kind = named(estimator)
        inner = self._within(estimator, names, self.decision)
        if inner is not None:
            return inner
        if kind in _TREE_KINDS:
            return self._trees(estimator, margin=True)
        if hasattr(estimator, "coef_") and hasattr(estimator, "intercept_"):
            return self._linear(estimator)
        raise NotCompiledError(f"{kind} has no compiled form")

    def number(self, estimator: Any, names: Names) -> Spec:
        """Return the steps to what a regressor predicts."""
        kind = named(estimator)
        inner = self._within(estimator, names, self.number)
        if inner is not None:
            return inner
        if kind == "DummyRegressor":
            return {"kind": "constant", "number": float(np.ravel(estimator.constant_)[0])}
        if kind in _TREE_KINDS:
            return self._trees(estimator, margin=False)
        if is_classifier(estimator):
            raise NotCompiledError(f"{kind} is no regressor")
        if hasattr(estimator, "coef_") and hasattr(estimator, "intercept_"):
            return self._linear(estimator)
        raise NotCompiledError(f"{kind} has no compiled form")

    def _within(
        self, estimator: Any, names: Names, go_on: Callable[[Any, Names], Spec]
    ) -> Spec | None:
        """Look into what only holds another estimator; None where it is one itself."""
        kind = named(estimator)
        if kind == "Pipeline":
            return self._pipeline(estimator, names, go_on)
        if kind == "FrozenEstimator":
            return go_on(estimator.estimator, names)
        if kind == "WithAmounts":
            return go_on(estimator.classifier, names)
        found = getattr(estimator, "best_estimator_", None)
        return None if found is None else go_on(found, names)

    def _pipeline(self, pipeline: Any, names: Names, go_on: Callable[[Any, Names], Spec]) -> Spec:
        steps: list[Spec] = []
        for _, step in pipeline.steps[:-1]:
            if step in (None, "passthrough"):
                continue
            spec, names = compile_transformer(step, names, self.draft)
            steps.append(spec)
        return chained(*steps, go_on(pipeline.steps[-1][1], names))

    def _averaged(self, estimator: Any, names: Names) -> Spec:
        weights = None
        if named(estimator) == "Averaged":
            steps = [self.probability(one, names) for one in estimator.classifiers]
        elif named(estimator) == "VotingClassifier":
            if estimator.voting != "soft":
                raise NotCompiledError("VotingClassifier gives no probabilities")
            steps = [self.probability(one, names) for one in estimator.estimators_]
            weights = estimator._weights_not_none
        else:
            steps = [self._calibrated(one, names) for one in estimator.calibrated_classifiers_]
        if len(steps) == 1:
            return steps[0]
        given = [1.0] * len(steps) if weights is None else [float(w) for w in weights]
        return {"kind": "mean", "steps": steps, "weights": given}

    def _calibrated(self, calibrated: Any, names: Names) -> Spec:
        inner = self.response(calibrated.estimator, names)
        if calibrated.method not in ("sigmoid", "isotonic"):
            raise NotCompiledError(
                f"CalibratedClassifierCV(method={calibrated.method!r}) has no compiled form"
            )
        (map_,) = calibrated.calibrators
        if calibrated.method == "sigmoid":
            shape = {"factor": -float(map_.a_), "shift": -float(map_.b_)}
            return {**SIGMOID, **shape, "inner": inner}
        x, y = self.draft.keep(map_.X_thresholds_), self.draft.keep(map_.y_thresholds_)
        return {"kind": "stairs", "x": x, "y": y, "inner": inner}

    def response(self, estimator: Any, names: Names) -> Spec:
        """Return the steps to what calibration looks at: the decision where there is one."""
        if hasattr(estimator, "decision_function"):
            return self.decision(estimator, names)
        return self.probability(estimator, names)

    def _dummy(self, estimator: Any) -> Spec:
        if estimator.strategy == "prior":
            return {"kind": "constant", "number": float(estimator.class_prior_[1])}
        if estimator.strategy == "most_frequent":
            return {"kind": "constant", "number": float(np.argmax(estimator.class_prior_))}
        raise NotCompiledError(f"DummyClassifier({estimator.strategy!r}) draws lots")

    def _trees(self, estimator: Any, *, margin: bool) -> Spec:
        kind = named(estimator)
        try:
            model = _TREE_KINDS[kind](estimator)
        except Exception as error:  # treelite follows layouts that may have changed
            words = " ".join(str(error).split())[:200]
            raise NotCompiledError(f"{kind}: treelite cannot read it: {words}") from error
        forest = kind.startswith(("RandomForest", "ExtraTrees"))
        at = 1 if forest and is_classifier(estimator) else 0
        spec = {
            "kind": "trees",
            "trees": self.draft.keep_trees(model),
            "margin": margin,
            "at": at,
            "float32": model.input_type == "float32",
        }
        # a link of one's own: the same in all versions of treelite
        return chained(_checked(estimator), spec)

    def _linear(self, estimator: Any) -> Spec:
        weights = np.ravel(estimator.coef_)
        start = np.ravel(np.asarray(estimator.intercept_, dtype=np.float64))[:1]
        many = np.ndim(estimator.coef_) == 2 and np.shape(estimator.coef_)[0] != 1
        if many or start.size != 1:
            raise NotCompiledError(f"{named(estimator)} has more than one weighted sum")
        spec = {
            "kind": "linear",
            "weights": self.draft.keep(weights),
            "start": self.draft.keep(start),
        }
        return chained(_checked(estimator), spec)


def _checked(estimator: Any) -> Spec:
    """Return the step that refuses what an estimator refuses."""
    kind = named(estimator)
    if kind.startswith(("HistGradientBoosting", "LGBM", "XGB")):
        return NOTHING
    return {
        "kind": "whole",
        "words": kind,
        "gaps": bool(get_tags(estimator).input_tags.allow_nan),
        "single": kind.startswith(IN_SINGLE),
    }


def _of_scikit_learn(estimator: Any) -> treelite.Model:
    return treelite.sklearn.import_model(estimator)


def _of_lightgbm(estimator: Any) -> treelite.Model:
    return treelite.frontend.from_lightgbm(estimator.booster_)


def _of_xgboost(estimator: Any) -> treelite.Model:
    return treelite.frontend.from_xgboost(estimator.get_booster())


_TREE_KINDS: dict[str, Callable[[Any], treelite.Model]] = {
    **dict.fromkeys(TREES, _of_scikit_learn),
    **dict.fromkeys(("LGBMClassifier", "LGBMRegressor"), _of_lightgbm),
    **dict.fromkeys(("XGBClassifier", "XGBRegressor"), _of_xgboost),
}
