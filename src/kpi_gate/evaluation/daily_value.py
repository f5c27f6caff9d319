"""Money per decision over some days, with what its scatter between days says of it."""

from math import sqrt

import numpy as np
import pandas as pd
from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.stats.confidence_sequence import half_width
from kpi_gate.decision.stats.intervals import over_days
from kpi_gate.text import number, percent

TUNED_FOR_DAYS = 28.0  # days after which the bounds of every look are tightest


class Worth(Frozen):
    """Money per decision over some days; bounds are None of a single day: it has no scatter.

    Attributes:
        unit: Unit of the KPI, such as EUR.
        first_day: Midnight of the first day, UTC.
        last_day: Midnight of the last day.
        days: Days with decisions.
        decisions: Decisions that were counted.
        per_decision: Mean money per decision.
        standard_error: Its error over the days, wider where they hang together.
        plain_error: The same as if the days did not hang together.
        lower: One-sided lower bound at `confidence`, for one look.
        upper: One-sided upper bound.
        confidence: One-sided confidence of the bounds.
    """

    unit: str
    first_day: AwareDatetime
    last_day: AwareDatetime
    days: int
    decisions: float
    per_decision: float
    standard_error: float | None
    plain_error: float | None
    lower: float | None
    upper: float | None
    confidence: float

    def at_every_look(self, other: "Worth") -> tuple[float, float]:
        """Return bounds that hold at all looks at once: a look a day finds no chance in them.

        Args:
            other: What it is compared with. Where wins are rare and large, days without one look
                steadier than they are: the error is at least what the other's scatter implies.
        """
        own, its = (
            float("inf") if error is None else error
            for error in (self.standard_error, other.plain_error)
        )
        implied = its * sqrt(other.decisions / self.decisions) if self.decisions else 0.0
        spread = max(own, implied) * sqrt(self.days)
        width = half_width(self.days, spread, 1 - self.confidence, TUNED_FOR_DAYS)
        return self.per_decision - width, self.per_decision + width

    @property
    def words(self) -> str:
        """The amount with its bounds, such as `5.12 EUR a decision (95%: 4.8 to 5.4)`."""
        amount = f"{number(self.per_decision)} {self.unit} a decision"
        if self.lower is None or self.upper is None:
            return f"{amount} (a single day: no bounds)"
        bounds = f"{number(self.lower)} to {number(self.upper)}"
        return f"{amount} ({percent(self.confidence)}: {bounds})"


def measure_worth(days: pd.DataFrame, confidence: float, unit: str) -> Worth | None:
    """Measure money per decision over days.

    Args:
        days: One row a day in time order: `day`, `number` (seven apart is the same weekday),
            `money`, `weight` (what money is divided by) and `decisions`.
        confidence: One-sided confidence of the bounds.
        unit: Unit of the KPI, such as EUR.

    Returns:
        None where no day has any weight, or money that is finite.
    """
    kept = days[days["weight"] > 0]
    sums, sizes = (kept[name].to_numpy(dtype=np.float64) for name in ("money", "weight"))
    if kept.empty or not (np.isfinite(sums).all() and np.isfinite(sizes).all()):
        return None
    numbers = kept["number"].to_numpy(dtype=np.int64)
    plain, found = over_days(sums, sizes, numbers, confidence)
    error, alone, low, high = (
        value if np.isfinite(value) else None
        for value in (found.standard_error, plain.standard_error, found.lower, found.upper)
    )
    return Worth(
        unit=unit,
        first_day=kept["day"].iloc[0].to_pydatetime(),
        last_day=kept["day"].iloc[-1].to_pydatetime(),
        days=len(kept),
        decisions=float(kept["decisions"].sum()),
        per_decision=found.estimate,
        standard_error=error,
        plain_error=alone,
        lower=low,
        upper=high,
        confidence=confidence,
    )
