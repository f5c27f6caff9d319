"""What staleness costs: the champion's loss in a day against a challenger of newer rows."""

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.stats.intervals import over_days
from kpi_gate.text import percent, total

Floats = NDArray[np.float64]


class Staleness(Frozen):
    """What the champion loses in a day against a challenger trained on newer rows.

    Money is a day, in `unit`; what is not known is None, never 0.

    Attributes:
        unit: Unit of the KPI, such as EUR.
        per_day: Mean of value(challenger) - value(champion), times the decisions of a day.
        standard_error: Its error, from the scatter of the days, wider where they hang together.
        lower: One-sided lower bound at `confidence`.
        upper: One-sided upper bound at `confidence`.
        shrunk: `per_day * max(0, 1 - (standard_error / per_day)^2)`: what is believed.
        days: Days that were judged.
        decisions_per_day: Decisions of one day, as the money counts them.
        confidence: One-sided confidence of the bounds.
        unknown: Why it is not known; empty where it is.
    """

    unit: str
    per_day: float | None = None
    standard_error: float | None = None
    lower: float | None = None
    upper: float | None = None
    shrunk: float | None = None
    days: int = 0
    decisions_per_day: float | None = None
    confidence: float
    unknown: str = ""

    @property
    def is_known(self) -> bool:
        """Whether every number that the rule needs is there and finite."""
        needed = (self.shrunk, self.lower)
        return not self.unknown and all(n is not None and isfinite(n) for n in needed)

    @property
    def sentence(self) -> str:
        """What staleness costs, with its bounds."""
        if not self.is_known:
            return f"What staleness costs is not known: {self.unknown or 'a number is missing'}."
        low, high = total(self.lower), total(self.upper)
        sure = f"{percent(self.confidence)}: {low} to {high}"
        return f"Staleness costs about {total(self.shrunk)} {self.unit} a day ({sure})."


def measure_staleness(
    daily_gain: ArrayLike,
    daily_decisions: ArrayLike,
    confidence: float,
    *,
    unit: str,
    day: ArrayLike | None = None,
    decisions_per_day: float | None = None,
) -> Staleness:
    """Measure what staleness costs a day from the sums of each judged day.

    The error comes from the scatter of the days and not of the rows, which share what befell
    their day. A day without decisions is no day.

    Args:
        daily_gain: Sum of value(challenger) - value(champion) of each day, in time order.
        daily_decisions: Decisions that were compared on each day, >= 0.
        confidence: One-sided confidence of the bounds, in [0.5, 1).
        unit: Unit of the KPI, such as EUR.
        day: Number of each day; those seven apart are the same weekday. By default consecutive.
        decisions_per_day: Decisions that the policy takes in a day, where that is not the mean of
            those compared.

    Raises:
        ValueError: If the arrays do not match, or the confidence is out of its range.
    """
    sums = np.asarray(daily_gain, dtype=np.float64)
    sizes = np.asarray(daily_decisions, dtype=np.float64)
    days = np.arange(sums.size) if day is None else np.asarray(day, dtype=np.int64)
    if not sums.shape == sizes.shape == days.shape or sums.ndim != 1:
        raise ValueError(f"daily_gain {sums.shape}, daily_decisions {sizes.shape} must match")
    if not 0.5 <= confidence < 1:
        raise ValueError(f"confidence == {confidence}, must be in [0.5, 1)")
    fault = _fault(sums, sizes, decisions_per_day)
    if fault:
        return Staleness(unit=unit, confidence=confidence, unknown=fault)
    kept = sizes > 0
    judged = sums[kept], sizes[kept]
    _, found = over_days(*judged, days[kept], confidence)
    volume = float(judged[1].mean()) if decisions_per_day is None else float(decisions_per_day)
    per_day, error = found.estimate * volume, found.standard_error * volume
    shrunk = 0.0
    if abs(per_day) > error:
        shrunk = per_day * (1 - (error / per_day) ** 2)
    return Staleness(
        unit=unit,
        per_day=per_day,
        standard_error=error,
        lower=found.lower * volume,
        upper=found.upper * volume,
        shrunk=shrunk,
        days=int(kept.sum()),
        decisions_per_day=volume,
        confidence=confidence,
    )


def _fault(sums: Floats, sizes: Floats, volume: float | None) -> str:
    """Say why nothing can be measured; empty where it can."""
    bad = int((~(np.isfinite(sums) & np.isfinite(sizes) & (sizes >= 0))).sum())
    if bad:
        return f"{bad} of {sums.size} days have no finite gain or count"
    if volume is not None and not (isfinite(volume) and volume >= 0):
        return f"decisions_per_day == {volume}, must be finite and >= 0"
    judged = int((sizes > 0).sum())
    if judged < 2:
        return f"{judged} days with decisions can be judged, at least 2 are needed"
    return ""
