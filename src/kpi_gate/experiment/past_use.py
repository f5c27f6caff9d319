"""What happened before an experiment: how units come back, and how sure so many weeks make."""

from dataclasses import dataclass
from math import log2, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.plan import Metric

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
WEEK_DAYS = 7.0
QUIET_SPAN = 56  # days that say how long silence usually lasts


@dataclass(frozen=True)
class Span:
    """What so many weeks of the history bring, or would bring.

    Attributes:
        variance: Of the metric, were all units in one arm.
        units: Units that come.
        rows: Decisions.
    """

    variance: float
    units: float
    rows: float


class PastUse:
    """Decisions of the past, and how units and certainty grow with the weeks."""

    def __init__(
        self, history: "pd.DataFrame", names: dict[str, str | None], metric: Metric
    ) -> None:
        self.kind = metric.denominator
        time, self.unit, self.top, self.bottom, past = columns_of(history, names)
        self.last = time.max()
        self.ago = ((self.last - time).dt.total_seconds() / 86_400).to_numpy(np.float64)
        self.days = max(float(self.ago.max()), 1.0)
        top, bottom = self._sums(self.ago <= self.days)
        self.mean = float(top.sum() / bottom.sum())
        self.correlation = 0.0
        if past is not None:
            self.correlation = self._correlation(top - self.mean * bottom, past)
        self.known: dict[float, Span] = {}

    @property
    def quiet_days(self) -> int:
        """Longest stretch of whole days, in the last eight weeks, without a decision."""
        days = np.unique(np.floor(self.ago[self.ago <= QUIET_SPAN]).astype(np.int64))
        return int(np.diff(days).max(initial=1)) - 1

    def _sums(self, rows: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        unit, seen = self.unit[rows], np.bincount(self.unit[rows]) > 0
        top = np.asarray(np.bincount(unit, self.top[rows])[seen], np.float64)
        if self.kind == "units":
            return top, np.ones(top.size)
        return top, np.asarray(np.bincount(unit, self.bottom[rows])[seen], np.float64)

    def _correlation(self, left: Floats, past: Floats) -> float:
        said = np.isfinite(past)
        count = np.bincount(self.unit[said], minlength=left.size)
        mean = np.bincount(self.unit[said], past[said], left.size) / np.maximum(count, 1)
        known = count > 0
        if known.sum() < 3 or mean[known].std() == 0 or left[known].std() == 0:
            return 0.0
        found = float(np.corrcoef(left[known], mean[known])[0, 1])
        return found * sqrt(float(known.mean()))  # those without a past gain nothing

    def _seen(self, days: float) -> Span:
        """Return what the last days brought."""
        if days not in self.known:
            rows = self.ago < days if days < self.days else self.ago <= self.days
            top, bottom = self._sums(rows)
            total, units = float(bottom.sum()), top.size
            left = top - top.sum() / total * bottom if total > 0 else top
            variance = float(np.square(left).sum()) / max(total, 1e-300) ** 2
            variance *= units / max(units - 1, 1)
            self.known[days] = Span(variance, float(units), float(rows.sum()))
        return self.known[days]

    def over(self, weeks: float) -> Span:
        """Return what so many weeks bring; beyond the history, as its second half went on."""
        days = WEEK_DAYS * weeks
        if days <= self.days + 0.5:
            return self._seen(min(days, self.days))
        whole, half = self._seen(self.days), self._seen(self.days / 2)
        longer = log2(days / self.days)
        return Span(
            variance=whole.variance * 2 ** (longer * min(self.slope, 0.0)),
            units=whole.units * 2 ** (longer * min(log2(whole.units / half.units), 1.0)),
            rows=whole.rows * days / self.days,
        )

    @property
    def slope(self) -> float:
        """Power of the weeks with which the variance falls: -1 where all is new."""
        whole, half = self._seen(self.days), self._seen(self.days / 2)
        return float(np.clip(log2(whole.variance / half.variance), -1.0, 0.0))


def columns_of(
    history: "pd.DataFrame", names: dict[str, str | None]
) -> tuple[Any, NDArray[np.int64], Floats, Floats, Floats | None]:
    """Return time, unit codes, numerator, denominator and past of the rows whose value is known."""
    import pandas as pd

    if not isinstance(history, pd.DataFrame):
        raise ExperimentError(f"history is {type(history).__name__}, must be a pandas.DataFrame")
    for role, name in names.items():
        if name is not None and name not in history.columns:
            there = ", ".join(map(str, history.columns))
            raise ExperimentError(f"history has no column {name!r} for the {role}; it has {there}")
    time = history[names["time"]]
    if not isinstance(time.dtype, pd.DatetimeTZDtype):
        raise ExperimentError(
            f"history[{names['time']!r}] holds {time.dtype}, must hold times with a zone: "
            "pandas.to_datetime(…, utc=True)"
        )
    values = _numbers(history, names["value"])
    kept = np.isfinite(values) & history[names["unit"]].notna().to_numpy() & time.notna().to_numpy()
    unit = pd.factorize(history[names["unit"]][kept])[0].astype(np.int64)
    count = int(unit.max()) + 1 if unit.size else 0
    if count < 2:
        raise ExperimentError(f"history has {count} units with a value, must have at least 2")
    top = values[kept]
    bottom = np.ones(top.size)
    if names["action"] is not None:
        bottom = _numbers(history, names["action"])[kept]
        if not (np.isfinite(bottom).all() and (bottom >= 0).all() and bottom.sum() > 0):
            raise ExperimentError(
                f"history[{names['action']!r}] must hold numbers >= 0, and not 0 alone"
            )
    if np.ptp(top) == 0 and np.ptp(bottom) == 0:
        raise ExperimentError(
            f"history[{names['value']!r}] is {top[0]:g} in all rows, must vary to tell a size"
        )
    past = None if names["past"] is None else _numbers(history, names["past"])[kept]
    return time[kept].reset_index(drop=True), unit, top, bottom, past


def _numbers(history: "pd.DataFrame", name: str | None) -> Floats:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(history[name]):
        raise ExperimentError(f"history[{name!r}] holds times, must hold numbers")
    try:
        given = pd.to_numeric(history[name]).to_numpy(np.float64, na_value=np.nan)
        found = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise ExperimentError(f"history[{name!r}] must hold numbers: {error}") from None
    infinite = int(np.isinf(found).sum())
    if infinite:
        raise ExperimentError(f"history[{name!r}] has {infinite} infinite values, must have none")
    return found
