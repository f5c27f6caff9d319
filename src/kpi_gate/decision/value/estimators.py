"""Estimators: from what was logged to both sides' value of every row, and how far to trust it.

Each answers with the same `Estimate`, so that one gate judges all of them. Formulas: Horvitz and
Thompson 1952 (IPS), Swaminathan and Joachims 2015 (SNIPS), Dudik, Langford and Li 2011 (doubly
robust), Wang, Agarwal and Dudik 2017 (switch), Manski 1990 (bounds).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpi_gate.decision.paired_rows import SIDES, differences
from kpi_gate.decision.value.weights import ENOUGH, SURE, weigh

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]  # (champion, candidate)


@dataclass(frozen=True)
class Estimate:
    """Both sides' value of every row, whatever it was estimated from.

    Attributes:
        champion: Value of each row, shape `(n,)`; the numerator where there is a base.
        candidate: The same of the candidate.
        bases: What a ratio is taken of, (champion, candidate); None where each row counts one.
        at_best: Difference at the best hidden outcome; None where nothing is hidden.
        exposure: The most that a row's difference could lose, where the weights say it.
        diagnostics: How much the estimate rests on few rows, by name.
        faults: What makes the rows unusable, each in a sentence; empty if they can be used.
    """

    champion: Floats
    candidate: Floats
    bases: Pair | None = None
    at_best: Floats | None = None
    exposure: Floats | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def difference(self) -> Floats:
        """Candidate minus champion of every row, shape `(n,)`."""
        return differences((self.champion, self.candidate), self.bases)


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
    return _weighted(reward, propensity, probability)[0]


def snips(reward: Floats, propensity: Floats, probability: Pair) -> Estimate:
    """Divide by the sum of the weights and not by the rows: steadier, with a small bias."""
    found, weights = _weighted(reward, propensity, probability)
    if not all(weight.any() for weight in weights):
        return found  # nothing to divide by; the gate finds that the log does not speak of a side
    faults = found.faults or tuple(_no_base(weights))
    return replace(found, bases=weights, faults=faults)


def _weighted(reward: Floats, propensity: Floats, probability: Pair) -> tuple[Estimate, Pair]:
    """Return the weighted rewards, and the weights."""
    weights, diagnostics, faults = weigh(propensity, probability)
    champion, candidate = (weight * reward for weight in weights)
    stake = at_stake(reward) * np.abs(weights[1] - weights[0])
    found = Estimate(champion, candidate, exposure=stake, diagnostics=diagnostics, faults=faults)
    return found, weights


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
    weights, diagnostics, faults = weigh(propensity, probability)
    for name, values in zip(("logged action", *SIDES), (model_logged, *model), strict=True):
        bad = int((~np.isfinite(values)).sum())
        if bad:
            faults += (f"model of the {name}: {bad} of {values.size} rows are not finite",)
    if not faults:
        faults = tuple(_odd_models(weights, model_logged, model))
    # NaN > x is false: what is broken stays broken, for the gate to refuse
    kept = [np.where(weight > switch_above, 0.0, weight) for weight in weights]
    champion, candidate = (
        expected + weight * (reward - model_logged)
        for expected, weight in zip(model, kept, strict=True)
    )
    stake = at_stake(reward - model_logged) * np.abs(kept[1] - kept[0])
    return Estimate(champion, candidate, exposure=stake, diagnostics=diagnostics, faults=faults)


def _odd_models(weights: Pair, model_logged: Floats, model: Pair) -> Iterator[str]:
    """Say where the two things that a model says of one policy do not agree.

    The weighted expectation of the logged actions and that of the policy's have the same mean.
    """
    for side, weight, expected in zip(SIDES, weights, model, strict=True):
        gap = weight * model_logged - expected
        error = float(gap.std()) / np.sqrt(max(gap.size, 1))
        largest = float(np.abs(expected).max(initial=0.0))
        if gap.size >= ENOUGH and abs(gap.mean()) > SURE * error + 0.01 * largest:
            yield (
                f"model of the {side}: it expects {expected.mean():.4g} of the policy, and "
                f"{(weight * model_logged).mean():.4g} by the logged actions: not one model"
            )


def selective(
    values: Pair, observed: ArrayLike, propensity: Floats, exposure: Floats | None = None
) -> Estimate:
    """Use the rows whose outcome was observed, each for all those that it stands for.

    Args:
        values: Values of both sides; of rows that were not observed they are not looked at.
        observed: Whether the row's outcome was observed: allowed, or explored.
        propensity: Probability with which it was, in (0, 1]; 1 where it was sure to be.
        exposure: The most that a row's difference could lose, had its outcome been another.
    """
    seen = np.asarray(observed, dtype=bool)
    weights, diagnostics, faults = weigh(propensity, (seen * 1.0, seen * 1.0))
    sure = int((~seen & (propensity >= 1)).sum())
    if sure:
        faults += (f"observed: {sure} of {seen.size} rows were sure to be observed and are not",)
    known = [np.where(seen, value, 0.0) for value in values]
    champion, candidate = (
        np.where(seen, weight * value, 0.0) for weight, value in zip(weights, known, strict=True)
    )
    if exposure is None:
        stake = at_stake(np.concatenate([side[seen] for side in known]))
        exposure = np.where(known[0] != known[1], stake, 0.0)
    at_risk = np.where(seen, weights[0] * exposure, 0.0)
    return Estimate(champion, candidate, exposure=at_risk, diagnostics=diagnostics, faults=faults)


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


def at_stake(values: Floats) -> float:
    """Return the size of a loss among values: size-weighted mean of what is negative.

    Where nothing is, of all values. A loss is the likelier to be large, the larger it can be.
    """
    known = values[np.isfinite(values)]
    lost = known[known < 0] if (known < 0).any() else known
    total = float(np.abs(lost).sum())
    return float(lost @ lost) / total if total > 0 else 0.0


def _no_base(bases: Pair) -> Iterator[str]:
    """Say where nothing can be divided by."""
    for side, base in zip(SIDES, bases, strict=True):
        bad = int((~((base >= 0) & np.isfinite(base))).sum())
        if bad:
            yield f"base of the {side}: {bad} of {base.size} rows are negative or not finite"
        elif base.size and not base.any():
            yield f"base of the {side} is zero in every row"
