"""Estimators: from what was logged to both sides' value of every row, and how far to trust it.

Each answers with the same `Estimate`, so that one gate judges all of them. Formulas: Horvitz and
Thompson 1952 (IPS), Swaminathan and Joachims 2015 (SNIPS), Dudik, Langford and Li 2011 (doubly
robust), Wang, Agarwal and Dudik 2017 (switch), Manski 1990 (bounds).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpi_gate.decision.evidence import SIDES

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]  # (champion, candidate)
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Estimate:
    """Both sides' value of every row, whatever it was estimated from.

    Attributes:
        champion: Value of each row, shape `(n,)`; the numerator where there is a base.
        candidate: The same of the candidate.
        bases: What a ratio is taken of, (champion, candidate); None where each row counts one.
        at_best: Difference at the best hidden outcome; None where nothing is hidden.
        diagnostics: How much the estimate rests on few rows, by name.
        faults: What makes the rows unusable, each in a sentence; empty if they can be used.
    """

    champion: Floats
    candidate: Floats
    bases: Pair | None = None
    at_best: Floats | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def paired(values: Pair) -> Estimate:
    """Take the values of both sides as they are: the outcome is known whatever one does."""
    return Estimate(*values)


def ratio(counted: Pair, bases: Pair) -> Estimate:
    """Compare two ratios of sums, such as quality plays per recommendation shown.

    Args:
        counted: Numerators of each row.
        bases: What they are counted per; at least zero, and not all zero.
    """
    return Estimate(*counted, bases=bases, faults=tuple(_no_base(bases)))


def ips(reward: Floats, propensity: Floats, probability: Pair) -> Estimate:
    """Weigh each logged reward by how much more often a policy takes the logged action.

    Args:
        reward: Money of the logged action, shape `(n,)`.
        propensity: Probability with which the logging policy took it, in (0, 1].
        probability: Probability with which (champion, candidate) take it, in [0, 1].
    """
    weights, diagnostics, faults = _weigh(propensity, probability)
    champion, candidate = (weight * reward for weight in weights)
    return Estimate(champion, candidate, diagnostics=diagnostics, faults=faults)


def snips(reward: Floats, propensity: Floats, probability: Pair) -> Estimate:
    """Divide by the sum of the weights and not by the rows: steadier, with a small bias."""
    weights, diagnostics, faults = _weigh(propensity, probability)
    champion, candidate = (weight * reward for weight in weights)
    faults += tuple(_no_base(weights)) if not faults else ()
    return Estimate(champion, candidate, bases=weights, diagnostics=diagnostics, faults=faults)


def doubly_robust(
    reward: Floats,
    propensity: Floats,
    probability: Pair,
    *,
    model_logged: Floats,
    model: Pair,
    switch_above: float = np.inf,
) -> Estimate:
    """Correct a model's value of a policy by the weighted errors that it makes on the log.

    Args:
        reward: Money of the logged action, shape `(n,)`.
        propensity: Probability with which the logging policy took it, in (0, 1].
        probability: Probability with which (champion, candidate) take it.
        model_logged: What a model expects of the logged action; fitted on other rows.
        model: What it expects of each policy, summed over the actions by their probability.
        switch_above: Rows with a larger weight trust the model alone (switch).
    """
    weights, diagnostics, faults = _weigh(propensity, probability, switch_above)
    numbers = {"model of the logged action": model_logged}
    numbers |= {f"model of the {side}": m for side, m in zip(SIDES, model, strict=True)}
    faults += tuple(
        f"{name}: {bad} of {values.size} rows are not finite"
        for name, values in numbers.items()
        if (bad := int((~np.isfinite(values)).sum()))
    )
    champion, candidate = (
        expected + weight * (reward - model_logged)
        for expected, weight in zip(model, weights, strict=True)
    )
    return Estimate(champion, candidate, diagnostics=diagnostics, faults=faults)


def selective(values: Pair, observed: ArrayLike, propensity: Floats) -> Estimate:
    """Use the rows whose outcome was observed, each for all those that it stands for.

    Args:
        values: Values of both sides; of rows that were not observed they are not looked at.
        observed: Whether the row's outcome was observed: allowed, or explored.
        propensity: Probability with which it was, in (0, 1]; 1 where it was sure to be.
    """
    seen = np.asarray(observed, dtype=bool)
    weights, diagnostics, faults = _weigh(propensity, (seen * 1.0, seen * 1.0))
    champion, candidate = (
        np.where(seen, weight * np.where(seen, value, 0.0), 0.0)
        for weight, value in zip(weights, values, strict=True)
    )
    return Estimate(champion, candidate, diagnostics=diagnostics, faults=faults)


def bounded(values: Pair, hidden: ArrayLike, difference: Pair) -> Estimate:
    """Let what an action hid be as bad as it can; the gate also sees how good it could be.

    Args:
        values: Values of both sides where the outcome is known.
        hidden: Whether the outcome is not identified, such as of what only the champion blocked.
        difference: (worst, best) that candidate minus champion can be in the hidden rows.
    """
    covered, (worst, best) = np.asarray(hidden, dtype=bool), difference
    faults = []
    bad = int((covered & ~(np.isfinite(worst) & np.isfinite(best))).sum())
    if bad:
        faults.append(f"difference: {bad} of {covered.sum()} hidden rows have no finite bounds")
    crossed = int((covered & (worst > best)).sum())
    if crossed:
        faults.append(f"difference: in {crossed} hidden rows the worst is above the best")
    champion = np.where(covered, 0.0, values[0])
    candidate = np.where(covered, worst, values[1])
    return Estimate(
        champion,
        candidate,
        at_best=np.where(covered, best, values[1] - values[0]),
        diagnostics={"hidden_share": float(covered.mean()) if covered.size else 0.0},
        faults=tuple(faults),
    )


def _weigh(
    propensity: Floats, probability: Pair, switch_above: float = np.inf
) -> tuple[Pair, dict[str, float], tuple[str, ...]]:
    """Return the importance weights of both sides, their diagnostics, and what is wrong."""
    faults = tuple(_outside("propensity", propensity, positive=True))
    for side, chance in zip(SIDES, probability, strict=True):
        faults += tuple(_outside(f"probability of the {side}", chance, positive=False))
    usable = np.where(propensity > 0, propensity, np.nan)
    weights, diagnostics = [], dict[str, float]()
    for side, chance in zip(SIDES, probability, strict=True):
        weight = chance / usable
        weight = np.where(weight > switch_above, 0.0, weight)
        weights.append(weight)
        diagnostics |= {f"{name}_{side}": v for name, v in _concentration(weight).items()}
    return (weights[0], weights[1]), diagnostics, faults


def _no_base(bases: Pair) -> Iterator[str]:
    """Say where nothing can be divided by."""
    for side, base in zip(SIDES, bases, strict=True):
        bad = int((~((base >= 0) & np.isfinite(base))).sum())
        if bad:
            yield f"base of the {side}: {bad} of {base.size} rows are negative or not finite"
        elif base.size and not base.any():
            yield f"base of the {side} is zero in every row"


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
    total, squares = float(weight.sum()), float(weight @ weight)
    if not (weight.size and squares > 0 and np.isfinite(squares)):
        return {"effective_share": 0.0, "largest_weight_share": 1.0}
    return {
        "effective_share": total**2 / squares / weight.size,
        "largest_weight_share": float(weight.max()) / total,
    }
