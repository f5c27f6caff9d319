"""A regression with a level for each unit and each period, its errors clustered by unit."""

import importlib
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtrit

from kpi_gate.errors import ConfigurationError

Floats = NDArray[np.float64]
TURNS, CLOSE = 10_000, 1e-12  # of taking out means, until nothing of them is left


class Fit(NamedTuple):
    """What was estimated.

    Attributes:
        effects: The coefficients, shape `(k,)`.
        covariance: Theirs, clustered by unit, shape `(k, k)`; None with too few units or rows.
        freedom: Degrees of freedom: clusters less one.
    """

    effects: Floats
    covariance: Floats | None
    freedom: int

    def error(self, number: int) -> float | None:
        """Return the standard error of a coefficient."""
        return None if self.covariance is None else float(np.sqrt(self.covariance[number, number]))

    def told(self, number: int) -> tuple[float, float | None, float | None]:
        """Return a coefficient with its two-sided 95 % interval."""
        estimate, error = float(self.effects[number]), self.error(number)
        if error is None:
            return estimate, None, None
        half = float(stdtrit(self.freedom, 0.975)) * error
        return estimate, estimate - half, estimate + half

    def chance(self, numbers: list[int]) -> float | None:
        """Return the p-value of all of these coefficients being zero (Wald, F)."""
        if self.covariance is None or not numbers or len(numbers) > self.freedom:
            return None
        some = self.effects[numbers]
        wald = some @ np.linalg.pinv(self.covariance[np.ix_(numbers, numbers)]) @ some
        return float(fdtrc(len(numbers), self.freedom, wald / len(numbers)))


def fit_levels(rows: pd.DataFrame, apart: tuple[str, ...], columns: Floats) -> Fit:
    """Fit value on the columns and a level for each group of each cohort, clustered by unit.

    The covariance is that of the regression with a dummy for each level.

    Args:
        rows: `value`, `weight`, `unit`, `cohort` and the columns that set apart.
        apart: Columns whose every value in a cohort has a level of its own.
        columns: What is estimated, shape `(n, k)`.

    Raises:
        ConfigurationError: If statsmodels, the extra `longitudinal`, is not installed.
    """
    weights, clusters = rows["weight"].to_numpy(), pd.factorize(rows["unit"])[0]
    groups = [rows.groupby(["cohort", name]).ngroup().to_numpy(np.int64) for name in apart]
    both = np.column_stack([rows["value"].to_numpy(), columns])
    left = _without_means(both, groups, weights)
    freedom, count = int(clusters.max()), columns.shape[1]
    levels = sum(int(group.max()) + 1 for group in groups)
    levels -= (len(groups) - 1) * rows["cohort"].nunique()
    model = _statsmodels().WLS(left[:, 0], left[:, 1:], weights=weights)
    spare = len(rows) - count - levels
    if spare < 1 or freedom < 2:
        return Fit(np.asarray(model.fit().params), None, freedom)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": clusters})
    scale = (len(rows) - count) / spare
    return Fit(np.asarray(fit.params), np.asarray(fit.cov_params()) * scale, freedom)


def _without_means(columns: Floats, groups: list[NDArray[np.int64]], weights: Floats) -> Floats:
    """Take the means of all groups out of the columns: as dummies would, without any."""
    left = columns.copy()
    scale = np.abs(columns).max(axis=0) + 1e-300
    sums = [np.bincount(group, weights) for group in groups]
    for _ in range(TURNS):
        moved = 0.0
        for group, size in zip(groups, sums, strict=True):
            means = np.column_stack(
                [np.bincount(group, weights * column) / size for column in left.T]
            )
            left -= means[group]
            moved = max(moved, float((np.abs(means).max(axis=0) / scale).max()))
        if moved < CLOSE:
            break
    return left


def _statsmodels() -> Any:
    try:
        return importlib.import_module("statsmodels.regression.linear_model")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "difference-in-differences needs statsmodels: pip install 'kpi-gate[longitudinal]'"
        ) from error
