"""What an offline gain is worth online: a line through releases of which both gains are uncertain.

A release has an offline gain and an online lift, each with its error. Least squares on offline
gains bends the slope towards zero, and the more the noisier they are. Here the true offline gains
are first taken from what all candidates taught (empirical Bayes, also over the rejected ones: of
the released ones alone the lucky would be taken for the usual), and the line

    online = intercept + slope * offline + scatter

is averaged over all slopes and scatters on a grid, its intercept integrated out (Daniels and Hughes
1997). The offline gain that is needed for a lift is the surrogate threshold effect of Burzykowski
and Buyse 2006.

All amounts are in one unit, in which a usual offline gain is about 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

Floats = NDArray[np.float64]
SLOPES, SCATTERS = 121, 41  # points of the grid
WIDEST = 6.0  # standard deviations of the prior that the grid begins with
MOST_SCATTER = 5.0  # scales of its prior
FARTHEST = 1e6  # an offline gain beyond it is none
NEGLIGIBLE = 1e-9  # share of the posterior that may lie at an end of the grid


class LinePrior(NamedTuple):
    """What is believed of the line before any release.

    Attributes:
        slope: Mean of the slope; 1 means that offline gains arrive in full.
        slope_error: Its standard deviation.
        intercept: Standard deviation of the intercept, whose mean is 0.
        scatter: Scale of the half-normal prior of the scatter from release to release.
    """

    slope: float = 0.5
    slope_error: float = 0.5
    intercept: float = 0.25
    scatter: float = 0.25


class Population(NamedTuple):
    """True offline gains of candidates: normal, with this mean and standard deviation."""

    mean: float = 0.0
    spread: float = 1.0

    def shrink(self, gain: float, error: float) -> tuple[float, float]:
        """Return mean and variance of the true gain behind a measured one."""
        kept = self.spread**2 / (self.spread**2 + error**2)
        return self.mean + kept * (gain - self.mean), kept * error**2


def learn_population(gains: ArrayLike, errors: ArrayLike) -> Population:
    """Learn what candidates gain, by the most probable mean and spread.

    Before any candidate the mean is believed to be within 1 of 0, and the spread to be up to 1.

    Args:
        gains: Measured offline gains of every candidate, shape `(k,)`; also of the rejected ones.
        errors: Their standard errors.
    """
    x, noise = np.asarray(gains, dtype=np.float64), np.square(np.asarray(errors, dtype=np.float64))

    def mean_at(spread: float) -> float:
        weights = 1 / (spread**2 + noise)
        return float(weights @ x / (weights.sum() + 1))

    def cost(log_spread: float) -> float:
        spread = float(np.exp(log_spread))
        variance, mean = spread**2 + noise, mean_at(spread)
        misfit = (np.log(variance) + (x - mean) ** 2 / variance).sum()
        return float((misfit + mean**2 + spread**2) / 2 - log_spread)

    found = minimize_scalar(cost, bounds=(-6.0, 6.0), method="bounded", options={"xatol": 1e-6})
    spread = float(np.exp(found.x))
    return Population(mean_at(spread), spread)


class Pairs(NamedTuple):
    """Releases with both measurements; all of shape `(n,)`.

    Attributes:
        gain: Mean of the true offline gain, given what was measured and what candidates gain.
        variance: Its variance.
        online: Measured online lifts.
        online_error: Their standard errors, above 0.
        weight: How much of each is remembered: 1 all of it, 0 nothing.
    """

    gain: Floats
    variance: Floats
    online: Floats
    online_error: Floats
    weight: Floats

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> "Pairs":
        """Return pairs of rows of (gain, variance, online, error, weight); there may be none."""
        return cls(*np.asarray(rows, dtype=np.float64).reshape(-1, 5).T)


@dataclass(frozen=True)
class Posterior:
    """What is believed of the line; the prior where there were no releases.

    Attributes:
        slopes: Slopes of the grid, shape `(b, 1)`.
        scatters: Scatters of the grid, shape `(1, t)`.
        weights: Probability of each pair of them, shape `(b, t)`.
        intercept: Mean of the intercept given both, shape `(b, t)`.
        intercept_variance: Its variance.
    """

    slopes: Floats
    scatters: Floats
    weights: Floats
    intercept: Floats
    intercept_variance: Floats

    def p_above(self, target: float, gain: float, variance: float) -> float:
        """Return P(online lift > target) where this is known of the true offline gain."""
        expected, scattered = self._lift(gain, variance)
        chance = ndtr((expected - target) / np.sqrt(scattered))
        return float(min((self.weights * chance).sum(), 1.0))

    def predict(self, gain: float, variance: float) -> tuple[float, float]:
        """Return mean and standard deviation of the online lift."""
        expected, scattered = self._lift(gain, variance)
        mean = float((self.weights * expected).sum())
        whole = float((self.weights * (scattered + (expected - mean) ** 2)).sum())
        return mean, whole**0.5

    def line_at(self, gain: float) -> tuple[float, float]:
        """Return mean and standard deviation of the line itself at a true offline gain."""
        expected = self.intercept + self.slopes * gain
        mean = float((self.weights * expected).sum())
        spread = self.intercept_variance + (expected - mean) ** 2
        return mean, float((self.weights * spread).sum()) ** 0.5

    def _lift(self, gain: float, variance: float) -> tuple[Floats, Floats]:
        """Return mean and variance of the lift at every point of the grid."""
        expected = self.intercept + self.slopes * gain
        scattered = self.intercept_variance + self.scatters**2 + self.slopes**2 * variance
        return expected, np.asarray(np.maximum(scattered, 1e-30))

    def required(self, believed: Population, error: float, target: float, sure: float) -> float:
        """Return the least measured offline gain, 0 or above, with which the lift exceeds a target.

        It is infinite where no gain suffices: the larger it is, the more P(slope > 0) decides.

        Args:
            believed: What candidates gain.
            error: Standard error of the measured gain.
            target: Lift that must be exceeded.
            sure: Probability with which it must be.
        """
        kept = believed.spread**2 / (believed.spread**2 + error**2)

        def suffices(true_gain: float) -> bool:
            return self.p_above(target, true_gain, kept * error**2) >= sure

        low = believed.mean * (1 - kept)  # what a measured gain of 0 is shrunk to
        if suffices(low):
            return 0.0
        for step in np.geomspace(1e-3, FARTHEST, 37):
            high = believed.mean * (1 - kept) + float(step)
            if suffices(high):
                break
            low = high
        else:
            return np.inf
        while high - low > 1e-9 * max(1.0, abs(high)):
            middle = (low + high) / 2
            low, high = (low, middle) if suffices(middle) else (middle, high)
        return max(believed.mean + (high - believed.mean) / kept, 0.0)

    def slope(self) -> tuple[float, float, float]:
        """Return the mean of the slope, and the ends of its central 90 % interval."""
        p, values = self.weights.sum(axis=1), self.slopes[:, 0]
        ends = np.interp((0.05, 0.95), np.cumsum(p) - p / 2, values)
        return float(p @ values), float(ends[0]), float(ends[1])

    def slope_density(self) -> tuple[Floats, Floats]:
        """Return slopes and the density of each."""
        values = self.slopes[:, 0]
        return values, self.weights.sum(axis=1) / np.gradient(values)

    def p_slope_positive(self) -> float:
        """Return P(slope > 0)."""
        return float(self.weights[self.slopes[:, 0] > 0].sum())


def fit_line(pairs: Pairs, prior: LinePrior) -> Posterior:
    """Learn the line; without pairs it is what was believed before.

    The grid moves to where the posterior is: a single precise release may narrow it to far less
    than the prior's width, and may lie far from it.
    """
    center, half = prior.slope, WIDEST * prior.slope_error
    for _ in range(24):
        found = _on_grid(np.linspace(center - half, center + half, SLOPES), pairs, prior)
        p, values = found.weights.sum(axis=1), found.slopes[:, 0]
        mean = float(p @ values)
        width, step = float(np.sqrt(p @ (values - mean) ** 2)), 2 * half / (SLOPES - 1)
        if p[0] + p[-1] > NEGLIGIBLE:
            center, half = mean, 2 * half
        elif width < 2 * step:
            center, half = mean, 8 * max(width, step)
        else:
            break
    return found


def _on_grid(slopes: Floats, pairs: Pairs, prior: LinePrior) -> Posterior:
    """Weigh every slope and scatter of a grid by prior and pairs; the intercept is integrated."""
    slope = slopes[:, None]
    steps = np.linspace(0.0, 1.0, SCATTERS) ** 2  # a small scatter is told from none
    scatter = MOST_SCATTER * prior.scatter * steps[None, :]
    cells = np.convolve(np.diff(steps), (0.5, 0.5), mode="full")
    believed = -(((slope - prior.slope) / prior.slope_error) ** 2) / 2
    believed = believed - (scatter / prior.scatter) ** 2 / 2 + np.log(cells)
    b, t = slope[..., None], scatter[..., None]
    whole = pairs.online_error**2 + t**2 + b**2 * pairs.variance  # (b, t, n)
    rest = pairs.online - b * pairs.gain
    share = pairs.weight / whole
    precision, pull = share.sum(axis=-1), (share * rest).sum(axis=-1)
    free = prior.intercept**2
    misfit = (pairs.weight * np.log(whole)).sum(axis=-1) + np.log1p(free * precision)
    misfit = misfit + (share * rest**2).sum(axis=-1) - free * pull**2 / (1 + free * precision)
    odds = believed - misfit / 2
    weights = np.exp(odds - odds.max())
    known = free / (1 + free * precision)
    return Posterior(
        slopes=slope,
        scatters=scatter,
        weights=weights / weights.sum(),
        intercept=known * pull,
        intercept_variance=known,
    )


def residuals(pairs: Pairs, prior: LinePrior) -> Floats:
    """Return how far each release lies from what the others let expect, in standard deviations."""
    found = np.empty(pairs.online.size)
    for i in range(found.size):
        others = Pairs(*(np.delete(column, i) for column in pairs))
        expected, deviation = fit_line(others, prior).predict(pairs.gain[i], pairs.variance[i])
        found[i] = (pairs.online[i] - expected) / np.hypot(deviation, pairs.online_error[i])
    return found
