"""Shrinkage of a measured gain towards what past candidates taught: the cure of the winner's curse.

Raw gains of promoted models overstate the truth, because the lucky ones are promoted. The prior
is learnt from every candidate that was ever measured, also the rejected ones. It is a mixture of
normals of several widths (adaptive shrinkage; Stephens 2017, Biostatistics 18:275-294): most
retrainings change next to nothing, and after a drift one of them changes much. A single normal,
learnt in quiet months, would take such a gain for luck.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
WIDTHS = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])  # in median standard errors
PSEUDO_COUNT = 0.5  # candidates that each width is believed to have had before any was seen
ROUNDS = 200


@dataclass(frozen=True)
class Prior:
    """Distribution of true gains among candidates: normals with one mean and several widths.

    Attributes:
        mean: Mean true gain, money per decision.
        widths: Standard deviations, money per decision, shape `(w,)`.
        weights: Their probabilities, shape `(w,)`.
        candidates: How many measured candidates it was learnt from.
    """

    mean: float
    widths: Floats
    weights: Floats
    candidates: int

    def shrink(self, estimate: float, standard_error: float) -> float:
        """Return the posterior mean of a gain measured with a standard error."""
        if standard_error == 0:
            return estimate
        x, s = np.array([estimate]), np.array([standard_error])
        share = _memberships(x, s, self.mean, self.widths, self.weights)[0]
        kept = self.widths**2 / (self.widths**2 + standard_error**2)
        return float(self.mean + share @ kept * (estimate - self.mean))


def learn_prior(estimates: ArrayLike, standard_errors: ArrayLike) -> Prior:
    """Learn the prior by penalised expectation-maximisation.

    Before anything is known, true gains are centred at zero and any width is possible, measured
    in the candidates' own median standard error.

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
    widths, mean = WIDTHS * scale, 0.0
    weights = np.full(widths.size, 1 / widths.size)
    precision = 1 / (widths**2 + s[:, None] ** 2)
    for _ in range(ROUNDS):
        share = _memberships(x, s, mean, widths, weights)
        weights = share.sum(axis=0) + PSEUDO_COUNT
        weights /= weights.sum()
        pull = share * precision
        mean = float((pull.sum(axis=1) @ x) / (pull.sum() + 1 / scale**2))
    return Prior(mean=mean, widths=widths, weights=weights, candidates=int(x.size))


def _memberships(x: Floats, s: Floats, mean: float, widths: Floats, weights: Floats) -> Floats:
    """Return the probability of each width given each measured gain, shape `(k, w)`."""
    variance = widths**2 + s[:, None] ** 2
    log_odds = np.log(weights) - (np.log(variance) + (x[:, None] - mean) ** 2 / variance) / 2
    odds = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
    shares: Floats = odds / odds.sum(axis=1, keepdims=True)
    return shares
