"""V0, second half: is there enough evidence? Else the verdict is INSUFFICIENT_EVIDENCE."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from scipy.special import chdtri

from kpi_gate.decision.evidence import PairedRows
from kpi_gate.decision.gain import Gain
from kpi_gate.decision.objective import Objective
from kpi_gate.decision.verdict import Check, Verdict

FEW_LOSSES = 30  # with fewer the interval has not seen what losses cost (METHODS 1.3)
KNOWN_LOSSES = 3  # from so many on their own size is believed

_too_little = partial(Check, rule="V0", failing=Verdict.INSUFFICIENT_EVIDENCE)


def check_enough(gain: Gain, rows: PairedRows, objective: Objective) -> Iterator[Check]:
    """Check that the interval of the gain can be believed."""
    yield _too_little(
        name="effective_units",
        passed=gain.effective_units >= objective.min_effective_units,
        value=gain.effective_units,
        bound=objective.min_effective_units,
        reason=f"{gain.effective_units:.0f} effective units differ, "
        f"{objective.min_effective_units} are needed",
    )
    # many tiny losses beside a few large gains look like many units, but the gain has few
    yield _too_little(
        name="effective_winners",
        passed=gain.effective_winners >= objective.min_effective_units,
        value=gain.effective_winners,
        bound=objective.min_effective_units,
        reason=f"the gains come from {gain.effective_winners:.0f} effective units, "
        f"{objective.min_effective_units} are needed",
    )
    yield _too_little(
        name="days",
        passed=gain.days >= objective.min_days,
        value=gain.days,
        bound=objective.min_days,
        reason=f"decisions of {gain.days} days, {objective.min_days} are needed to see how days "
        "differ",
    )
    yield _too_little(
        name="top_unit_share",
        passed=gain.top_unit_share <= objective.max_unit_share,
        value=gain.top_unit_share,
        bound=objective.max_unit_share,
        reason=f"one unit carries {gain.top_unit_share:.1%} of the absolute difference, "
        f"{objective.max_unit_share:.0%} is allowed",
    )
    yield from _check_losses(gain, rows, objective)


def _check_losses(gain: Gain, rows: PairedRows, objective: Objective) -> Iterator[Check]:
    """Check that rare big losses were seen, or could not change the answer (METHODS 1.3)."""
    yield _too_little(
        name="loss_events",
        passed=gain.loss_events >= objective.min_loss_events,
        value=gain.loss_events,
        bound=objective.min_loss_events,
        reason=f"{gain.loss_events} of {gain.losing_units} losing units carry nine tenths of the "
        f"loss, {objective.min_loss_events} are needed to see what rare losses cost",
    )
    yield _too_little(
        name="tail_skew",
        passed=gain.tail_skew >= -objective.max_tail_skew,
        value=gain.tail_skew,
        bound=-objective.max_tail_skew,
        reason=f"skewness of the mean {gain.tail_skew:+.2f}; below {-objective.max_tail_skew:g} "
        "the losses are too rare and too large for the interval",
    )
    if gain.losing_units < FEW_LOSSES and np.isfinite(gain.lower):
        more = unseen_losses(gain.losing_units, objective.confidence)
        size = _size_of_a_loss(gain, rows)
        left = gain.lower - more * size / gain.rows
        yield _too_little(
            name="unseen_losses",
            passed=left > gain.threshold or gain.lower <= gain.threshold,
            value=left,
            bound=gain.threshold,
            reason=f"{gain.losing_units} units lose; up to {more:.1f} more such losses of "
            f"{size:.4g} {objective.unit} may only not have happened yet, which would leave a "
            f"lower bound of {left:+.4g}",
        )


def check_hidden(rows: PairedRows, gain: Gain) -> Iterator[Check]:
    """Check that outcomes that an action hides cannot decide the sign of the answer."""
    if rows.at_best is None:
        return
    best = float(np.mean(rows.at_best))
    yield _too_little(
        name="outcomes_shown",
        passed=gain.estimate > gain.threshold or best <= gain.threshold,
        value=gain.estimate,
        bound=gain.threshold,
        reason=f"hidden outcomes decide: the gain is {gain.estimate:+.4g} if they are as bad as "
        f"they can be, {best:+.4g} if as good, and a release needs {gain.threshold:g}",
    )


def unseen_losses(seen: int, confidence: float) -> float:
    """Return how many more losses than were seen must be expected at most.

    Upper limit of a Poisson mean (Garwood 1936) less the count itself; three where none was seen.
    """
    return float(chdtri(2 * (seen + 1), 1 - confidence) / 2) - seen


def _size_of_a_loss(gain: Gain, rows: PairedRows) -> float:
    """Return what one loss costs: what a row exposes, or what was lost, or what is at stake."""
    known = gain.loss_size if gain.losing_units >= KNOWN_LOSSES else 0.0
    if rows.exposure is not None:
        exposed = np.asarray(rows.exposure, dtype=np.float64)
        exposed = exposed[exposed > 0]
        return max(known, float(exposed @ exposed / exposed.sum()) if exposed.size else 0.0)
    if known:
        return known
    if rows.bases is not None:
        return float(np.abs(rows.difference).max(initial=0.0))
    values = (np.asarray(side, dtype=np.float64) for side in (rows.champion, rows.candidate))
    return max(float(np.abs(side).max(initial=0.0)) for side in values)


def rows_for_enough(gain: Gain, objective: Objective) -> int:
    """Return the decisions at which `check_enough` would pass if further ones are like these."""
    shortfalls = (
        (objective.min_effective_units, gain.effective_units),
        (objective.min_effective_units, gain.effective_winners),
        (objective.min_loss_events, gain.loss_events),
        (gain.top_unit_share, objective.max_unit_share),
        (gain.tail_skew**2 if gain.tail_skew < 0 else 0.0, objective.max_tail_skew**2),
    )
    most = max(needed / found for needed, found in shortfalls if found > 0)
    return int(np.ceil(gain.rows * most)) if most > 1 else 0
