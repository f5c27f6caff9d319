"""Turn ensembles of trees into treelite's form: those of scikit-learn, LightGBM and XGBoost."""

import copy
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import treelite
import treelite.sklearn
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from kpi_gate.serving.export.checks import checked
from kpi_gate.serving.export.draft import NOTHING, Draft, NotCompiledError, chained, named
from kpi_gate.serving.export.preparing import compile_transformer
from kpi_gate.serving.program.table import Spec

VOTING = ("RandomForest", "ExtraTree", "DecisionTree")  # they answer with both classes


def compile_trees(estimator: Any, names: tuple[str, ...], draft: Draft, *, margin: bool) -> Spec:
    """Return the steps to what an ensemble says.

    Args:
        estimator: Fitted; a classifier of two classes, or a regressor of one number.
        names: Columns that reach it.
        draft: Takes the trees.
        margin: Whether the sum before its link is wanted.

    Raises:
        NotCompiledError: If treelite cannot read it.
    """
    kind = named(estimator)
    # boosted trees encode their own categories first
    own = getattr(estimator, "_preprocessor", None)
    before = NOTHING
    if own is not None:
        if not _changes_nothing(own):
            before, _ = compile_transformer(own, names, draft)
        estimator = copy.copy(estimator)
        estimator._preprocessor = None
    if kind.startswith("XGB"):
        return _xgboost(estimator, draft)
    if kind.startswith("LGBM") and estimator.booster_.pandas_categorical:
        before = _own_codes(estimator.booster_, names)
    try:
        model = TREES[kind](estimator)
    except Exception as error:  # treelite follows layouts that may have changed
        words = " ".join(str(error).split())[:200]
        raise NotCompiledError(f"{kind}: treelite cannot read it: {words}") from error
    spec = {
        "kind": "trees",
        "trees": draft.keep_trees(model),
        "margin": margin,
        "at": int(kind.startswith(VOTING) and is_classifier(estimator)),
        "float32": model.input_type == "float32",
    }
    return chained(before, checked(estimator), spec)


def _changes_nothing(own: Any) -> bool:
    """Whether categories are numbered as they should be already, and stand first."""
    (_, encoder, marked), *_ = own.transformers_
    first = np.flatnonzero(marked).tolist() == list(range(int(np.sum(marked))))
    levels = [np.asarray(found, dtype=object) for found in encoder.categories_]
    known = [[level for level in found if level == level] for found in levels]  # noqa: PLR0124
    return first and all(found == list(range(len(found))) for found in known)


def _of_one_tree(tree: Any) -> treelite.Model:
    """Read a single tree as a forest of one."""
    forest = RandomForestClassifier(1) if is_classifier(tree) else RandomForestRegressor(1)
    forest.estimators_, forest.n_features_in_ = [tree], tree.n_features_in_
    forest.n_outputs_ = tree.n_outputs_
    if is_classifier(tree):
        forest.n_classes_, forest.classes_ = tree.n_classes_, tree.classes_
    return treelite.sklearn.import_model(forest)


def _of_lightgbm(estimator: Any) -> treelite.Model:
    return treelite.frontend.from_lightgbm(estimator.booster_)


def _own_codes(booster: Any, names: tuple[str, ...]) -> Spec:
    """Return the step that numbers LightGBM's own categories, in the order of their columns."""
    infos, levels = booster.dump_model()["feature_infos"], list(booster.pandas_categorical)
    own = [
        at for at, name in enumerate(booster.feature_name()) if infos.get(name, {}).get("values")
    ]
    if len(own) != len(levels):
        raise NotCompiledError("LightGBM with a category that is always the same")
    columns = [
        {
            "name": names[at],
            "levels": list(known),
            "codes": list(range(len(known))),
            "missing": "nan",
            "unknown": "nan",
        }
        for at, known in zip(own, levels, strict=True)
    ]
    others = [at for at in range(len(names)) if at not in own]
    order = np.argsort([*own, *others]).tolist()
    branches = [[own, {"kind": "codes", "columns": columns}], [others, NOTHING]]
    return chained({"kind": "split", "branches": branches}, {"kind": "take", "places": order})


def _of_booster(estimator: Any) -> treelite.Model:
    booster, best = estimator.get_booster(), getattr(estimator, "best_iteration", None)
    return treelite.frontend.from_xgboost(booster if best is None else booster[: best + 1])


def _xgboost(estimator: Any, draft: Draft) -> Spec:
    """Return the steps of XGBoost: its sums are rounded at every tree, and so must ours be."""
    said = json.loads(estimator.get_booster().save_config())["learner"]
    score, objective = said["learner_model_param"]["base_score"], said["objective"]["name"]
    base = np.float32(np.ravel(json.loads(score))[0])
    if said["gradient_booster"]["name"] != "gbtree":
        raise NotCompiledError(f"XGBoost with {said['gradient_booster']['name']}")
    if "c" in (estimator.get_booster().feature_types or ()):
        raise NotCompiledError("XGBoost with categories of its own has no compiled form")
    spec = {"kind": "in_turn", "trees": draft.keep_trees(_of_booster(estimator))}
    if objective == "reg:squarederror":
        return {**spec, "start": float(base)}
    if objective != "binary:logistic":
        raise NotCompiledError(f"XGBoost with the objective {objective}")
    odds = np.float64(np.float32(1.0) / base - np.float32(1.0))
    inner = {**spec, "start": float(-np.float32(np.log(odds)))}
    return {"kind": "link", "function": "sigmoid in single", "inner": inner}


_SCIKIT_LEARN = ("HistGradientBoosting", "GradientBoosting", "RandomForest", "ExtraTrees")
_ENDINGS = ("Classifier", "Regressor")
TREES: Mapping[str, Callable[[Any], treelite.Model]] = MappingProxyType(
    {
        f"{kind}{ending}": read
        for read, kinds in (
            (treelite.sklearn.import_model, _SCIKIT_LEARN),
            (_of_one_tree, ("DecisionTree", "ExtraTree")),
            (_of_lightgbm, ("LGBM",)),
            (_of_booster, ("XGB",)),
        )
        for kind in kinds
        for ending in _ENDINGS
    }
)
