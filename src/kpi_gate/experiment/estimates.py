"""Difference of two arms from the sums of their units: tea-tasting behind a thin door."""

from dataclasses import dataclass
from math import isfinite, nan, sqrt
from statistics import NormalDist
from typing import Any

WIDTH = 0.95  # of the interval that the standard error is read from
_Z = NormalDist().inv_cdf((1 + WIDTH) / 2)


@dataclass(frozen=True)
class Moments:
    """What the units of one arm sum up to.

    Attributes:
        units: Number of units.
        mean: Mean over the units by name: `numerator`, `denominator`, `past`.
        covariance: Sample covariance by the pair of names, each pair once; variances too.
    """

    units: int
    mean: dict[str, float]
    covariance: dict[tuple[str, str], float]


@dataclass(frozen=True)
class Difference:
    """Treatment against control.

    Attributes:
        control: Metric of the control.
        treatment: Metric of the treatment.
        estimate: Their difference, with the covariate taken out where there is one.
        standard_error: Its standard error; NaN where it cannot be told.
        variance_reduction: Share of the variance that the covariate took out.
    """

    control: float
    treatment: float
    estimate: float
    standard_error: float
    variance_reduction: float = 0.0


def difference(
    control: Moments, treatment: Moments, *, ratio: bool = True, past: bool = False
) -> Difference:
    """Compare two arms: a ratio of means by the delta method, or a mean; with CUPED if asked.

    Args:
        control: Moments of the control's units.
        treatment: Moments of the treatment's units.
        ratio: Whether the numerator is divided by the denominator, or by the units.
        past: Whether each unit's past is taken out (CUPED, Deng et al. 2013).
    """
    denominator = "denominator" if ratio else None
    plain = _compare(control, treatment, denominator, None)
    if not past or not plain.standard_error > 0:
        return plain
    freed = _compare(control, treatment, denominator, "past")
    if not isfinite(freed.standard_error):
        return plain
    return Difference(
        control=plain.control,
        treatment=plain.treatment,
        estimate=freed.estimate,
        standard_error=freed.standard_error,
        variance_reduction=1 - (freed.standard_error / plain.standard_error) ** 2,
    )


def _compare(
    control: Moments, treatment: Moments, denominator: str | None, past: str | None
) -> Difference:
    """Ask tea-tasting, and read the standard error from its normal interval."""
    import tea_tasting  # a large one, and a page of a finished experiment does without

    if 0.0 in {arm.covariance["numerator", "numerator"] for arm in (control, treatment)}:
        return _without_relative(control, treatment, denominator)
    metric = tea_tasting.RatioOfMeans(
        "numerator", denominator, past, confidence_level=WIDTH, equal_var=False, use_t=False
    )
    sides = [_aggregates(tea_tasting, arm) for arm in (control, treatment)]
    try:
        found = metric.analyze_aggregates(*sides)
    except (ArithmeticError, ValueError):  # a mean of 0 has no relative effect
        return _without_relative(control, treatment, denominator)
    width = found.effect_size_ci_upper - found.effect_size_ci_lower
    return Difference(
        control=float(found.control),
        treatment=float(found.treatment),
        estimate=float(found.effect_size),
        standard_error=float(width) / (2 * _Z),
    )


def _aggregates(tool: Any, arm: Moments) -> Any:
    variances = {one: value for (one, other), value in arm.covariance.items() if one == other}
    return tool.aggr.Aggregates(arm.units, arm.mean, variances, arm.covariance)


def _without_relative(control: Moments, treatment: Moments, denominator: str | None) -> Difference:
    """Compare arms where one has a mean or a spread of 0: no relative effect can be told."""
    means, variance = [], 0.0
    for arm in (control, treatment):
        below = arm.mean[denominator] if denominator else 1.0
        if arm.units < 2 or below == 0:
            return Difference(nan, nan, nan, nan)
        mean = arm.mean["numerator"] / below
        spread = arm.covariance["numerator", "numerator"]
        if denominator:
            spread += mean**2 * arm.covariance["denominator", "denominator"]
            spread -= 2 * mean * arm.covariance["numerator", "denominator"]
        means.append(mean)
        variance += max(spread, 0.0) / below**2 / arm.units
    return Difference(means[0], means[1], means[1] - means[0], sqrt(variance))
