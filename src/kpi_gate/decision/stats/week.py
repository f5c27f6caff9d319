"""What returns with the weekday is a pattern, not luck: it widens no interval of whole weeks."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

Floats = NDArray[np.float64]
WEEKS = 2  # a single one does not show what returns
BY_CHANCE = 0.01  # a pattern that chance makes more often is none


def weekday_levels(
    means: Floats, rows: Floats, days: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    """Return how far each weekday lies from a typical week, and which weekdays there are.

    A typical week has as many rows on a Monday as a Monday has on average, so that days left over
    from whole weeks do not count twice (post-stratification, Holt and Smith 1979). An F test of
    the weekdays says whether they differ by more than chance.

    Args:
        means: Mean of each day, money per decision, shape `(d,)`.
        rows: Decisions of each day, positive.
        days: Number of each UTC day; those seven apart are the same weekday.

    Returns:
        Levels of shape `(7,)`, money per decision, all zero where they may be chance; and the
        weekdays that have at least two days.
    """
    levels, weekday = np.zeros(7), days % 7
    times = np.bincount(weekday, minlength=7)
    known = np.flatnonzero(times > 1)
    if days.size < WEEKS * 7 or known.size < 2:
        return levels, known
    weights = np.bincount(weekday, rows, minlength=7)
    mean = float(np.average(means, weights=rows))
    found = np.bincount(weekday, rows * (means - mean), minlength=7) / np.maximum(weights, 1)
    found[times < 2] = 0.0
    left = float((rows * np.square(means - mean - found[weekday])).sum())
    explained = float((weights * np.square(found)).sum())
    apart, within = known.size - 1, days.size - known.size
    if not left > 0 or fdtrc(apart, within, explained / apart / (left / within)) >= BY_CHANCE:
        return levels, known
    typical = weights[known] / times[known]
    levels[known] = found[known] - np.average(found[known], weights=typical)
    return levels, known
