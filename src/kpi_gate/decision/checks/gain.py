"""V1, V2, V5: is the gain real, worth the switch, and robust?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.objective import LARGEST, Objective
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.decision.stats.gain_chance import Ratio
from kpi_gate.decision.stats.paired_gain import Gain, paired_gain
from kpi_gate.decision.stats.shrinkage import Prior, learn_prior
from kpi_gate.decision.verdict import Check, Verdict
from kpi_gate.text import finite

Floats = NDArray[np.float64]
NAME = "sensitivity"
_not_certain = partial(Check, rule="V1", failing=Verdict.HOLD)
_sensitive = partial(Check, rule="V5", failing=Verdict.HOLD)


def check_gain(gain: Gain, shrunk: float, objective: Objective) -> Iterator[Check]:
    """Check V1, the gain is real, and V2, it is worth the switch."""
    unit, delta, sure = objective.unit, gain.threshold, objective.confidence
    upper, lower = _in_words(gain.upper, unit), _in_words(gain.lower, unit)
    yield Check(
        name="gain_possible",
        rule="V1",
        passed=gain.upper >= delta,
        value=finite(gain.upper),
        bound=delta,
        reason=f"upper bound of the gain {upper}, a release needs {delta:g} {unit}",
        failing=Verdict.REJECT,
    )
    chance = gain.p_above_threshold
    yield _not_certain(
        name="gain_probable",
        passed=chance >= sure,
        value=chance,
        bound=sure,
        reason=f"P(gain > {delta:g} {unit}) is {chance:.1%}, {sure:.0%} is needed",
    )
    yield _not_certain(
        name="gain_lower_bound",
        passed=gain.lower > delta,
        value=finite(gain.lower),
        bound=delta,
        reason=f"lower bound of the gain {lower}, must exceed {delta:g} {unit}",
    )
    net = shrunk * objective.horizon_decisions - objective.switch_cost
    yield Check(
        name="worth_the_switch",
        rule="V2",
        passed=net > 0,
        value=net,
        bound=0.0,
        reason=f"shrunk gain {shrunk:+.4g} {unit} x {objective.horizon_decisions} decisions "
        f"- {objective.switch_cost:g} = {net:+,.0f} {unit} over {objective.horizon}",
        failing=Verdict.HOLD,
    )


def _in_words(bound: float, unit: str) -> str:
    return f"{bound:+.4g} {unit}" if np.isfinite(bound) else "unknown: a single unit"


def measure_gain(
    rows: PairedRows,
    objective: Objective,
    difference: Floats | None = None,
    *,
    history: DayHistory | None = None,
) -> Gain:
    """Measure the gain of the rows, or of another difference on the same rows.

    Where an action hides outcomes, the gain is that of the worst, and its upper bound that of the
    best of them: what might still be good is not rejected.
    """
    measured = partial(
        paired_gain,
        unit=rows.unit,
        day=rows.day,
        threshold=objective.delta,
        confidence=objective.confidence,
        resamples=objective.resamples,
        seed=objective.seed,
        history=history,
    )
    ratio = None
    if rows.bases is not None and difference is None:
        ratio = Ratio((rows.candidate, rows.champion), rows.bases[::-1])
    given = rows.difference if difference is None else difference
    gain = measured(given, ratio=ratio)
    if rows.at_best is None or difference is not None:
        return gain
    return replace(gain, upper=max(gain.upper, measured(rows.at_best).upper))


def shrink_gain(gain: Gain, past: Sequence[tuple[float, float]]) -> float:
    """Shrink the gain towards what past candidates taught."""
    return shrink_by(prior_of(gain, past), gain)


def shrink_by(prior: Prior | None, gain: Gain) -> float:
    """Shrink the gain by what `prior_of` has learnt; nothing is booked where nothing is known."""
    if prior is None:
        return gain.estimate if gain.standard_error == 0 else 0.0
    return prior.shrink(gain.estimate, booking_error(gain))


def prior_of(gain: Gain, past: Sequence[tuple[float, float]]) -> Prior | None:
    """Learn what candidates gain; the candidate itself belongs to those that the prior knows.

    Args:
        gain: The candidate's.
        past: (gain, booking error) of every candidate measured before.

    Returns:
        None where no candidate could be measured.
    """
    if not (gain.standard_error > 0 and np.isfinite(gain.lower)):
        return None
    measured = [*past, (gain.estimate, booking_error(gain))]
    usable = [(x, s) for x, s in measured if abs(x) <= LARGEST and 1 / LARGEST < s <= LARGEST]
    return learn_prior(*zip(*usable, strict=True)) if usable else None


def booking_error(gain: Gain) -> float:
    """Return the error that shrinkage takes; where losses are skewed, it is what they imply."""
    return max(gain.expected_error, gain.skewed_error)


def try_corners(
    evidence: Evidence,
    objective: Objective,
    shrink: Callable[[Gain], float],
    *,
    booked: float | None,
) -> tuple[dict[str, tuple[float, float]], list[Check]]:
    """Look at both ends of every value parameter (V5).

    An end is an assumption that may be wrong, not noise: certainty is asked for at the base. What
    is booked at an end must not be a loss beyond `min_effect`, nor one larger than what is booked
    at the base.

    Args:
        evidence: What was measured, with the differences at each end.
        objective: What a gain must reach.
        shrink: Turns a gain into the gain that is booked.
        booked: What is booked at the base; None where V1 or V2 stop the candidate there: no end
            could turn a release that there is not.

    Returns:
        The gain at both ends by parameter, for the page; and the checks.
    """
    rows = evidence.rows
    whole = {
        name: ends
        for name, ends in evidence.corners.items()
        if all(np.shape(end) == (rows.size,) and np.isfinite(end).all() for end in ends)
    }
    corners = {name: (float(low.mean()), float(high.mean())) for name, (low, high) in whole.items()}
    checks = []
    broken = sorted({*evidence.ranges, *evidence.corners} - set(whole))
    if broken:
        reason = f"there is no finite gain at the ends of {', '.join(broken)}"
        checks.append(_sensitive(name=NAME, passed=False, reason=reason, failing=Verdict.INVALID))
    if whole and booked is None:
        reason = "not checked: there is no release that an end of a value parameter could turn"
        checks.append(_sensitive(name=NAME, passed=None, reason=reason))
    elif booked is not None:
        unasked = objective.model_copy(update={"resamples": 1})  # no chance is asked for at an end
        for name, ends in whole.items():
            low, high = (
                # the days before are at the base: they stray about as much at an end
                shrink(
                    measure_gain(rows, unasked, np.asarray(end, float), history=evidence.history)
                )
                for end in ends
            )
            checks.append(_check_ends(name, low, high, booked, objective))
    return corners, checks


def _check_ends(name: str, low: float, high: float, booked: float, objective: Objective) -> Check:
    """Check what is booked at both ends of a value parameter."""
    least = min(low, high)
    bound = -min(objective.min_effect, booked)
    money = {
        end: f"{gain:+.4g} {objective.unit} a decision, "
        f"{gain * objective.horizon_decisions - objective.switch_cost:+,.0f} over "
        f"{objective.horizon}"
        for end, gain in (("low", low), ("high", high))
    }
    ends = f"at its low end {money['low']}; at its high end {money['high']}"
    return _sensitive(
        name=f"{NAME} {name}",
        passed=least >= bound,
        value=least,
        bound=bound,
        reason=f"what is booked with {name} {ends}"
        + ("" if least >= bound else f"; a loss of at most {-bound:.4g} is allowed"),
    )
