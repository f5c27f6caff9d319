"""How both policies' difference strayed from day to day before the gate window."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pandas as pd

from kpi_gate.decision.paired_rows import differences
from kpi_gate.decision.stats.day_history import LONG, DayHistory
from kpi_gate.evaluation.evidence_files import day_numbers
from kpi_gate.evaluation.metrics import estimate_sides
from kpi_gate.evaluation.scored_model import make_side
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import Windows, never_known
from kpi_gate.record.model_files import Model
from kpi_gate.usecase.contract import UseCase

MOST_DAYS, MOST_ROWS = 365, 600_000


def days_before(
    models: Mapping[str, Model],
    use_case: UseCase,
    rows: pd.DataFrame,
    windows: Windows,
    rate: float | None,
) -> DayHistory | None:
    """Return the differences of candidate and champion by day, before the gate window.

    The newest days are taken, a year of them and 600,000 rows at most.

    Args:
        models: Champion and candidate.
        use_case: The problem.
        rows: The snapshot's rows.
        windows: Time windows.
        rate: Probability where a side has none.

    Returns:
        None where they are too few to learn from, or the estimator finds nothing in their rows.
    """
    past = _settled_before(rows, windows)
    if past.empty:
        return None
    try:
        champion, candidate = (  # neither name must score every row: what it cannot is left to
            make_side("before", models[name], use_case, past, rate)  # the rule of thumb
            for name in ("champion", "candidate")
        )
    except ScoringError:
        return None  # nothing of these days is known then, and the decision says so
    found = estimate_sides(candidate, champion, use_case, past)
    difference = differences((found.champion, found.candidate), found.bases)
    if found.faults or not np.isfinite(difference).all():
        return None
    return DayHistory.of(difference, day_numbers(past["event_time"]))


def _settled_before(rows: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Return the rows of whole days before the gate window whose outcome is known, or never is."""
    end = windows.gate.start.replace(hour=0, minute=0, second=0, microsecond=0)
    time = rows["event_time"]
    past = rows[(time >= end - timedelta(days=MOST_DAYS)) & (time < end)]
    past = past[past["outcome"].notna() | never_known(past)]
    of_days = past.groupby(past["event_time"].dt.floor("D")).size()[::-1].cumsum()
    kept = of_days.index[of_days <= MOST_ROWS]
    if len(kept) < LONG:  # they would be scored for nothing
        return past[:0]
    return past[past["event_time"] >= kept.min()].reset_index(drop=True)
