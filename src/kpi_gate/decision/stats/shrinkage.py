"""Shrinkage of a measured gain towards what past candidates taught: the cure of the winner's curse.

Raw gains of promoted models overstate the truth, because the lucky ones are promoted. The prior
is learnt from every candidate that was ever measured, also the rejected ones. Two kinds of them
are told apart: most retrainings change next to nothing and gain a little less than nothing against
a champion that has won before; a few, after a drift, change much. How many are of which kind, and
how far the first kind spreads, is uncertain while the ledger is young, so it is not estimated but
averaged over (hierarchical Bayes on a grid; Gelman et al. 2013, chapter 5).

What is believed before any look, in standard errors of one look, was calibrated by
`benchmarks/operating_characteristics.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Floats = NDArray[np.float64]
MEANS = np.linspace(-0.8, 1.4, 12)  # of the first kind
USUAL_MEAN = -0.2  # against a champion that has won before
YOUNG = 8  # candidates: while there are fewer, two that gained must not become a loss by it
WIDTHS = np.array([0.15, 0.3, 0.6, 1.2])  # its standard deviation
WIDTH_ODDS = np.array([125, 25, 5, 1])
SHARES = np.array([0.015, 0.1, 0.3])  # of the second kind: however long it was quiet
SHARE_ODDS = np.array([100, 4, 1])
DRIFTS = np.array([2.0, 4.0, 8.0, 16.0, 32.0])  # standard deviations of the second kind
DRIFT_ODDS = np.array([5, 4, 3, 2, 1])


@dataclass(frozen=True)
class Prior:
    """Distribution of true gains among candidates.

    Attributes:
        scale: Money per decision that is one standard error of a typical look.
        weights: Probability of each (mean, width, share) of the grid, shape `(12, 4, 3)`.
    """

    scale: float
    weights: Floats

    def shrink(self, estimate: float, standard_error: float) -> float:
        """Return the posterior mean of a gain measured with a standard error."""
        if standard_error == 0:
            return estimate
        x, s = np.array([estimate]) / self.scale, np.array([standard_error]) / self.scale
        usual, drift = _likelihoods(x, s)
        kept = WIDTHS**2 / (WIDTHS**2 + s**2)
        if_usual = MEANS[:, None] + kept * (x - MEANS[:, None])
        odds = _normalised(_drift_terms(x, s)[0])
        if_drift = float(odds @ (DRIFTS**2 / (DRIFTS**2 + s**2)) * x[0])
        drifted = np.exp(drift - np.logaddexp(usual, drift))[0]
        mean = (1 - drifted) * if_usual[:, :, None] + drifted * if_drift
        return float((self.weights * mean).sum() * self.scale)

    def middle_half(self) -> tuple[float, float]:
        """Return the quartiles of the true gains that it lets expect, money per decision."""
        odds = DRIFT_ODDS / DRIFT_ODDS.sum()
        usual = (self.weights * (1 - SHARES)).sum(axis=2)  # (12, 4), by mean and width
        drift = float((self.weights * SHARES).sum()) * odds
        centers = np.concatenate([np.repeat(MEANS, WIDTHS.size), np.zeros(DRIFTS.size)])
        spreads = np.concatenate([np.tile(WIDTHS, MEANS.size), DRIFTS])
        parts = np.concatenate([usual.ravel(), drift])

        def below(gain: float, share: float) -> float:
            return float(parts @ ndtr((gain - centers) / spreads)) - share

        far = 3 * float(DRIFTS.max())
        first, third = (brentq(below, -far, far, args=(share,)) for share in (0.25, 0.75))
        return float(first) * self.scale, float(third) * self.scale


def learn_prior(estimates: ArrayLike, standard_errors: ArrayLike) -> Prior:
    """Learn the prior from what was measured.

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
    means = _mean_odds(0.0 if x.size < YOUNG else USUAL_MEAN)
    grid = np.log(means[:, None, None] * WIDTH_ODDS[:, None] * SHARE_ODDS)
    likelihood = np.logaddexp(*_likelihoods(x / scale, s / scale)).sum(axis=0)
    return Prior(scale=scale, weights=_normalised(grid + likelihood))


def _mean_odds(center: float) -> Floats:
    """Return odds as firm as a hundred looks, with a chance that every retraining gains."""
    odds: Floats = np.exp(-(((MEANS - center) / 0.1) ** 2) / 2) + 0.005
    return odds


def _likelihoods(x: Floats, s: Floats) -> tuple[Floats, Floats]:
    """Return the log densities of each look as one of either kind, both `(k, 12, 4, 3)`."""
    variance = (WIDTHS**2 + s[:, None] ** 2)[:, None, :]
    usual = -(np.log(variance) + (x[:, None, None] - MEANS[:, None]) ** 2 / variance) / 2
    drift = np.logaddexp.reduce(_drift_terms(x, s), axis=1)[:, None, None, None]
    whole = usual[..., None] + np.log1p(-SHARES)
    return whole, np.broadcast_to(drift + np.log(SHARES), whole.shape)


def _drift_terms(x: Floats, s: Floats) -> Floats:
    """Return the log of odds times density for each width of the second kind, `(k, 5)`."""
    variance = DRIFTS**2 + s[:, None] ** 2
    odds = np.log(DRIFT_ODDS / DRIFT_ODDS.sum())
    terms: Floats = odds - (np.log(variance) + x[:, None] ** 2 / variance) / 2
    return terms


def _normalised(log_odds: Floats) -> Floats:
    odds = np.exp(log_odds - log_odds.max())
    return np.asarray(odds / odds.sum())
