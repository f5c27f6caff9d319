"""Importance weights of a log: how often a policy does what was logged, and how far to trust it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.paired_rows import SIDES
from kpi_gate.decision.stats.intervals import effective_count

Floats = NDArray[np.float64]
TOLERANCE = 1e-9
SURE = 4.0  # standard errors beyond which a difference is no chance
ENOUGH = 30  # effective rows that such a judgement needs


def weigh(
    propensity: Floats, probability: tuple[Floats, Floats]
) -> tuple[tuple[Floats, Floats], dict[str, float], tuple[str, ...]]:
    """Return the importance weights of both sides, their diagnostics, and what is wrong.

    Args:
        propensity: Probability with which the logging policy took the logged action, in (0, 1].
        probability: Probability with which (champion, candidate) take it, in [0, 1].
    """
    faults = tuple(_outside("propensity", propensity, positive=True))
    for side, chance in zip(SIDES, probability, strict=True):
        faults += tuple(_outside(f"probability of the {side}", chance, positive=False))
    usable = np.where(propensity > 0, propensity, np.nan)
    champion, candidate = (chance / usable for chance in probability)
    diagnostics: dict[str, float] = {}
    for side, weight in zip(SIDES, (champion, candidate), strict=True):
        diagnostics |= {f"{name}_{side}": value for name, value in _concentration(weight).items()}
        mean = _off_one(weight)
        diagnostics[f"covered_share_{side}"] = min(mean, 1.0)
        if mean > 1 and not faults:
            words = f"weights of the {side} average to {mean:.3g}, must be 1"
            faults += (f"{words}: a propensity is too small",)
    return (champion, candidate), diagnostics, faults


def _off_one(weight: Floats) -> float:
    """Return the mean of weights where it is surely not one, as it is if the log covers the policy.

    It is below one where the policy does what was never logged, or a propensity is too large, and
    above one only where a propensity is too small.
    """
    if weight.size == 0 or not weight.sum() > 0:
        return 1.0
    error = float(weight.std()) / np.sqrt(weight.size)
    mean = float(weight.mean())
    sure = effective_count(weight) >= ENOUGH and abs(mean - 1) > max(SURE * error, 0.01)
    return mean if sure else 1.0


def _outside(name: str, values: Floats, *, positive: bool) -> Iterator[str]:
    """Say which values are no probability; an event that could not be logged has none."""
    low = values > 0 if positive else values >= 0
    broken = ~(low & (values <= 1 + TOLERANCE))
    if broken.any():
        where = int(np.flatnonzero(broken)[0])
        bound = "(0, 1]" if positive else "[0, 1]"
        yield (
            f"{name}: {int(broken.sum())} of {values.size} rows are not in {bound}, "
            f"such as {values[where]:g} in row {where}"
        )


def _concentration(weight: Floats) -> dict[str, float]:
    """Return the effective share of the rows (Kish 1965) and the share of the largest weight."""
    effective = effective_count(weight)
    if not (effective > 0 and np.isfinite(effective)):
        return {"effective_share": 0.0, "largest_weight_share": 1.0}
    return {
        "effective_share": effective / weight.size,
        "largest_weight_share": float(weight.max() / weight.sum()),
    }
