"""Train the variants, choose on the tune window, refit on everything before the gate window."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from kpi_gate.learning.classifiers import NotAClassifierError, require_probabilities
from kpi_gate.learning.levels import level_shares
from kpi_gate.learning.row_scoring import require_scores
from kpi_gate.learning.scoring import ScoringError, probabilities, row_keys
from kpi_gate.learning.windows import Windows, mature_before, never_known, within
from kpi_gate.text import failure

Judge = Callable[[BaseEstimator, pd.DataFrame], float]
Complete = Callable[[BaseEstimator, pd.DataFrame], BaseEstimator]
ALL_HISTORY = "all history"  # name of the variant that leaves no row out


class TrainingError(ValueError):
    """There is too little data to train on; the message says what is missing."""


class FitError(RuntimeError):
    """The estimator itself fails on the rows; the message says how."""


@dataclass(frozen=True)
class Variant:
    """One way to train, and how it did on the tune window.

    Attributes:
        name: Such as `last 3000 rows`.
        rows: Rows it was trained on.
        value: Money per decision on the tune window.
        auc: Area under the ROC curve on the tune window.
        brier: Brier score on the tune window.
    """

    name: str
    rows: int
    value: float
    auc: float
    brier: float


@dataclass(frozen=True)
class Trained:
    """A candidate fresh from training.

    Attributes:
        estimator: Fitted and calibrated classifier.
        variants: All variants, in the order of the settings.
        chosen: Name of the variant that earned most on the tune window.
        rows: Rows of the final fit.
        row_keys: Sorted keys of every row that was trained or tuned on.
        outcome_rate: Share of positive outcomes among the rows of the final fit.
        levels: Share of those rows by slice column and level.
    """

    estimator: BaseEstimator
    variants: tuple[Variant, ...]
    chosen: str
    rows: int
    row_keys: NDArray[np.uint64]
    outcome_rate: float
    levels: Mapping[str, Mapping[str, float]]


def train(  # noqa: PLR0913  (each says one thing of the recipe)
    rows: pd.DataFrame,
    windows: Windows,
    *,
    make: Callable[[], BaseEstimator],
    features: Sequence[str],
    worth: Judge,
    last_rows: Sequence[int | None],
    threads: int,
    calibrate: bool = True,
    slices: Sequence[str] = (),
    complete: Complete = lambda classifier, rows: classifier,
) -> Trained:
    """Train every variant, calibrate and choose on tune, refit the chosen one.

    A row is used only if its outcome was known before the next window began, and if it was old
    enough then for any outcome. The calibration map is learnt on the tune window from a model that
    had not seen it, and carried to the refit.

    Args:
        rows: The snapshot.
        windows: Time windows; the gate window is not touched.
        make: Returns an unfitted classifier.
        features: Input columns.
        worth: (fitted classifier, rows) to the value per decision of its actions; the variants
            are compared by it.
        last_rows: One variant each: the latest rows to train on, or None for all.
        threads: Native threads of one fit.
        calibrate: Whether to map the probabilities onto what happened on tune. The map of a model
            that the world has left behind would also bind the refitted one.
        slices: Columns whose levels are counted.
        complete: (fitted classifier, the rows that it learnt from) to the model with whatever else
            acting needs, such as what an amount will be.

    Raises:
        TrainingError: If a window lacks rows or one of the two outcomes.
        FitError: If the estimator fails on the rows, or gives no probabilities.
        ScoringError: If a variant cannot score the tune window; it names the rows.
    """
    rows = rows.sort_values("event_time", kind="stable")  # so that the last rows are the latest
    delay_days = windows.label_delay_days
    past = rows[within(rows, windows.train) & mature_before(rows, windows.tune.start, delay_days)]
    known = mature_before(rows, windows.gate.start, delay_days)
    in_tune = within(rows, windows.tune)
    tune, judged = rows[in_tune & known], rows[in_tune & (known | never_known(rows))]
    before_gate = rows[(rows["event_time"] < windows.gate.start) & known]
    if past.empty:
        raise TrainingError(_too_young(rows, windows))
    _require_both_outcomes(past, f"train {windows.train}")
    _require_both_outcomes(tune, f"tune {windows.tune}")
    columns = list(features)
    fitted: list[tuple[Variant, BaseEstimator, int | None]] = []
    with threadpool_limits(threads):
        for last in _distinct(last_rows, len(past)):
            part = past if last is None else past.tail(last)
            if part["outcome"].nunique() < 2:
                continue
            model = _fitted(make(), part[columns], part["outcome"])
            name = ALL_HISTORY if last is None else f"last {last} rows"
            if calibrate:
                model = _calibrated(name, model, tune, columns)
            value = _worth_on_tune(name, complete(model, part), judged, columns, worth)
            found = _judge(name, model, tune, columns, value, len(part))
            fitted.append((found, model, last))
        if not fitted:
            raise TrainingError(f"train {windows.train}: no variant sees both outcomes")
        best, model, last = max(fitted, key=lambda entry: entry[0].value)
        final = before_gate if last is None else before_gate.tail(last)
        refit = _fitted(clone(make()), final[columns], final["outcome"])
        if calibrate:
            # the map learnt out of sample is kept; only the model beneath it has seen more rows
            model.estimator = model.calibrated_classifiers_[0].estimator = FrozenEstimator(refit)
        whole = complete(model if calibrate else refit, final)
    return Trained(
        estimator=whole,
        variants=tuple(variant for variant, _, _ in fitted),
        chosen=best.name,
        rows=len(final),
        row_keys=np.unique(np.concatenate([row_keys(final), row_keys(tune)])),
        outcome_rate=float(final["outcome"].mean()),
        levels=level_shares(final, slices),
    )


def rows_of_variant(name: str) -> int | None:
    """Return how many of the latest rows a variant is trained on, by its name; None for all."""
    return None if name == ALL_HISTORY else int(name.split()[1])


def _fitted(estimator: BaseEstimator, inputs: pd.DataFrame, outcome: pd.Series) -> BaseEstimator:
    try:
        fitted = estimator.fit(inputs, outcome)
        require_probabilities(fitted)
    except NotAClassifierError as error:
        raise FitError(str(error)) from error
    except Exception as error:  # the user's estimator may fail in any way
        name = type(estimator).__name__
        empty = [str(column) for column in inputs if inputs[column].isna().all()]
        hint = f" (without any value there: {', '.join(empty)})" if empty else ""
        raise FitError(f"{name} on {len(inputs)} rows{hint}: {failure(error)}") from error
    return fitted


def _calibrated(
    name: str, model: BaseEstimator, tune: pd.DataFrame, columns: Sequence[str]
) -> BaseEstimator:
    """Learn the map of the probabilities on the tune window."""
    found = CalibratedClassifierCV(FrozenEstimator(model), method="sigmoid")
    try:
        return found.fit(tune[columns], tune["outcome"])
    except Exception as error:  # the user's estimator may fail in any way
        require_scores(model, tune, columns, f"on the tune window variant {name}")
        words = f"variant {name} on {len(tune)} rows to tune: {failure(error)}"
        raise FitError(words) from error


def _worth_on_tune(
    name: str, model: BaseEstimator, judged: pd.DataFrame, columns: Sequence[str], worth: Judge
) -> float:
    try:
        return worth(model, judged)
    except ScoringError:
        require_scores(model, judged, columns, f"on the tune window variant {name}")
        raise


def _judge(
    name: str,
    estimator: BaseEstimator,
    tune: pd.DataFrame,
    features: Sequence[str],
    value: float,
    rows: int,
) -> Variant:
    if not np.isfinite(value):
        raise ScoringError(f"variant {name} gives no finite value on the tune window")
    probability, outcome = probabilities(estimator, tune, features), tune["outcome"].to_numpy(float)
    if not np.isfinite(probability).all():
        require_scores(estimator, tune, features, f"on the tune window variant {name}")
    auc, brier = roc_auc_score(outcome, probability), brier_score_loss(outcome, probability)
    return Variant(name, rows, value, float(auc), float(brier))


def _distinct(last_rows: Sequence[int | None], available: int) -> list[int | None]:
    """Drop variants that would see all rows anyway, but for one."""
    wanted = (None if last is None or last >= available else last for last in last_rows)
    return list(dict.fromkeys(wanted))


def _too_young(rows: pd.DataFrame, windows: Windows) -> str:
    """Say from when on there will be rows to train on."""
    said = f"train {windows.train}: 0 rows with a known outcome"
    known = rows.loc[rows["outcome"].notna(), "event_time"]
    if known.empty:
        return f"{said}, and none in any window"
    delay = timedelta(days=windows.label_delay_days)
    apart = windows.gate.end - windows.tune.start
    from_when = known.min() + 2 * delay + apart
    return (
        f"{said}: such rows begin on {known.min():%Y-%m-%d}, and the windows tune and gate "
        f"({apart.days} days) and the delay of the outcomes ({windows.label_delay_days:g} days, "
        f"two times) come after. A first model can be trained from about {from_when:%Y-%m-%d} on, "
        "or sooner with a shorter window.tune_days or gate_min_days in the YAML"
    )


def _require_both_outcomes(part: pd.DataFrame, window: str) -> None:
    outcomes = part["outcome"].value_counts()
    if len(outcomes) < 2 or outcomes.min() < 2:
        raise TrainingError(
            f"{window}: {len(part)} rows with a known outcome, "
            f"{int((part['outcome'] == 1).sum())} of them positive; at least 2 of each are needed"
        )
