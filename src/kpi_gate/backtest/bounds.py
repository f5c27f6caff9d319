"""Bounds of a total over stretches of days: each stretch has a mean of its own."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kpi_gate.backtest.result import Bounds
from kpi_gate.decision.stats.intervals import (
    MIN_DAYS,
    WEEKS,
    cluster_sums,
    error_by_both,
    interval,
    two_way_error,
    widened,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CORRELATIONS = np.linspace(0.0, 0.9, 19)  # from one day to the next, that are thought possible
SHORT_DAYS = 60  # fewer days show too little of how days hang together
FEWEST_PAIRS = 4  # of adjacent days
ROUNDING = 1e-12  # of the largest value: a spread that is only rounding is none


class Rows(NamedTuple):
    """Decisions of some stretches of history, in time order; all of shape `(n,)`.

    Attributes:
        values: Money of each decision.
        unit: Its unit, such as a customer.
        day: Number of its calendar day.
        stretch: Number of its stretch, from 0 on.
    """

    values: Floats
    unit: Ints
    day: Ints
    stretch: Ints


class Days(NamedTuple):
    """What the days of some stretches earned more or less than is usual in their stretch.

    Attributes:
        number: Calendar days in time order, shape `(d,)`.
        left: Sum of a day's deviations from the mean of its stretch, less the usual of its weekday.
        sizes: Decisions of each day.
        stretch: Stretch of each day.
        free: Days less the means that were taken out.
    """

    number: Ints
    left: Floats
    sizes: Floats
    stretch: Ints
    free: int


def total_bounds(rows: Rows, confidence: float, least: float = 0.0) -> Bounds:
    """Return a total with two-sided bounds: the widest by unit, by day and by both.

    What a stretch earns on average is taken as it is, so that the step of a promotion is no noise.

    Args:
        rows: What is summed up.
        confidence: Of both bounds together, two-sided.
        least: Autocorrelation of days known from a longer history, for a short one.
    """
    if rows.values.size == 0:
        return Bounds(estimate=0.0, lower=None, upper=None)
    left, one_sided = _deviations(rows), (1 + confidence) / 2
    days = by_day(rows)
    views = [interval(*cluster_sums(left, rows.unit), one_sided)]
    if days.number.size > 1:  # a shock of one day hits all its units
        error = together(days, autocorrelation(days, least)) / rows.values.size
        views.append(widened(interval(days.left, days.sizes, one_sided, few=True), error))
    if days.number.size >= MIN_DAYS:
        wider = max(views, key=lambda view: view.standard_error)
        errors = views[0].standard_error, views[1].standard_error
        within = error_by_both(left, rows.unit, rows.day)
        views.append(widened(wider, two_way_error(*errors, within)))
    lower, upper = min(view.lower for view in views), max(view.upper for view in views)
    known, total = bool(np.isfinite([lower, upper]).all()), float(rows.values.sum())
    return Bounds(
        estimate=total,
        lower=total + lower * rows.values.size if known else None,
        upper=total + upper * rows.values.size if known else None,
    )


def _deviations(rows: Rows) -> Floats:
    """Return each decision's distance from the mean of its stretch."""
    sizes = np.maximum(np.bincount(rows.stretch), 1)
    left: Floats = rows.values - (np.bincount(rows.stretch, rows.values) / sizes)[rows.stretch]
    left[np.abs(left) <= ROUNDING * np.abs(rows.values).max()] = 0.0
    return left


def by_day(rows: Rows) -> Days:
    """Sum up the days; a pattern of the week returns in every week, and is no noise."""
    days, first = np.unique(rows.day, return_index=True)
    left, sizes = cluster_sums(_deviations(rows), rows.day)
    stretch = rows.stretch[first]
    free = int(days.size - np.unique(stretch).size)
    if free >= WEEKS * 7:
        weekday = days % 7
        left = left - (np.bincount(weekday, left) / np.maximum(np.bincount(weekday), 1))[weekday]
        free -= 6
    return Days(days, left, sizes, stretch, free)


def autocorrelation(days: Days, least: float = 0.0) -> float:
    """Return how a day's deviation goes on the next calendar day of the same stretch, 0 to 0.9.

    It is the one under which the products of neighbours would be expected to be as they are around
    means that were themselves estimated; so short stretches do not bias it.

    Args:
        days: The days.
        least: What a longer history says, where there are fewer than `SHORT_DAYS`.
    """
    floor = least if days.number.size < SHORT_DAYS else 0.0
    products, expected, pairs = 0.0, np.zeros(CORRELATIONS.size), 0
    for one in np.unique(days.stretch):
        part, when = days.left[days.stretch == one], days.number[days.stretch == one]
        adjacent = np.diff(when) == 1
        products += float((part[1:] * part[:-1])[adjacent].sum())
        pairs += int(adjacent.sum())
        # a product of two deviations, each less the mean of all of the stretch
        expected += adjacent.sum() * (CORRELATIONS - _correlations(when) / when.size**2)
    power = float(days.left @ days.left)
    if pairs < FEWEST_PAIRS or power == 0:
        return floor
    found = np.interp(products / power, expected / _expected_power(days), CORRELATIONS)
    return max(float(found), floor)


def together(days: Days, correlation: float) -> float:
    """Return the standard error of the total of days that hang together."""
    summed, expected = (
        float(np.interp(correlation, CORRELATIONS, at_each))
        for at_each in (_correlations(days.number), _expected_power(days))
    )
    return float(np.sqrt(days.left @ days.left * summed / expected)) if expected > 0 else 0.0


def _expected_power(days: Days) -> Floats:
    """Return the expected sum of squares of days of variance 1, at each of `CORRELATIONS`."""
    expected = np.zeros(CORRELATIONS.size)
    for one in np.unique(days.stretch):
        when = days.number[days.stretch == one]
        expected += when.size - _correlations(when) / when.size
    at_zero = float(expected[0])
    scaled: Floats = expected * (days.free / at_zero) if at_zero > 0 else expected
    return scaled


def _correlations(days: Ints) -> Floats:
    """Return the sum over all pairs of days, each with itself too, at each of `CORRELATIONS`."""
    apart = np.bincount(np.abs(np.subtract.outer(days, days)).ravel()).astype(np.float64)
    summed: Floats = (CORRELATIONS[:, None] ** np.arange(apart.size)) @ apart
    return summed
