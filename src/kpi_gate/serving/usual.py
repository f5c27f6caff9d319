"""What two versions do on rows that are usual: the golden rows of the new one."""

from collections.abc import Iterable, Sequence
from math import isfinite, sqrt
from typing import NamedTuple, Protocol

import numpy as np

CUTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of the golden scores
_NOISE = 3.0  # standard errors by which few golden rows may differ from what is usual
_TAILS = (0.01, 0.99)


class Scored(Protocol):
    """What a version says of rows."""

    @property
    def score(self) -> Sequence[float | None]:
        """Its scores; None where it has none."""

    @property
    def action(self) -> Sequence[float]:
        """Its actions."""

    @property
    def advantage(self) -> Sequence[float | None]:
        """What acting is worth beyond not acting, as it sees it; None where it does not say."""


class Answered(Scored, Protocol):
    """What a version says of rows that it may not be able to score."""

    @property
    def fault(self) -> Sequence[str]:
        """Why it could not score a row; empty where it could."""


class Usual(NamedTuple):
    """What is known of a version and the one before it, before anybody gets it.

    Attributes:
        golden: What both say of the same golden rows; None where nobody knows.
        acts_more: By how much more often the gate saw the new one act than the one before, on the
            same rows; None where it did not compare these two.
        last_action: The largest action: 1, or the place of the last level.
    """

    golden: tuple[Scored, Scored] | None = None
    acts_more: float | None = None
    last_action: float = 1.0


def comparable(new: Answered, old: Answered) -> tuple[Scored, Scored] | None:
    """Return what two versions say of the same rows; None where one could not score them all."""
    return None if any(new.fault) or any(old.fault) else (new, old)


def difference(
    mine: Iterable[float | None], before: Iterable[float | None]
) -> tuple[float, float] | None:
    """Return the mean difference over the same rows, and how far chance may have moved it.

    None where fewer than two rows have both numbers.
    """
    pairs = zip(mine, before, strict=True)
    known = np.array([a - b for a, b in pairs if a is not None and b is not None], np.float64)
    if known.size < 2:
        return None
    return float(known.mean()), _NOISE * float(known.std(ddof=1)) / sqrt(known.size)


def cuts_of(golden: Scored) -> tuple[float, ...]:
    """Return the scores at which rows are divided; none where there are no scores."""
    score = [one for one in golden.score if one is not None and isfinite(one)]
    return tuple(np.quantile(np.array(score, np.float64), CUTS).tolist()) if score else ()


def range_of(*golden: Scored) -> tuple[float, float] | None:
    """Return between which advantages nearly all rows lie; None where they are all one."""
    each = [one for scored in golden for one in scored.advantage]
    known = [one for one in each if one is not None and isfinite(one)]
    if not known:
        return None
    low, high = np.quantile(np.array(known, np.float64), _TAILS).tolist()
    return (low, high) if high > low else None
