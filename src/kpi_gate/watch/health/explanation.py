"""Name what happened to a shifted column: other units, another column's values, one value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# what upstream teams change: cents, thousands, months for days, seconds, hours, dozens, weeks
FACTORS = (100, 1000, 30, 60, 24, 12, 7, 10)
STEPS = 1.25 ** np.arange(0, 40)  # bins beyond the usual range, up to a factor of 6,000
LEAST_SHARE = 0.02  # of the rows
LEFT_OVER = 0.35  # of the distance, beyond noise: an explanation must leave less of it


@dataclass(frozen=True)
class Explanation:
    """What happened to a share of the rows.

    Attributes:
        words: What happened, such as `x100`.
        column: Column whose values are there instead; empty where it is another cause.
        share: Share of the rows that it happened to.
        left_over: Share of the distance between both distributions that stays unexplained.
    """

    words: str
    column: str
    share: float
    left_over: float


def explain(
    found: Floats, usual: Floats, others: Mapping[str, Floats] | None = None
) -> Explanation | None:
    """Return the cause that explains a shift best, or None where none explains most of it.

    A cause is tried as a mixture: a share of the rows is changed, the others are as usual.

    Args:
        found: Values of the day, all finite.
        usual: Values of good days, all finite.
        others: Usual values of columns that may be there in its place.
    """
    edges = _edges(usual)
    now, before = _histogram(found, edges), _histogram(usual, edges)
    distance = float(np.abs(now - before).sum())
    noise = float(np.sqrt(2 / np.pi * now * (1 - now) / found.size).sum())
    best: Explanation | None = None
    for words, column, values in _causes(usual, others or {}):
        step = _histogram(values, edges) - before
        size = float(step @ step)
        if size == 0 or distance == 0:
            continue
        share = float(np.clip((now - before) @ step / size, 0, 1))
        left = max(float(np.abs(now - before - share * step).sum()) - noise, 0.0) / distance
        if share >= LEAST_SHARE and left <= LEFT_OVER and (best is None or left < best.left_over):
            best = Explanation(words, column, share, left)
    return best


def _causes(usual: Floats, others: Mapping[str, Floats]) -> Iterator[tuple[str, str, Floats]]:
    """Yield the words, the column and the values of every cause."""
    for factor in FACTORS:
        yield f"x{factor}", "", usual * factor
        yield f"/{factor}", "", usual / factor
    yield "Celsius to Fahrenheit", "", usual * 1.8 + 32
    yield "x-1", "", -usual
    for name, values in others.items():
        yield "", name, values


def _edges(usual: Floats) -> Floats:
    low, *inner, high = np.quantile(usual, [0.001, *np.linspace(0.05, 0.95, 19), 0.999])
    span = max(abs(low), abs(high))
    above = high * STEPS if high > 0 else high + span * (STEPS - 1)
    below = low / STEPS if low > 0 else low - span * (STEPS - 1)
    edges: Floats = np.unique(np.concatenate([below, inner, above]))
    return edges


def _histogram(values: Floats, edges: Floats) -> Floats:
    place = np.searchsorted(edges, values, side="right")
    return np.bincount(place, minlength=edges.size + 1) / max(values.size, 1)
