"""One side of a comparison as a caller gives it: a model, a function, actions, or nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.frames import FrameError
from kpi_gate.data.outcomes import outcomes
from kpi_gate.decision.value.model import Columns, Parameters, ValueModel
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.given_rows import own_copy
from kpi_gate.files.faults import checked
from kpi_gate.files.wording import shorten
from kpi_gate.learning.policy import Policy, PolicySettings
from kpi_gate.learning.scoring import ScoringError, predict_proba

Floats = NDArray[np.float64]
PolicyGiven = PolicySettings | Mapping[str, Any] | float | Callable[..., Any] | None


@dataclass(frozen=True)
class GivenSide:
    """What a side does on the rows.

    Attributes:
        name: `champion` or `candidate`.
        action: What it does on each row, shape `(n,)`.
        score: Its probability of outcome 1, shape `(n,)`; None where it has none.
        estimator: The model; None where there is none.
        inputs: What the model reads.
        is_nothing: Whether it stands for doing nothing.
    """

    name: str
    action: Floats
    score: Floats | None = None
    estimator: Any = None
    inputs: Any = None
    is_nothing: bool = False


@dataclass(frozen=True)
class Acting:
    """What turns scores into actions.

    Attributes:
        policy: As given; None acts where acting is expected to be worth more than not acting.
        value: What an action is worth.
        columns: Row columns that the value reads.
        parameters: Value parameters at their base.
        groups: Gives the code of each row's group, within which a budget holds.
    """

    policy: PolicyGiven
    value: ValueModel
    columns: Columns
    parameters: Parameters
    groups: Callable[[PolicySettings], NDArray[np.int64] | None]

    def actions(self, name: str, score: Floats, rows: Any) -> Floats:
        """Return what is done on each row, shape `(n,)`.

        Raises:
            ConfigurationError: If the policy is none, or answers with anything but an action a row.
        """
        given = self.policy
        if isinstance(given, bool | str | type):
            raise ConfigurationError(
                f"policy is {shorten(given)}, must be None, a threshold, {{kind: ...}} or a "
                "function (scores, rows) -> actions"
            )
        if callable(given):
            return numbers(f"policy on the {name}", given(score.copy(), own_copy(rows)), score.size)
        if isinstance(given, float | int):
            if not 0 <= given <= 1:
                raise ConfigurationError(f"policy == {given}, a threshold must be in [0, 1]")
            return np.where(np.isfinite(score), (score > given).astype(float), np.nan)
        settings = checked(PolicySettings, given or {}, "policy")
        if settings.kind == "choice":
            raise ConfigurationError("policy.kind == 'choice', which logged choices alone have")
        policy = Policy(settings=settings, parameters=dict(self.parameters))
        return policy.actions(score, self.columns, self.value, self.groups(settings))


def read_side(name: str, given: Any, rows: Any, acting: Acting) -> GivenSide:
    """Let a side act on the rows.

    Args:
        name: `champion` or `candidate`.
        given: A fitted classifier with `predict_proba`, a function rows -> actions, an action for
            each row, or None, which never acts.
        rows: A data frame or an array.
        acting: What turns its scores into actions.

    Raises:
        ConfigurationError: If it is none of them, or cannot be applied to the rows.
    """
    if isinstance(given, type):
        raise ConfigurationError(f"{name} is the class {given.__name__}, must be a fitted instance")
    if given is None:
        return GivenSide(name, np.zeros(len(rows)), is_nothing=True)
    if hasattr(given, "predict_proba"):
        inputs, place = _inputs(name, given, rows), _place(name, given)
        try:
            both = predict_proba(given, lambda: inputs, len(rows))
        except ScoringError as error:
            raise ConfigurationError(f"{name} cannot score the rows: {error}") from error
        score = both[:, place]
        action = acting.actions(name, score, rows)
        return GivenSide(name, action, score, given, inputs)
    if hasattr(given, "predict"):
        raise ConfigurationError(
            f"{name} is {type(given).__name__} without predict_proba; calibrate it "
            "(sklearn.calibration.CalibratedClassifierCV), or give a function rows -> actions"
        )
    answer = given(own_copy(rows)) if callable(given) else given
    return GivenSide(name, numbers(name, answer, len(rows)))


def numbers(name: str, given: Any, rows: int) -> Floats:
    """Return one finite number a row, shape `(n,)`.

    Raises:
        ConfigurationError: If it is anything else.
    """
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name} is {shorten(given)}, must be {rows} numbers") from None
    if found.shape != (rows,):
        raise ConfigurationError(f"{name} has shape {found.shape}, must be {(rows,)}: one a row")
    wrong = ~np.isfinite(found)
    if wrong.any():
        at = int(wrong.argmax())
        raise ConfigurationError(f"{name} is {found[at]} in row {at}, must be finite")
    return found


def _inputs(name: str, estimator: Any, rows: Any) -> Any:
    """Return what the model was trained on: its own columns, or an array where it had no names."""
    wanted: Any = getattr(estimator, "feature_names_in_", None)
    if not isinstance(rows, pd.DataFrame):
        named = wanted is not None and len(wanted) == rows.shape[1]
        return pd.DataFrame(rows, columns=list(wanted)) if named else rows
    if wanted is None:
        of_an_array = getattr(estimator, "n_features_in_", None) == rows.shape[1]
        return rows.to_numpy() if of_an_array else rows
    missing = [str(column) for column in wanted if column not in rows.columns]
    if missing:
        raise ConfigurationError(
            f"{name}: X has no column {', '.join(missing)}, which it was trained on"
        )
    return rows[list(wanted)]


def _place(name: str, estimator: Any) -> int:
    """Return which column of `predict_proba` is the probability of outcome 1."""
    classes = pd.Series(getattr(estimator, "classes_", (0, 1)), name="classes_")
    try:
        levels = outcomes(classes).tolist()
    except FrameError:
        levels = []
    if sorted(levels) != [0, 1]:
        raise ConfigurationError(
            f"{name}: its classes are {shorten(classes.tolist())}, must be 0 and 1 (or false and "
            "true, no and yes)"
        )
    return int(levels.index(1))
