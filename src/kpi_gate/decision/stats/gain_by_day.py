"""The gain as its days show it: a shock of one day hits all its units."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpi_gate.decision.stats.day_history import DayHistory, spread_of_mean
from kpi_gate.decision.stats.gain_chance import Chance, Ratio
from kpi_gate.decision.stats.intervals import (
    MIN_DAYS,
    Interval,
    cluster_sums,
    day_factor,
    error_by_both,
    interval,
    memory,
    remembering,
    two_way_error,
    widened,
)
from kpi_gate.decision.stats.week import weekday_levels

Floats = NDArray[np.float64]


class ByDay(NamedTuple):
    """What the days say of a gain.

    Attributes:
        views: Intervals over days, over days and units, and of the days before, where they apply;
            the first is that over days.
        chances: P(gain > threshold) by each.
        expected: Standard error as it is best guessed, that by unit among the guesses.
        top_day: The day that strays most, its share of the variance, and the mean without it.
    """

    views: list[Interval]
    chances: list[float]
    expected: float
    top_day: tuple[int, float, float]


def view_by_day(
    values: Floats,
    unit: ArrayLike,
    day: ArrayLike,
    by_unit: Interval,
    chance: Chance,
    *,
    confidence: float,
    history: DayHistory | None,
    ratio: Ratio | None,
) -> ByDay:
    """Look at the differences of two days or more.

    Args:
        values: Difference of each row, shape `(n,)`, finite.
        unit: Cluster of each row, shape `(n,)`.
        day: Day of each row in time order, shape `(n,)`.
        by_unit: The interval over units.
        chance: What P(gain > threshold) is asked of.
        confidence: One-sided confidence of the bounds.
        history: What days did before the window, where it is long.
        ratio: What a ratio KPI is made of.
    """
    numbers = np.unique(np.asarray(day))
    sums, rows = cluster_sums(values, day)
    week, fitted = _week(sums / rows, rows, numbers, history)
    by_day = sums - rows * week[numbers % 7], rows
    plain = interval(*by_day, confidence, few=True, fitted=fitted)
    together = _hanging_together(plain, by_day, numbers, history, confidence)
    views = [together]
    if week.any():
        chances = [chance.by_student(plain, numbers.size - fitted)]
    else:
        chances = [chance.of(*by_day, plain, ratio and ratio.by(day))]
    expected = max(by_unit.standard_error, together.standard_error)
    if numbers.size >= MIN_DAYS:  # fewer do not tell the two apart
        wider = max(by_unit, together, key=lambda view: view.standard_error)
        likely = plain.standard_error * (1.0 if history else day_factor(*by_day, numbers))
        within = error_by_both(values, unit, day)
        both, expected = (
            two_way_error(by_unit.standard_error, error, within)
            for error in (together.standard_error, likely)
        )
        views.append(widened(wider, both))
    widest = max(by_unit.standard_error, *(view.standard_error for view in views))
    if widest > max(by_unit.standard_error, plain.standard_error):  # no bootstrap knows it
        chances.append(chance.by_student(views[-1], numbers.size - fitted))
    if history is not None:
        views.append(history.interval(plain.estimate, numbers, by_day[1], confidence))
        chances.append(history.chance(views[-1], chance.threshold))
        expected = max(expected, views[-1].standard_error)
    return ByDay(views, chances, expected, _top_day(by_day, numbers, plain.estimate))


def _top_day(
    by_day: tuple[Floats, Floats], days: NDArray[np.int64], mean: float
) -> tuple[int, float, float]:
    """Return the day that strays most, its share of the variance, and the mean without it."""
    sums, rows = by_day
    strays = np.square(sums - mean * rows)
    top = int(strays.argmax())
    without = (sums.sum() - sums[top]) / (rows.sum() - rows[top])
    return int(days[top]), float(strays[top] / (strays.sum() or 1.0)), float(without)


def _week(
    means: Floats, rows: Floats, days: NDArray[np.int64], history: DayHistory | None
) -> tuple[Floats, int]:
    """Return what returns with the weekday, as the days before the window show it, or its own.

    Returns:
        Levels of the weekdays, and how many means were taken from the window's days.
    """
    if history is not None:
        return history.week, 1
    levels, known = weekday_levels(means, rows, days)
    return levels, known.size if levels.any() else 1


def _hanging_together(
    plain: Interval,
    by_day: tuple[Floats, Floats],
    days: NDArray[np.int64],
    history: DayHistory | None,
    confidence: float,
) -> Interval:
    """Return the interval over days that may hang together."""
    sums, rows = by_day
    if history is None:
        strays = sums - plain.estimate * rows
        return remembering(plain, memory(strays, days, doubt=True), days.size, confidence)
    factor = np.sqrt(spread_of_mean(history.memory, days, rows))
    return widened(plain, plain.standard_error * float(factor))
