"""What each unit's metric was before an experiment: the covariate that takes noise out (CUPED)."""

from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.given_columns import identities
from kpi_gate.evaluation.valuation import row_values
from kpi_gate.evaluation.views import rule_of_thumb
from kpi_gate.experiment.plan import Metric
from kpi_gate.usecase.contract import UseCase

FEWEST_BACK = 0.1  # share of the decisions whose unit was there before: below it nothing is won


def past_of(
    use_case: UseCase, rows: pd.DataFrame, before: datetime, metric: Metric
) -> pd.Series:  # of floats, by unit
    """Return the mean of each unit's metric before a moment, had the rule of thumb acted.

    No model has a say in it, so it is the same whoever is champion, and known before the start.

    Args:
        use_case: Whose rows.
        rows: Its rows, with their outcomes.
        before: Outcomes that became known later are left out.
        metric: What is summed.
    """
    known = rows[(rows["event_time"] < before) & (rows["label_time"] < before)]
    known = known[known["outcome"].notna()].reset_index(drop=True)
    if metric.numerator == "outcome" or known.empty:
        values = known["outcome"].to_numpy(dtype=np.float64)
    else:
        action = rule_of_thumb(use_case, known)
        values = row_values(use_case, known, action, use_case.settings.base_values())
    return pd.Series(values, dtype=np.float64).groupby(identities(known["unit"]).to_numpy()).mean()


def past_column(units: pd.Series, past: pd.Series) -> NDArray[np.float64]:
    """Return the past of each row's unit, NaN where it has none."""
    found: NDArray[np.float64] = identities(units).map(past).to_numpy(dtype=np.float64)
    return found
