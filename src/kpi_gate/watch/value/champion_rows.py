"""The champion at work on the rows since its gate window, with what is known of their outcomes."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kpi_gate.decision.value.estimators import Estimate
from kpi_gate.evaluation.daily import differences_in_money, judged, own_value, sum_by_day
from kpi_gate.evaluation.daily_value import Worth, measure_worth
from kpi_gate.evaluation.scored_model import Side, make_side
from kpi_gate.evaluation.valuation import estimate
from kpi_gate.learning.label_maturity import Maturity, measure_maturity
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import plan_windows
from kpi_gate.record.model_files import Model
from kpi_gate.run.context import Run

Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class ChampionRows:
    """The champion at work on the rows from its gate window until now.

    Attributes:
        run: The use case and the moment.
        rows: The rows.
        side: The champion on them.
        labels: How outcomes mature, and whether they still come.
        until: Outcomes of events before it are due.
        due: Marks the rows before it, shape `(n,)`.
        usable: Marks those of them whose day has its outcomes.
    """

    run: Run
    rows: pd.DataFrame
    side: Side
    labels: Maturity
    until: datetime
    due: Marks
    usable: Marks

    def compare(self, other: Side, mask: Marks) -> Estimate:
        """Return the value of some rows by another side and by this one."""
        use_case = self.run.use_case
        actions, values = (
            (getattr(other, name)[mask], getattr(self.side, name)[mask])
            for name in ("action", "value")
        )
        base = use_case.settings.base_values()
        return estimate(use_case, self.rows[mask], actions, values, base)

    def own_days(self, mask: Marks) -> pd.DataFrame:
        """Return the champion's own value of some rows, day by day.

        Raises:
            ScoringError: If the estimator cannot use the rows.
        """
        found = self.compare(self.side, mask)
        if found.faults:
            raise ScoringError("; ".join(found.faults))
        return sum_by_day(self.rows[mask], *own_value(found, is_ratio=self._is_ratio))

    def worth(self, mask: Marks) -> Worth | None:
        """Return the champion's own value per decision over some rows."""
        return self._measured(self.own_days(mask)) if mask.any() else None

    def gain(self, replaced: Side, mask: Marks) -> Worth | None:
        """Return the gain per decision over a replaced side; None where it cannot be told."""
        found = self.compare(replaced, mask) if mask.any() else None
        if found is None or found.faults:
            return None
        money = differences_in_money(found, is_ratio=self._is_ratio)
        return self._measured(sum_by_day(self.rows[mask], *money))

    def _measured(self, days: pd.DataFrame) -> Worth | None:
        objective = self.run.use_case.settings.objective
        return measure_worth(days, objective.confidence, objective.unit)

    @property
    def _is_ratio(self) -> bool:
        return self.run.use_case.settings.estimator.kind == "ratio"

    def since(self, moment: datetime) -> Marks:
        """Mark the rows from a moment on."""
        return np.asarray(self.rows["event_time"] >= moment, dtype=np.bool_)


def score_champion(run: Run, rows: pd.DataFrame, champion: Model, begin: datetime) -> ChampionRows:
    """Score the champion on the rows since `begin`, and mark those that can be judged.

    Raises:
        ScoringError: If it cannot score.
        ModelError: If it cannot be read.
    """
    lengths = run.use_case.settings.window
    labels = measure_maturity(rows, run.as_of, lengths.label_delay_days)
    until = plan_windows(
        rows["event_time"], lengths, run.as_of, measured_days=labels.measured_days
    ).gate.end
    in_time = (rows["event_time"] >= begin) & (rows["event_time"] < run.as_of)
    scored = rows[in_time].reset_index(drop=True)
    side = score_side("champion", champion, champion, scored, run)
    if side.failed.any() and side.failed.all():  # then nothing of it can be seen
        raise ScoringError(f"the champion cannot score {side.fault}")
    due = (scored["event_time"] < until).to_numpy()
    usable = due.copy()
    usable[due] = judged(scored[due])
    return ChampionRows(run, scored, side, labels, until, due, usable)


def score_side(name: str, model: Model, champion: Model, rows: pd.DataFrame, run: Run) -> Side:
    """Score rows with one side, within the threads of the use case."""
    with threadpool_limits(int(run.use_case.settings.model["threads"])):
        return make_side(name, model, run.use_case, rows, champion.card.outcome_rate)
