"""What the newest decisions are worth before their outcomes are known, as far as a model can tell.

Confidence-based: scores are mapped onto what happened where that is known (isotonic regression),
and the value of both outcomes is weighed by the mapped probability (CBPE; Kivimäki et al. 2024).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime

from kpi_gate.decision.evidence import Window
from kpi_gate.decision.frozen import Frozen
from kpi_gate.evaluation.scored_model import Side
from kpi_gate.evaluation.views import at_decision
from kpi_gate.learning.expected import Expected, value_columns
from kpi_gate.learning.windows import within
from kpi_gate.text import number
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]
FEWEST_KNOWN = 200  # outcomes; fewer make no map
BLIND_SPOT = (
    "This assumes that P(outcome | inputs) has not changed: it cannot see concept drift, and has "
    "reported value up while it fell."
)


class BlindWindow(Frozen):
    """The decisions whose outcomes are not known yet, and what they are expected to be worth.

    Attributes:
        unit: Unit of the KPI, such as EUR.
        start: First moment of the window, UTC.
        end: Its end, the moment of the look.
        decisions: Rows in it.
        per_decision: Expected value per decision, in `unit`; None where it is not available.
        unavailable: Why not; empty where it is.
    """

    unit: str
    start: AwareDatetime
    end: AwareDatetime
    decisions: int
    per_decision: float | None = None
    unavailable: str = ""

    @property
    def sentence(self) -> str:
        """What is expected, with the blind spot of the estimate."""
        rows = f"{self.decisions:,} decisions since {self.start:%Y-%m-%d}"
        if self.per_decision is None:
            return f"Nothing can be said of {rows} before their outcomes: {self.unavailable}."
        worth = f"{number(self.per_decision)} {self.unit} a decision"
        return f"{rows} are expected to be worth {worth}, before their outcomes. {BLIND_SPOT}"


def expect_value(
    use_case: UseCase, side: Side, rows: pd.DataFrame, known: Marks, blind: Window
) -> BlindWindow:
    """Estimate what a side's newest decisions are worth from its scores.

    Args:
        use_case: Whose value model.
        side: The champion at work on the rows.
        rows: Known and new rows.
        known: Rows on which the map is learnt: mature, with their outcome; shape `(n,)`.
        blind: The window that outcomes have not reached yet.
    """
    new = within(rows, blind).to_numpy()
    unit, decisions = use_case.settings.objective.unit, int(new.sum())
    told = BlindWindow(unit=unit, start=blind.start, end=blind.end, decisions=decisions)
    fault = _fault(use_case, side, rows["outcome"].to_numpy(dtype=float)[known], decisions)
    if fault:
        return told.model_copy(update={"unavailable": fault})
    worth = _expected(use_case, side, rows, new, _mapped(side.probability, rows, known, new))
    if not np.isfinite(worth):
        return told.model_copy(update={"unavailable": "their value is not finite"})
    return told.model_copy(update={"per_decision": worth})


def _fault(use_case: UseCase, side: Side, outcomes: Floats, decisions: int) -> str:
    """Say why nothing can be estimated; empty where it can."""
    late = () if use_case.times.weighed else use_case.times.late_amounts
    if late:
        return f"{', '.join(late)} comes with the outcome, and nothing foresees it"
    if use_case.choices is not None:
        return "of logged choices, what another choice brings is not in the scores of the log"
    if side.estimator is None:
        return "a baseline has no scores"
    if not decisions:
        return "there are none"
    if outcomes.size < FEWEST_KNOWN:
        return f"{outcomes.size} outcomes are known, at least {FEWEST_KNOWN} make a map"
    return "all known outcomes are alike" if np.unique(outcomes).size < 2 else ""


def _mapped(scores: Floats, rows: pd.DataFrame, known: Marks, new: Marks) -> Floats:
    """Map new scores onto the share of outcomes that such scores had, each row for its like."""
    from sklearn.isotonic import IsotonicRegression

    learner = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    weights = None
    if "observed" in rows and "propensity" in rows:
        weights = 1 / rows["propensity"].to_numpy(dtype=float)[known]
    learner.fit(scores[known], rows["outcome"].to_numpy(dtype=float)[known], weights)
    return np.asarray(learner.predict(scores[new]), dtype=np.float64)


def _expected(
    use_case: UseCase, side: Side, rows: pd.DataFrame, new: Marks, chance: Floats
) -> float:
    """Return the expected value per decision; of a ratio KPI, per unit of its base."""
    model, parameters, action = use_case.value, use_case.settings.base_values(), side.action[new]
    amounts = {
        name: Expected(found.with_1[new], found.with_0[new]) for name, found in side.amounts.items()
    }
    view = at_decision(use_case, rows[new])
    columns, otherwise = value_columns(view, model, use_case.expected, amounts)
    worth = model.expected(action, chance, columns, parameters, otherwise)
    if model.base is None:
        return float(worth.mean())
    happens, happens_not = (
        np.asarray(model.base(action, outcome, read, parameters), dtype=np.float64)
        for outcome, read in ((np.ones_like(chance), columns), (np.zeros_like(chance), otherwise))
    )
    base = float((chance * happens + (1 - chance) * happens_not).sum())
    return float(worth.sum()) / base if base > 0 else float("nan")
