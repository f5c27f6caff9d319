"""Turn a fitted estimator into steps; what cannot be is named."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kpi_gate.serving.export.checks import checked
from kpi_gate.serving.export.draft import Draft, NotCompiledError, chained, named
from kpi_gate.serving.export.forests import TREES, compile_trees
from kpi_gate.serving.export.preparing import compile_transformer
from kpi_gate.serving.program.table import Spec

Names = tuple[str, ...]
GoOn = Callable[[Any, Names], Spec]
LINEAR = ("LogisticRegression", "LogisticRegressionCV", "LinearDiscriminantAnalysis")
LOSSES = {"log_loss": "sigmoid", "modified_huber": "huber"}  # of SGDClassifier
EXPONENTIAL = ("PoissonRegressor", "GammaRegressor")
INVERSES = {np.exp: "exp", np.expm1: "expm1", np.square: "square"}
# what holds another estimator and answers as it does
HOLDERS = {
    "FrozenEstimator": "estimator",
    "WithAmounts": "classifier",
    "FixedThresholdClassifier": "estimator_",
    "TunedThresholdClassifierCV": "estimator_",
    "SelfTrainingClassifier": "estimator_",
}


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


def _none(estimator: Any) -> NotCompiledError:
    return NotCompiledError(f"{named(estimator)} has no compiled form")


class _Compiler:
    """Knows what each kind of estimator becomes; `names` are the columns that reach it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def probability(self, estimator: Any, names: Names) -> Spec:
        kind = named(estimator)
        inner = self._within(estimator, names, self.probability)
        if inner is not None:
            return inner
        made: dict[str, Callable[[Any, Names], Spec]] = {
            "Averaged": self._averaged,
            "VotingClassifier": self._voting,
            "BaggingClassifier": self._bagging,
            "StackingClassifier": self._stacking,
            "CalibratedClassifierCV": self._all_calibrated,
            "DummyClassifier": self._dummy,
        }
        if kind in made:
            return made[kind](estimator, names)
        if kind in TREES:
            return compile_trees(estimator, names, self.draft, margin=False)
        if kind in LINEAR:
            return _linked("sigmoid", self.decision(estimator, names))
        if kind == "SGDClassifier" and estimator.loss in LOSSES:
            return _linked(LOSSES[estimator.loss], self.decision(estimator, names))
        raise _none(estimator)

    def decision(self, estimator: Any, names: Names) -> Spec:
        """Return the steps to what `decision_function` says."""
        inner = self._within(estimator, names, self.decision)
        if inner is not None:
            return inner
        if named(estimator) in TREES:
            return compile_trees(estimator, names, self.draft, margin=True)
        return self._linear(estimator)

    def number(self, estimator: Any, names: Names) -> Spec:
        """Return the steps to what a regressor predicts."""
        kind = named(estimator)
        inner = self._within(estimator, names, self.number)
        if inner is not None:
            return inner
        if kind == "DummyRegressor":
            return {"kind": "constant", "number": float(np.ravel(estimator.constant_)[0])}
        if kind == "TransformedTargetRegressor":
            link = INVERSES.get(estimator.inverse_func)
            if estimator.transformer is not None or link is None:
                raise NotCompiledError(f"{kind} turns back by no function that is known")
            return _linked(link, self.number(estimator.regressor_, names))
        if kind in TREES:
            return compile_trees(estimator, names, self.draft, margin=False)
        found = self._linear(estimator)
        return _linked("exp", found) if kind in EXPONENTIAL else found

    def response(self, estimator: Any, names: Names) -> Spec:
        """Return the steps to what calibration looks at: the decision where there is one."""
        if hasattr(estimator, "decision_function"):
            return self.decision(estimator, names)
        return self.probability(estimator, names)

    def _within(self, estimator: Any, names: Names, go_on: GoOn) -> Spec | None:
        """Look into what only holds another estimator; None where it is one itself."""
        kind = named(estimator)
        if kind == "Pipeline":
            return self._pipeline(estimator, names, go_on)
        held = getattr(estimator, HOLDERS.get(kind, "best_estimator_"), None)
        return None if held is None else go_on(held, names)

    def _pipeline(self, pipeline: Any, names: Names, go_on: GoOn) -> Spec:
        steps: list[Spec] = []
        for _, step in pipeline.steps[:-1]:
            spec, names = compile_transformer(step, names, self.draft)
            steps.append(spec)
        return chained(*steps, go_on(pipeline.steps[-1][1], names))

    def _averaged(self, estimator: Any, names: Names) -> Spec:
        return _mean([self.probability(one, names) for one in estimator.classifiers])

    def _voting(self, estimator: Any, names: Names) -> Spec:
        if estimator.voting != "soft":
            raise NotCompiledError("VotingClassifier gives no probabilities")
        steps = [self.probability(one, names) for one in estimator.estimators_]
        return _mean(steps, estimator._weights_not_none)

    def _bagging(self, estimator: Any, names: Names) -> Spec:
        steps = []
        for one, features in zip(
            estimator.estimators_, estimator.estimators_features_, strict=True
        ):
            places = [int(place) for place in features]
            inner = self.probability(one, tuple(names[place] for place in places))
            steps.append(chained({"kind": "take", "places": places}, inner))
        return chained(checked(estimator), _mean(steps))

    def _stacking(self, estimator: Any, names: Names) -> Spec:
        made = {"predict_proba": self.probability, "decision_function": self.decision}
        every, branches = list(range(len(names))), []
        used = [one for one in estimator.estimators_ if one != "drop"]
        for one, method in zip(used, estimator.stack_method_, strict=True):
            if method not in made:
                raise NotCompiledError(f"StackingClassifier over {method}")
            branches.append([every, made[method](one, names)])
        if estimator.passthrough:
            branches.append([every, {"kind": "take"}])
        final = self.probability(estimator.final_estimator_, tuple(map(str, range(len(branches)))))
        return chained({"kind": "split", "branches": branches}, final)

    def _all_calibrated(self, estimator: Any, names: Names) -> Spec:
        return _mean([self._calibrated(one, names) for one in estimator.calibrated_classifiers_])

    def _calibrated(self, calibrated: Any, names: Names) -> Spec:
        inner, (map_, *_) = self.response(calibrated.estimator, names), calibrated.calibrators
        if calibrated.method == "sigmoid":
            return _linked("sigmoid", inner, factor=-float(map_.a_), shift=-float(map_.b_))
        if calibrated.method == "isotonic":
            x, y = self.draft.keep(map_.X_thresholds_), self.draft.keep(map_.y_thresholds_)
            return {"kind": "stairs", "x": x, "y": y, "inner": inner}
        raise NotCompiledError(
            f"CalibratedClassifierCV(method={calibrated.method!r}) has no compiled form"
        )

    def _dummy(self, estimator: Any, names: Names) -> Spec:
        if estimator.strategy == "prior":
            return {"kind": "constant", "number": float(estimator.class_prior_[1])}
        if estimator.strategy == "most_frequent":
            return {"kind": "constant", "number": float(np.argmax(estimator.class_prior_))}
        raise NotCompiledError(f"DummyClassifier({estimator.strategy!r}) draws lots")

    def _linear(self, estimator: Any) -> Spec:
        if not (hasattr(estimator, "coef_") and hasattr(estimator, "intercept_")):
            raise _none(estimator)
        start = np.ravel(np.asarray(estimator.intercept_, dtype=np.float64))
        rows = np.atleast_2d(estimator.coef_).shape[0]
        if rows != 1 or start.size != 1 or hasattr(estimator.coef_, "toarray"):
            raise NotCompiledError(f"{named(estimator)} is no single weighted sum")
        weights, begin = self.draft.keep(np.ravel(estimator.coef_)), self.draft.keep(start)
        return chained(checked(estimator), {"kind": "linear", "weights": weights, "start": begin})


def _mean(steps: Sequence[Spec], weights: Sequence[float] | None = None) -> Spec:
    given = [1.0] * len(steps) if weights is None else [float(weight) for weight in weights]
    return steps[0] if len(steps) == 1 else {"kind": "mean", "steps": steps, "weights": given}


def _linked(function: str, inner: Spec, **shape: float) -> Spec:
    return {"kind": "link", "function": function, "inner": inner, **shape}
