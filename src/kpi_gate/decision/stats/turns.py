"""Where a series of days turns: from then on it has another level, which is no luck of single days.

After a drift the candidate is suddenly worth more than the champion. Around one level before and
after, such a step would look like days that stray far and remember each other for weeks.
"""

from itertools import pairwise, takewhile

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.stats.intervals import memory

Floats = NDArray[np.float64]
MONTH = 28  # days
SHORTEST = 7  # days of one level: fewer may be a storm
CERTAIN = 5.0  # standard errors of the step, at the best of all places for it


def levels_of(means: Floats, rows: Floats, days: NDArray[np.int64]) -> NDArray[np.intp]:
    """Number the levels of a series, by binary segmentation (Scott and Knott 1974).

    As many turns as there are months are tried; what days stray by, and remember, is measured
    between all of them. Those count that are large beside it, the largest first.

    Args:
        means: Mean of each day, money per decision, shape `(d,)`.
        rows: Decisions of each day, positive.
        days: Number of each UTC day, in order.

    Returns:
        Number of each day's level, from 0 on, in time order.
    """
    tried = _splits(means, rows, max(means.size // MONTH, 1))
    levels = _numbered([place for place, _ in tried], means.size)
    left = means - (np.bincount(levels, rows * means) / np.bincount(levels, rows))[levels]
    variance = float((rows * np.square(left)).sum()) / max(means.size - len(tried) - 1, 1)
    known = memory(left, days, around=max(means.size // (len(tried) + 1), 2 * SHORTEST))
    needed = CERTAIN**2 * variance * (1 + known) / (1 - known)
    certain = takewhile(lambda split: split[1] > needed, tried)
    return _numbered([place for place, _ in certain], means.size)


def _splits(means: Floats, rows: Floats, most: int) -> list[tuple[int, float]]:
    """Return the first days of new levels with what each step explains, the best first."""
    found: list[tuple[int, float]] = []
    for _ in range(most):
        edges = [0, *sorted(place for place, _ in found), means.size]
        steps = [_best_split(means, rows, *span) for span in pairwise(edges)]
        place, explained = max(steps, key=lambda step: step[1])
        if not explained > 0:
            break
        found.append((place, explained))
    return found


def _best_split(means: Floats, rows: Floats, first: int, end: int) -> tuple[int, float]:
    """Return where a stretch is best split, and the squares that its two levels explain."""
    places = np.arange(first + SHORTEST, end - SHORTEST + 1)
    if places.size == 0:
        return first, 0.0
    total, weight = np.cumsum(rows[first:end] * means[first:end]), np.cumsum(rows[first:end])
    last = places - first - 1
    before, after = weight[last], weight[-1] - weight[last]
    steps = (total[-1] - total[last]) / after - total[last] / before
    explained = np.square(steps) * before * after / weight[-1]
    best = int(explained.argmax())
    return int(places[best]), float(explained[best])


def _numbered(starts: list[int], size: int) -> NDArray[np.intp]:
    level = np.zeros(size, dtype=np.intp)
    level[starts] = 1
    return np.cumsum(level)
