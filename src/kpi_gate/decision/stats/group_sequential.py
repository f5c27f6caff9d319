"""Looks at an experiment before its end, at a type I error that is that of them all together.

Two-sided boundaries of O'Brien and Fleming (1979) and of Pocock (1977) by the recursive
integration of Armitage, McPherson and Rowe (1969). Where the looks are not equally far apart, each
spends what the planned one would (Slud and Wei 1982), whatever information was really reached.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Floats = NDArray[np.float64]
NORMAL = NormalDist()
FARTHEST = 12.0  # standard errors; nothing is ever seen beyond it
LEAST_STEP = 1e-4  # share by which information must grow, or the look says nothing new
NODES = (96, 1024)  # of the integration: fewest and most
PER_STEP = 6  # nodes in the width of one step


class _Path:
    """Density of the score of what has not crossed yet, look by look."""

    def __init__(self, drift: float) -> None:
        self.drift = drift
        self.information = 0.0
        self.nodes: Floats = np.zeros(1)
        self.weights: Floats = np.ones(1)  # quadrature weight times density

    def outside(self, information: float, bound: float) -> tuple[float, float]:
        """Return the probability to be above the bound at a look, and that to be below it."""
        step, edge = sqrt(information - self.information), bound * sqrt(information)
        middle = self.nodes + self.drift * (information - self.information)
        above = float(self.weights @ ndtr((middle - edge) / step))
        below = float(self.weights @ ndtr((-edge - middle) / step))
        return above, below

    def go_on(self, information: float, bound: float) -> None:
        """Keep what lies within the bound at a look."""
        step, edge = sqrt(information - self.information), bound * sqrt(information)
        middle = self.nodes + self.drift * (information - self.information)
        # beyond these there is nothing
        low = max(-edge, float(middle.min()) - FARTHEST * step)
        high = min(edge, float(middle.max()) + FARTHEST * step)
        count = int(np.clip(PER_STEP * (high - low) / step, *NODES))
        unit, weight = _gauss(count)
        nodes = low + (unit + 1) / 2 * (high - low)
        away = (nodes[:, None] - middle[None, :]) / step
        density = np.exp(-0.5 * away**2) @ self.weights / (step * sqrt(2 * np.pi))
        self.nodes, self.weights = nodes, weight * (high - low) / 2 * density
        self.information = information


@lru_cache(maxsize=64)
def _gauss(count: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return nodes, weights


def crossing(
    bounds: Sequence[float], information: Sequence[float], drift: float = 0.0
) -> tuple[Floats, Floats]:
    """Return the probability of each look to be the first that crosses: upwards, and downwards.

    Args:
        bounds: What |z| must exceed at each look, > 0; infinite where a look cannot cross.
        information: Information at each look, rising; in any unit.
        drift: Effect in that unit: z at a look has the mean `drift * sqrt(information)`.
    """
    path, up, down = _Path(drift), [], []
    for level, bound in zip(information, bounds, strict=True):
        above, below = path.outside(level, min(bound, 3 * FARTHEST))
        up.append(above)
        down.append(below)
        path.go_on(level, min(bound, 3 * FARTHEST))
    return np.asarray(up), np.asarray(down)


def obrien_fleming(looks: int, alpha: float) -> tuple[float, ...]:
    """Return the bounds at equally distant looks: `c * sqrt(looks / number)`.

    Args:
        looks: How many, at least 1.
        alpha: Two-sided type I error of all looks together.
    """
    return _scaled(looks, alpha, lambda number: sqrt(looks / number))


def pocock(looks: int, alpha: float) -> tuple[float, ...]:
    """Return one bound for all of the equally distant looks; takes what `obrien_fleming` takes."""
    return _scaled(looks, alpha, lambda _: 1.0)


def _scaled(looks: int, alpha: float, shape: Callable[[int], float]) -> tuple[float, ...]:
    """Return bounds of a shape, as high as the type I error asks."""
    if looks < 1:
        raise ValueError(f"looks is {looks}, must be at least 1")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, must be in (0, 1)")
    numbers = range(1, looks + 1)

    def excess(height: float) -> float:
        up, down = crossing([height * shape(number) for number in numbers], list(numbers))
        return float(up.sum() + down.sum()) - alpha

    height = float(brentq(excess, NORMAL.inv_cdf(1 - alpha / 2) - 1e-9, FARTHEST, xtol=1e-10))
    return tuple(height * shape(number) for number in numbers)


@lru_cache(maxsize=64)
def spending(looks: int, alpha: float) -> tuple[float, ...]:
    """Return what each of the planned looks spends of the type I error; their sum is `alpha`."""
    up, down = crossing(obrien_fleming(looks, alpha), range(1, looks + 1))
    spent = [float(one) for one in up + down]
    return (*spent[:-1], alpha - sum(spent[:-1]))


def bounds_at(information: Sequence[float], looks: int, alpha: float) -> tuple[float, ...]:
    """Return the bounds of the looks so far, at the information that each really reached.

    Whatever the information is, the looks keep the type I error, as long as it does not hang on
    the effect that was seen. At equal steps the bounds are those of `obrien_fleming`.

    Args:
        information: Information at each look so far, in any unit: 1 / SE^2 of the effect. A look
            that brings next to nothing new cannot cross, and what it would spend is spent later.
        looks: How many are planned.
        alpha: Two-sided type I error of all looks together.
    """
    path, bounds, saved = _Path(0.0), [], 0.0
    for level, spent in zip(information, spending(looks, alpha), strict=False):
        if not level > path.information * (1 + LEAST_STEP):
            bounds.append(inf)
            saved += spent
            continue
        if not bounds or path.information == 0:
            bound = NORMAL.inv_cdf(1 - (spent + saved) / 2)
        else:
            bound = _bound(path, level, spent + saved)
        saved = 0.0
        bounds.append(bound)
        path.go_on(level, bound)
    return tuple(bounds)


def _bound(path: _Path, level: float, spent: float) -> float:
    """Return the bound that is crossed first at a look with a given probability."""

    def excess(bound: float) -> float:
        return sum(path.outside(level, bound)) - spent

    return float(brentq(excess, 0.0, FARTHEST, xtol=1e-10)) if excess(0.0) > 0 else 0.0


@lru_cache(maxsize=64)
def inflation(looks: int, alpha: float, power: float) -> float:
    """Return by how much the looks enlarge the experiment that one look would need.

    Args:
        looks: How many O'Brien-Fleming looks.
        alpha: Two-sided type I error.
        power: Probability to cross upwards.
    """
    bounds, times = obrien_fleming(looks, alpha), [k / looks for k in range(1, looks + 1)]
    single = NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)

    def short(drift: float) -> float:
        return float(crossing(bounds, times, drift)[0].sum()) - power

    return float(brentq(short, single / 2, 2 * single, xtol=1e-9) / single) ** 2
