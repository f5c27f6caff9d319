"""V0, second half: is there enough evidence? Else the verdict is INSUFFICIENT_EVIDENCE."""

from collections.abc import Iterator

import numpy as np
from scipy.special import chdtri

from kpi_gate.decision.checks.answers import (
    at_least,
    at_most,
    left_open,
    not_checked,
    too_little,
)
from kpi_gate.decision.objective import Objective
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.stats.day_history import LONG, DayHistory
from kpi_gate.decision.stats.intervals import cluster_sums
from kpi_gate.decision.stats.paired_gain import Gain
from kpi_gate.decision.value.estimators import at_stake
from kpi_gate.decision.verdict import Check

FEW_LOSSES = 30  # with fewer the interval has not seen what losses cost (METHODS 1.3)
FEWEST_LOSSES = 3  # the same where what a loss costs is only guessed from the values
MISSED = 0.05  # share of the windows that may miss a kind of day that is spoken of
SAME = 1e-9  # of the largest difference: how far they may stray and still be one amount
MOOT = "at best the gain is too small, whatever it rests on"
MUCH = 0.5  # of the variance over days: from there on the day is named
LARGE = 0.25  # of what is at stake: from there on a loss is one of those that matter


def check_enough(
    gain: Gain, rows: PairedRows, objective: Objective, history: DayHistory | None = None
) -> Iterator[Check]:
    """Check that the interval of the gain can be believed."""
    needed = objective.min_effective_units
    words = f"{gain.effective_units:.3g} effective units differ, {needed} are needed"
    if not gain.changed:
        words += ": no decision differs in value from the champion's"
    yield at_least("effective_units", gain.effective_units, needed, words)
    if gain.changed:
        yield _check_spread(rows, objective)
    # many tiny losses beside a few large gains look like many units, but the gain has few
    winners = gain.effective_winners
    words = f"the gains come from {winners:.3g} effective units, {needed / 2:g} are needed"
    yield _unless_hopeless(gain, at_least("effective_winners", winners, needed / 2, words))
    yield _check_days(gain, rows, objective)
    if rows.day is not None:
        yield _check_history(gain, history, objective)
    share, most = gain.top_unit_share, objective.max_unit_share
    words = f"one unit carries {share:.1%} of the absolute difference, {most:.0%} is allowed"
    yield at_most("top_unit_share", share, most, words)
    yield from _check_losses(gain, rows, objective)


def _unless_hopeless(gain: Gain, check: Check) -> Check:
    """Say nothing of what a gain rests on that is too small even at best."""
    return left_open(check, MOOT) if gain.is_hopeless else check


def _check_spread(rows: PairedRows, objective: Objective) -> Check:
    """Check that not every decision differs by one and the same amount.

    Its interval would have no width, whatever the world does: an amount that was added to every
    row, or outcomes that were all the same.
    """
    low, high = float(rows.difference.min()), float(rows.difference.max())
    varies = high - low > SAME * max(abs(low), abs(high))
    return too_little(
        name="differences_vary",
        passed=varies,
        value=high - low,
        bound=0.0,
        reason=f"the differences reach from {low:+.4g} to {high:+.4g} {objective.unit}"
        if varies
        else f"every decision differs by the same {high:+.4g} {objective.unit}, with a spread of "
        "zero: an amount that was added to each shows no gain, nor do outcomes that are all alike",
    )


def _check_days(gain: Gain, rows: PairedRows, objective: Objective) -> Check:
    needed = objective.min_days
    words = f"decisions of {gain.days} days, {needed} are needed to see how days differ"
    if gain.top_day is not None and gain.top_day_share > MUCH:
        day = np.datetime64(gain.top_day, "D")
        words += f"; {day} alone carries {gain.top_day_share:.0%} of what they differ by"
    check = at_least("days", gain.days, needed, words)
    why = "nobody says when the decisions were due, so a shock of one day would look like a gain"
    return left_open(check, why) if rows.day is None else check


def _check_history(gain: Gain, history: DayHistory | None, objective: Objective) -> Check:
    """Say what the days before show of bad ones, or what the window cannot have seen.

    A kind of day that comes on one in N is missed by five windows in a hundred.
    """
    unit = objective.unit
    if history is not None and history.is_long:
        reason = (
            f"{history.days.size} days before the window: each remembers {history.memory:.2f} of "
            f"the one before, the worst lay {history.worst:.4g} {unit} a decision below its "
            "weeks; the interval knows both"
        )
        return too_little(
            name="day_history", passed=True, value=history.days.size, bound=LONG, reason=reason
        )
    spare = gain.estimate - gain.threshold
    why = f"fewer than {LONG} days before the window could be valued under both policies"
    if spare > 0 and gain.days:
        one_in = 1 / (1 - MISSED ** (1 / gain.days))
        loss = spare * gain.rows / gain.days * one_in
        why += (
            f"; a loss of {loss:,.4g} {unit} on one day in {one_in:.0f} would undo the gain, and "
            f"{gain.days} days need not show it"
        )
    return not_checked("day_history", why, bound=LONG)


def _check_losses(gain: Gain, rows: PairedRows, objective: Objective) -> Iterator[Check]:
    """Check that rare big losses were seen, or could not change the answer (METHODS 1.3)."""
    seen, needed, limit = gain.loss_events, objective.min_loss_events, -objective.max_tail_skew
    words = (
        f"{seen} of {gain.losing_units} losing units carry nine tenths of the loss, {needed} are "
        "needed to see what rare losses cost"
    )
    yield at_least("loss_events", seen, needed, words)
    words = (
        f"skewness of the mean {gain.tail_skew:+.2f}; below {limit:g} the losses are too rare and "
        "too large for the interval"
    )
    skewed = at_least("tail_skew", gain.tail_skew, limit, words)
    if skewed.failed and seen:
        sums = cluster_sums(rows.difference, rows.unit)[0]
        each = -float(np.sort(sums)[:seen].mean())
        more = unseen_losses(seen, objective.confidence)
        left = gain.lower - more * each / gain.rows
        if left > gain.threshold:
            words += (
                f"; {seen} of {each:.4g} {objective.unit} were seen, and {more:.1f} more would "
                f"still leave a lower bound of {left:+.4g}"
            )
            skewed = skewed.model_copy(update={"passed": True, "reason": words})
    yield _unless_hopeless(gain, skewed)
    size = _at_stake(rows)
    large = int((cluster_sums(rows.difference, rows.unit)[0] <= -LARGE * size).sum()) if size else 0
    said = rows.exposure is not None and bool(np.any(rows.exposure))
    if size and large < (FEW_LOSSES if said else FEWEST_LOSSES) and np.isfinite(gain.lower):
        more = unseen_losses(large, objective.confidence)
        left = _lower_with(gain, more * size)
        guess = "" if said else "; a column `exposure` would say it exactly"
        yield too_little(
            name="unseen_losses",
            passed=left > gain.threshold or gain.lower <= gain.threshold,
            value=left,
            bound=gain.threshold,
            reason=f"{large} large losses were seen; up to {more:.1f} more of {size:.4g} "
            f"{objective.unit} each may only not have happened yet, which would leave a lower "
            f"bound of {left:+.4g}{guess}",
        )


def _lower_with(gain: Gain, unseen: float) -> float:
    """Return the lower bound with a loss that may only not have happened yet.

    Both are how far the truth may lie below the estimate, at the same confidence; as they err
    independently, their squares add.

    Args:
        gain: The gain.
        unseen: Money that rare losses of the window may have cost beyond those seen.
    """
    return gain.estimate - float(np.hypot(gain.estimate - gain.lower, unseen / gain.rows))


def check_hidden(rows: PairedRows, gain: Gain) -> Iterator[Check]:
    """Check that outcomes that an action hides cannot decide the sign of the answer."""
    if rows.at_best is None:
        return
    best = float(np.mean(rows.at_best))
    yield too_little(
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


def _at_stake(rows: PairedRows) -> float:
    """Return what one large loss costs: by what the rows expose, or by what both sides lose.

    A unit that turns bad may lose on each of its rows that differ.
    """
    if rows.exposure is not None and np.any(rows.exposure):
        differs = rows.difference != 0
        exposed = np.asarray(rows.exposure, dtype=np.float64)[differs]
        return at_stake(cluster_sums(exposed, rows.unit[differs])[0]) if differs.any() else 0.0
    if rows.bases is not None:
        return at_stake(rows.difference)
    sides = (np.asarray(side, dtype=np.float64) for side in (rows.champion, rows.candidate))
    values = np.concatenate([side[rows.difference != 0] for side in sides])
    lost = np.minimum(np.concatenate([rows.champion, rows.candidate]), 0.0)
    return max(at_stake(values), at_stake(np.asarray(lost, dtype=np.float64)))


def rows_for_enough(gain: Gain, objective: Objective) -> int:
    """Return the decisions at which `check_enough` would pass if further ones are like these."""
    shortfalls = (
        (objective.min_effective_units, gain.effective_units),
        (objective.min_effective_units / 2, gain.effective_winners),
        (objective.min_loss_events, gain.loss_events),
        (gain.top_unit_share, objective.max_unit_share),
        (gain.tail_skew**2 if gain.tail_skew < 0 else 0.0, objective.max_tail_skew**2),
    )
    most = max(needed / found for needed, found in shortfalls if found > 0)
    return int(np.ceil(gain.rows * most)) if most > 1 else 0
