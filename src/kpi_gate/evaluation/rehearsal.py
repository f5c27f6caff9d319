"""Fit, store, load and score on a few rows, before a training whose model could not be kept."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from kpi_gate.learning.classifiers import require_probabilities
from kpi_gate.learning.expected import AmountError
from kpi_gate.learning.scoring import ScoringError, probabilities
from kpi_gate.learning.training import Complete
from kpi_gate.record import model_files
from kpi_gate.record.registered import ModelError
from kpi_gate.usecase.contract import UseCase

ROWS_EACH = 40  # of each outcome
SMALL = 10  # trees or rounds: each more is of the same types
SIZES = ("n_estimators", "max_iter", "iterations")


def _as_it_is(classifier: Any, _: pd.DataFrame) -> Any:
    return classifier


def rehearse(use_case: UseCase, rows: pd.DataFrame, complete: Complete = _as_it_is) -> None:
    """Refuse an estimator whose model could be trained, but not stored, loaded or asked.

    An estimator that fails on so few rows is not refused for it: then the real training tells.

    Args:
        use_case: Whose estimator.
        rows: Rows to take a few from; those without an outcome are left out.
        complete: (fitted classifier, its rows) to the model with whatever else acting needs.

    Raises:
        NotAClassifierError: If it gives no probabilities of the outcomes 0 and 1.
        ModelError: If it cannot be stored, or not be loaded, or scores differently then.
    """
    few = _few(rows)
    estimator = _small(use_case.estimator(use_case.settings.model))
    with threadpool_limits(int(use_case.settings.model["threads"])), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitted = estimator.fit(few[use_case.feature_names], few["outcome"])
        except Exception:  # noqa: BLE001  (the user's estimator may fail in any way on few rows)
            return
        require_probabilities(fitted)
        try:
            fitted = complete(fitted, few)
        except AmountError:  # as of the classifier itself
            return
        content = model_files.dump_model(fitted)
        loaded = model_files.parse_model(content, use_case.trusted_types)
        try:
            before = probabilities(fitted, few, use_case.feature_names)
        except ScoringError:  # told with its rows when it is trained
            return
        try:
            after = probabilities(loaded, few, use_case.feature_names)
        except ScoringError as error:
            name = type(fitted).__name__
            raise ModelError(
                f"{name} cannot score once it was stored and loaded: {error}"
            ) from error
    wrong = int((~np.equal(before, after) & ~(np.isnan(before) & np.isnan(after))).sum())
    if wrong:
        raise ModelError(
            f"{type(fitted).__name__} scores {wrong} of {len(few)} rows differently once it was "
            "stored and loaded: keep all that it has learnt in attributes"
        )


def _few(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the latest rows of each outcome."""
    known = rows[rows["outcome"].notna()]
    return known.groupby("outcome", observed=True).tail(ROWS_EACH)


def _small(estimator: Any) -> Any:
    """Return the estimator with few trees or rounds, where it has such parameters."""
    try:
        given = estimator.get_params()
        many = {
            name: SMALL
            for name, value in given.items()
            if name.rpartition("__")[2] in SIZES and isinstance(value, int) and value > SMALL
        }
        return estimator.set_params(**many) if many else estimator
    except Exception:  # noqa: BLE001  (parameters are the user's code)
        return estimator
