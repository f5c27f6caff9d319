"""Shrinkage of a measured gain towards what past candidates taught: the cure of the winner's curse.

Raw gains of promoted models overstate the truth, because the lucky ones are promoted. The prior
is learnt from every candidate that was ever measured, also the rejected ones (empirical Bayes;
Efron and Morris 1975).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar


@dataclass(frozen=True)
class Prior:
    """Normal distribution of true gains among candidates.

    Attributes:
        mean: Mean true gain, money per decision.
        spread: Standard deviation of true gains, money per decision.
        candidates: How many measured candidates it was learnt from.
    """

    mean: float
    spread: float
    candidates: int

    def shrink(self, estimate: float, standard_error: float) -> float:
        """Return the posterior mean of a gain measured with a standard error."""
        if standard_error == 0:
            return estimate
        weight = self.spread**2 / (self.spread**2 + standard_error**2)
        return self.mean + weight * (estimate - self.mean)


def learn_prior(estimates: ArrayLike, standard_errors: ArrayLike) -> Prior:
    """Learn the prior by penalised maximum likelihood.

    The scale of the penalty is the candidates' own median standard error: before anything is
    known, true gains are as large as one window can just see, and centred at zero.

    Args:
        estimates: Measured gains of all candidates, shape `(k,)`, k >= 1.
        standard_errors: Their standard errors, shape `(k,)`, positive.

    Raises:
        ValueError: If there is no candidate, or a number is not finite, or an error not positive.
    """
    x, s = np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)
    if x.size == 0 or x.shape != s.shape:
        raise ValueError(f"estimates {x.shape} and standard_errors {s.shape} must match, k >= 1")
    if not (np.isfinite(x).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ValueError("estimates must be finite and standard_errors finite and > 0")
    scale = float(np.median(s))

    def mean_given(spread: float) -> float:
        weight = 1 / (spread**2 + s**2)
        return float(weight @ x / (weight.sum() + 1 / scale**2))

    def penalty(log_spread: float) -> float:
        spread = float(np.exp(log_spread)) * scale
        variance, mean = spread**2 + s**2, mean_given(spread)
        likelihood = float((np.log(variance) + (x - mean) ** 2 / variance).sum()) / 2
        return likelihood + ((mean / scale) ** 2 + (spread / scale) ** 2) / 2 - log_spread

    best = minimize_scalar(penalty, bounds=(-6.0, 6.0), method="bounded")
    spread = float(np.exp(best.x)) * scale
    return Prior(mean=mean_given(spread), spread=spread, candidates=int(x.size))
