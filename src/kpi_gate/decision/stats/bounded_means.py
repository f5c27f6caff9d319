"""Bounds of the mean of numbers in [0, 1] that hold at every look at once.

A bet on all Bernoulli alternatives together (Robbins 1970; Krichevsky and Trofimov 1981) is fair
for any numbers in [0, 1] (Waudby-Smith and Ramdas 2024). Against the true mean it wins `1 / alpha`
in at most a share alpha of all courses, however often one looks (Ville 1939). No number of rows
must be planned, and nothing is approximate.
"""

from collections.abc import Callable
from math import inf, lgamma, log
from typing import NamedTuple

_PRIOR = 0.5
_LOG_BETA = 2 * lgamma(_PRIOR) - lgamma(2 * _PRIOR)
_HALVINGS = 40


class Mean(NamedTuple):
    """What was seen of one arm.

    Attributes:
        size: Numbers seen, each of another unit.
        total: Their sum.
    """

    size: float
    total: float

    @property
    def value(self) -> float:
        """The mean; 0 of nothing."""
        return self.total / self.size if self.size else 0.0

    def won(self) -> Callable[[float], float]:
        """Return the function that says what the bet has won against a mean, as a logarithm."""
        hit, missed = max(self.total, 0.0), max(self.size - self.total, 0.0)
        a, b = _PRIOR + hit, _PRIOR + missed
        mixed = lgamma(a) + lgamma(b) - lgamma(a + b) - _LOG_BETA

        def against(mean: float) -> float:
            if (hit and mean <= 0) or (missed and mean >= 1):
                return inf
            likely = hit * log(mean) if hit else 0.0
            return mixed - likely - (missed * log(1 - mean) if missed else 0.0)

        return against

    def lower(self, alpha: float) -> float:
        """Return what the true mean is above, but for a chance `alpha` over all looks."""
        return self._bound(0.0, log(1 / alpha))

    def upper(self, alpha: float) -> float:
        """Return what the true mean is below, but for a chance `alpha` over all looks."""
        return self._bound(1.0, log(1 / alpha))

    def _bound(self, out: float, most: float) -> float:
        won, within = self.won(), self.value
        if won(out) <= most:
            return out
        for _ in range(_HALVINGS):
            middle = (out + within) / 2
            if won(middle) <= most:
                within = middle
            else:
                out = middle
        return out


def surely_above(new: Mean, old: Mean, margin: float, alpha: float) -> bool:
    """Tell whether a mean lies more than a margin above another one, sure at every look.

    Most of `alpha` is spent on the new arm, which has the fewer rows.

    Args:
        new: What was seen of the new arm.
        old: What was seen of the old one.
        margin: How far above it may lie, in [-1, 1].
        alpha: Chance that it says so although it is not so, over all looks together.
    """
    if new.value <= old.value + margin:
        return False
    return new.lower(0.9 * alpha) > old.upper(0.1 * alpha) + margin
