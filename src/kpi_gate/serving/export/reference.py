"""Decide as the library does, with pandas and the owner's module: what an export must equal."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.scored_model import expect, score
from kpi_gate.evaluation.views import at_decision, rule_of_thumb
from kpi_gate.learning.expected import Amounts, Expected, value_columns
from kpi_gate.learning.policy import expected_advantage
from kpi_gate.learning.row_scoring import score_partly
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.record.model_files import Model
from kpi_gate.serving.predictor import Decided
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.refusal import Refusal

Floats = NDArray[np.float64]
Row = Mapping[str, Any]


MOST_TOLD = 5  # rows of which it is asked why, each by itself


class Reference:
    """A model with its use case, asked with rows as they come over the wire."""

    def __init__(self, model: Model, use_case: UseCase) -> None:
        """Hold both.

        Args:
            model: Loaded; its golden rows say what its columns hold.
            use_case: Whose model.
        """
        self.model, self.use_case = model, use_case
        policy = model.card.policy
        if policy is None:
            raise ValueError(f"{model.name} has no policy: there is nothing to serve")
        self.policy, self._features = policy, list(model.card.features)
        self._like = model.golden.dtypes.to_dict()

    def frame(self, rows: Sequence[Row]) -> pd.DataFrame:
        """Return the rows as `load` would give them, with the types that the model has seen."""
        names = [
            name
            for name in self._like
            if not name.startswith("golden_") and any(name in row for row in rows)
        ]
        table = pd.DataFrame(
            {name: self._column(name, [row.get(name) for row in rows]) for name in names},
            index=range(len(rows)),
        )
        now = pd.Timestamp.now("UTC").as_unit("us")
        said = [row.get("event_time") or now for row in rows]
        at = pd.to_datetime(pd.Series(said, dtype=object), utc=True, format="ISO8601")
        return table.assign(event_time=at.dt.as_unit("us"))

    def _column(self, name: str, values: list[Any]) -> pd.Series:
        like = self._like[name]
        if isinstance(like, pd.CategoricalDtype):
            new = [v for v in dict.fromkeys(values) if v is not None and v not in like.categories]
            return pd.Series(pd.Categorical(values, [*like.categories, *new], ordered=like.ordered))
        if pd.api.types.is_datetime64_any_dtype(like):
            found = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
            return found if getattr(like, "tz", None) else found.dt.tz_localize(None)
        if pd.api.types.is_numeric_dtype(like):
            if any(isinstance(value, str) for value in values):
                return pd.Series(values)  # units have no type of their own
            column = pd.Series(values, dtype=np.float64)
            return column.astype(like) if like.kind == "f" or _fits(column, like) else column
        return pd.Series(values, dtype=like)

    def decide(self, rows: Sequence[Row]) -> Decided:
        """Decide on rows as they come over the wire, before any budget."""
        table = self.frame(rows)
        nothing = np.full(len(table), np.nan)
        found = score_partly(self._scores, table, self._features, nothing)
        scored = ~found.failed
        advantage = nothing.copy()
        faults = self.faults(table, found.failed)
        action = found.scores.copy()
        if self.policy.settings.kind != "probability":
            if scored.any():
                advantage[scored] = self._advantage(table[scored], found.scores[scored])
            weighed = np.isfinite(advantage)
            action = (advantage > self.policy.settings.margin).astype(np.float64)
            faults[scored & ~weighed] = "the value gives no number"
        faulty = faults != ""
        if faulty.any():
            action[faulty] = self.rule(table)[faulty]
        return Decided(
            plain(found.scores),
            [float(x) for x in action],
            [1.0] * len(table),
            [str(words) for words in faults],
            plain(advantage),
        )

    def rule(self, table: pd.DataFrame) -> Floats:
        """Return what the business does without a model; NaN where that cannot be said."""
        try:
            return rule_of_thumb(self.use_case, table)
        except Refusal:
            return np.full(len(table), np.nan)

    def _scores(self, table: pd.DataFrame) -> Floats:
        estimator, features = self.model.estimator, self._features
        expect(estimator, table, features, self.use_case)
        return score(estimator, table, features, self.use_case)

    def faults(self, table: pd.DataFrame, failed: NDArray[np.bool_]) -> NDArray[Any]:
        """Return why each row that failed did; it names no other row.

        Args:
            table: The rows.
            failed: Marks those that the model could not score.
        """
        found = np.full(len(table), "", dtype=object)
        found[failed] = "the model cannot score it"
        for row in np.flatnonzero(failed)[:MOST_TOLD]:
            try:
                self._scores(table.iloc[[row]])
                found[row] = "the model gives no finite number"
            except ScoringError as error:
                found[row] = str(error)
        return found

    def _advantage(self, table: pd.DataFrame, scores: Floats) -> Floats:
        amounts = expect(self.model.estimator, table, self._features, self.use_case)
        view = at_decision(self.use_case, table)
        try:
            return self._weighed(view, scores, amounts)
        except Refusal:  # of one row that has no value
            found = np.full(len(table), np.nan)
            for row in range(len(table) if len(table) > 1 else 0):
                one = slice(row, row + 1)
                part = {name: Expected(*(a[one] for a in pair)) for name, pair in amounts.items()}
                try:
                    found[one] = self._weighed(view.iloc[one], scores[one], part)
                except Refusal:
                    continue
            return found

    def _weighed(self, view: pd.DataFrame, scores: Floats, amounts: Amounts) -> Floats:
        value = self.use_case.value
        columns, otherwise = value_columns(view, value, self.use_case.expected, amounts)
        return expected_advantage(scores, columns, value, self.policy.parameters, otherwise)


def _fits(column: pd.Series, like: Any) -> bool:
    """Whether numbers are whole, none is missing, and all lie within a type."""
    if column.isna().any() or (column != np.floor(column)).any():
        return False
    if like.kind == "b":
        return bool(column.isin([0, 1]).all())
    bounds = np.iinfo(getattr(like, "numpy_dtype", like))
    return bool(column.between(float(bounds.min), float(bounds.max)).all())


def plain(numbers: Floats) -> list[float | None]:
    """Return numbers as JSON holds them: what is not finite is none."""
    return [float(x) if np.isfinite(x) else None for x in numbers]
