"""Sums by unit up to a day, and the effect that follows from them."""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import isfinite, nan, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kpi_gate.experiment.estimates import Difference, Moments, difference
from kpi_gate.experiment.exposures import Exposures, Floats
from kpi_gate.experiment.result import Effect

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """An effect over all decisions, and what it comes from.

    Attributes:
        estimate: Treatment less control.
        standard_error: Its standard error; NaN where it cannot be told.
        control: Metric of the control, of all its rows.
        treatment: Metric of the treatment.
        units: Units compared, of control and treatment.
        decisions: Decisions of the two.
        triggered: Share of what the metric is divided by on which the policies differ.
        variance_reduction: Share of the variance that the covariate took out.
    """

    estimate: float
    standard_error: float
    control: float
    treatment: float
    units: tuple[int, int]
    decisions: tuple[int, int]
    triggered: float = 1.0
    variance_reduction: float = 0.0

    def tells(self, units: int) -> bool:
        """Whether it may be believed: each arm has so many units, and they differ."""
        return self.standard_error > 0 and min(self.units) >= units


class UnitSums:
    """Sums of each unit over the rows that were added, compared rows apart from all.

    Args:
        log: The exposures.
        kind: What the metric is divided by.
        past: Whether each unit's past is taken out.
    """

    def __init__(
        self, log: Exposures, kind: Literal["decisions", "action", "units"], *, past: bool
    ) -> None:
        self.log, self.kind = log, kind
        self.arms = log.arms_until(0)
        self.room = np.empty((3, log.units))  # made once: days are many
        self.past = log.past if past else None
        self.all = _Table(log.units, apart=log.bottom is not None)
        self.compared = self.all
        if log.differs is not None:
            self.compared = _Table(log.units, apart=log.bottom is not None)

    def add(self, first: int, last: int) -> None:
        """Add the rows that count from one of these days on, the last excluded."""
        log = self.log
        self.arms = log.arms_until(last)
        rows = slice(log.until(first).stop, log.until(last).stop)
        bottom = None if log.bottom is None else log.bottom[rows]
        self.all.add(log.unit[rows], log.top[rows], bottom)
        if log.differs is not None:
            here = log.differs[rows]
            below = None if bottom is None else bottom[here]
            self.compared.add(log.unit[rows][here], log.top[rows][here], below)

    def measured(self) -> Measured:
        """Return the effect of the rows so far, scaled to all decisions."""
        if self.kind == "action" and self.compared is not self.all:
            found, share = self._pooled(), self._share(self.compared.bottom, self.all.bottom)
            return self._whole(found, share, self.compared.rows > 0)
        there, top, bottom = self._compared()
        past = self._past(there)
        arms = [self._moments(arm, there, top, bottom, past) for arm in self.arms]
        found = difference(arms[0], arms[1], ratio=self.kind != "units", past=past is not None)
        share = self._share(bottom, self._below())
        return self._whole(scaled(found, *share), share, there)

    def influence(self) -> Floats:
        """Return what each unit adds to the effect; their squares sum up to its variance."""
        if self.kind == "action" and self.compared is not self.all:
            return self._pooled_influence()[1]
        _, top, bottom = self._compared()
        whole = self._below()
        share, total = self._share(bottom, whole)[0], self._total(whole)
        found, means = np.zeros(self.log.units), []
        for sign, arm in zip((-1, 1), self.arms, strict=True):
            below = float(bottom[arm].sum())
            means.append(float(top[arm].sum()) / below if below > 0 else nan)
            if below > 0:
                found[arm] = sign * share / below * (top[arm] - means[-1] * bottom[arm])
        if share < 1 and all(map(isfinite, means)):  # the share is estimated too
            found += (means[1] - means[0]) * (bottom - share * whole) / total
        return found

    def _compared(self) -> tuple[Bools, Floats, Floats]:
        """Return which units are compared, and their sums."""
        there = self.compared.rows > 0
        if self.kind == "units":  # what happens to a unit later is of the same doing
            return there, self.all.top * there, there.astype(np.float64)
        return there, self.compared.top, self.compared.bottom

    def _below(self) -> Floats:
        if self.kind == "units":
            return (self.all.rows > 0).astype(np.float64)
        return self.all.bottom

    def _share(self, part: Floats, whole: Floats) -> tuple[float, float]:
        """Return the share of the whole that is compared, and its variance."""
        total = self._total(whole)
        if self.compared is self.all or total == 0:
            return 1.0, 0.0
        share = self._total(part) / total
        return share, self._total(np.square(part - share * whole)) / total**2

    def _total(self, column: Floats) -> float:
        """Return the sum over the units that have come."""
        return sum(float(column[arm].sum()) for arm in self.arms)

    def _past(self, there: Bools) -> Floats | None:
        """Return the past of the units compared; one without has the mean of those that have.

        It is the mean of those that have come so far: what comes later changes no look.
        """
        if self.past is None:
            return None
        known = there & np.isfinite(self.past)
        count = sum(int(np.count_nonzero(known[arm])) for arm in self.arms)
        mean = self._total(np.where(known, self.past, 0.0)) / max(count, 1)
        return np.where(known, self.past, mean) * there

    def _moments(
        self, arm: slice, there: Bools, top: Floats, bottom: Floats, past: Floats | None
    ) -> Moments:
        """Return the moments of the units of an arm that are compared."""
        here = there[arm]
        count = int(np.count_nonzero(here))
        names = ("numerator", "denominator", "past")
        given = (top, bottom) if past is None else (top, bottom, past)
        columns = {name: one[arm] for name, one in zip(names, given, strict=False)}
        pairs = list(combinations_with_replacement(columns, 2))
        if count < 2:
            return Moments(count, dict.fromkeys(columns, nan), dict.fromkeys(pairs, nan))
        if count < here.size:
            columns = {name: column[here] for name, column in columns.items()}
        means = {name: float(column.sum()) / count for name, column in columns.items()}
        centred = {
            name: np.subtract(column, means[name], out=room[:count])
            for room, (name, column) in zip(self.room, columns.items(), strict=False)
        }
        spread = {}
        for one, two in pairs:
            apart = float(np.dot(centred[one], centred[two]))
            noise = 1e-24 * count * abs(means[one] * means[two])  # a spread of rounding is none
            spread[one, two] = apart / (count - 1) if abs(apart) > noise else 0.0
        return Moments(count, means, spread)

    def _whole(self, found: Difference, share: tuple[float, float], there: Bools) -> Measured:
        below = self._below()
        means = []
        for arm in self.arms:
            total = float(below[arm].sum())
            means.append(float(self.all.top[arm].sum()) / total if total > 0 else nan)
        counts = [int(there[arm].sum()) for arm in self.arms]
        rows = [int(self.all.rows[arm].sum()) for arm in self.arms]
        return Measured(
            estimate=found.estimate,
            standard_error=found.standard_error,
            control=means[0],
            treatment=means[1],
            units=(counts[0], counts[1]),
            decisions=(rows[0], rows[1]),
            triggered=share[0],
            variance_reduction=found.variance_reduction,
        )

    def _pooled(self) -> Difference:
        estimate, influence = self._pooled_influence()
        return Difference(nan, nan, estimate, sqrt(self._total(np.square(influence))))

    def _pooled_influence(self) -> tuple[float, Floats]:
        """Compare two ratios whose denominator the policies change, on the rows where they differ.

        Rows on which they agree are those of both arms, so both ratios take them from all units.
        """
        units = self.log.units
        agree_top = self.all.top - self.compared.top
        agree_bottom = self.all.bottom - self.compared.bottom
        there = float(np.count_nonzero(self.all.rows))
        found, ratios, below = np.zeros(units), [], []
        for sign, arm in zip((-1, 1), self.arms, strict=True):
            count = float((self.all.rows[arm] > 0).sum())
            if count < 2:
                return nan, np.full(units, nan)
            top = float(self.compared.top[arm].sum()) / count + self._total(agree_top) / there
            low = float(self.compared.bottom[arm].sum()) / count
            low += self._total(agree_bottom) / there
            if low <= 0:
                return nan, np.full(units, nan)
            ratio = top / low
            ratios.append(ratio)
            below.append(low)
            left = self.compared.top[arm] - ratio * self.compared.bottom[arm]
            left = (left - left.sum() / count) * (self.all.rows[arm] > 0)
            found[arm] += sign * left / low / count
        agreed = (agree_top - ratios[1] * agree_bottom) / below[1]
        agreed -= (agree_top - ratios[0] * agree_bottom) / below[0]
        agreed = (agreed - self._total(agreed) / there) * (self.all.rows > 0)
        return ratios[1] - ratios[0], found + agreed / there


class _Table:
    """Sums of each unit: numerator, denominator and rows."""

    def __init__(self, units: int, *, apart: bool) -> None:
        self.top = np.zeros(units)
        self.rows = np.zeros(units)
        self.bottom = np.zeros(units) if apart else self.rows

    def add(self, unit: NDArray[np.int32], top: Floats, bottom: Floats | None) -> None:
        units = self.top.size
        self.top += np.bincount(unit, top, units)
        self.rows += np.bincount(unit, minlength=units)
        if bottom is not None:
            self.bottom += np.bincount(unit, bottom, units)


def scaled(found: Difference, share: float, variance: float) -> Difference:
    """Return the effect over all decisions of one on a share of them, of that variance."""
    error = sqrt(max(share**2 * found.standard_error**2 + found.estimate**2 * variance, 0.0))
    return Difference(
        found.control, found.treatment, share * found.estimate, error, found.variance_reduction
    )


def effect_of(found: Measured, z: float) -> Effect:
    """Return an effect with its interval, z standard errors to either side."""
    return Effect(
        estimate=found.estimate,
        standard_error=found.standard_error,
        lower=found.estimate - z * found.standard_error,
        upper=found.estimate + z * found.standard_error,
        control=found.control,
        treatment=found.treatment,
        units=found.units,
        decisions=found.decisions,
        triggered=found.triggered,
        variance_reduction=found.variance_reduction,
    )


def watched(log: Exposures, column: str, cut: int) -> Difference:
    """Return the effect on a guardrail's mean per decision, of the rows that count at a cut."""
    rows = log.until(cut)
    value = log.watched[column][rows]
    told = np.isfinite(value)
    part = told if log.differs is None else told & log.differs[rows]
    top = np.bincount(log.unit[rows][part], value[part], log.units).astype(np.float64)
    low = np.bincount(log.unit[rows][part], minlength=log.units).astype(np.float64)
    whole = np.bincount(log.unit[rows][told], minlength=log.units).astype(np.float64)
    sums = UnitSums(log, "decisions", past=False)
    sums.arms = log.arms_until(cut)
    sums.compared.top, sums.compared.rows, sums.compared.bottom = top, low, low
    if log.differs is not None:
        sums.all.rows = sums.all.bottom = whole
    found = sums.measured()
    return Difference(found.control, found.treatment, found.estimate, found.standard_error)
