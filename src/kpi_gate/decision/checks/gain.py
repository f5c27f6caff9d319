"""V1, V2, V3, V5: is the gain real, worth the switch, linked to the KPI, and robust?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence, PairedRows
from kpi_gate.decision.objective import LARGEST, Objective
from kpi_gate.decision.stats.paired_gain import Gain, Ratio, paired_gain
from kpi_gate.decision.stats.shrinkage import learn_prior
from kpi_gate.decision.verdict import Check, Verdict

Floats = NDArray[np.float64]


def check_gain(gain: Gain, shrunk: float, objective: Objective) -> Iterator[Check]:
    """Check V1, the gain is real, and V2, it is worth the switch."""
    unit, delta = objective.unit, gain.threshold
    yield Check(
        name="gain_possible",
        rule="V1",
        passed=gain.upper >= delta,
        value=gain.upper if np.isfinite(gain.upper) else None,
        bound=delta,
        reason=f"upper bound of the gain {_in_words(gain.upper, unit)}, "
        f"a release needs {delta:g} {unit}",
        failing=Verdict.REJECT,
    )
    yield Check(
        name="gain_probable",
        rule="V1",
        passed=gain.p_above_threshold >= objective.confidence,
        value=gain.p_above_threshold,
        bound=objective.confidence,
        reason=f"P(gain > {delta:g} {unit}) is {gain.p_above_threshold:.1%}, "
        f"{objective.confidence:.0%} is needed",
        failing=Verdict.HOLD,
    )
    yield Check(
        name="gain_lower_bound",
        rule="V1",
        passed=gain.lower > delta,
        value=gain.lower if np.isfinite(gain.lower) else None,
        bound=delta,
        reason=f"lower bound of the gain {_in_words(gain.lower, unit)}, "
        f"must exceed {delta:g} {unit}",
        failing=Verdict.HOLD,
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


def check_link(objective: Objective) -> Iterator[Check]:
    """Check V3, the link to the KPI."""
    linked = objective.kpi_link == "advisory"
    need = "offline money may promote" if linked else "an A/B test must come first"
    yield Check(
        name="kpi_link",
        rule="V3",
        passed=linked,
        bound=objective.kpi_confidence,
        reason=f"{objective.kpi_link}: no (offline, online) history yet; {need}",
        failing=Verdict.AB_REQUIRED,
    )


def measure_gain(rows: PairedRows, objective: Objective, difference: Floats | None = None) -> Gain:
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
    """Shrink the gain; the candidate itself belongs to the candidates that the prior knows.

    Its error is at least what its lower bound implies: where losses are skewed, the standard error
    alone would book too much.
    """
    if not (gain.standard_error > 0 and np.isfinite(gain.lower)):
        return gain.estimate if gain.standard_error == 0 else 0.0
    implied = (gain.estimate - gain.lower) / NormalDist().inv_cdf(gain.confidence)
    error = max(gain.standard_error, implied)
    measured = [*past, (gain.estimate, error)]
    usable = [(x, s) for x, s in measured if abs(x) <= LARGEST and 1 / LARGEST < s <= LARGEST]
    if not usable:
        return 0.0
    return learn_prior(*zip(*usable, strict=True)).shrink(gain.estimate, error)


def try_corners(
    evidence: Evidence,
    objective: Objective,
    shrink: Callable[[Gain], float],
    *,
    promising: bool,
) -> tuple[dict[str, tuple[float, float]], list[Check]]:
    """Judge V1 and V2 again at both ends of every value parameter (V5).

    Args:
        evidence: What was measured, with the differences at each end.
        objective: What a gain must reach.
        shrink: Turns a gain into the gain that is booked.
        promising: Whether V1 and V2 let the candidate pass at the base; if not, there is no
            release that an end could turn.

    Returns:
        The gain at both ends by parameter, for the page; and the checks.
    """
    rows = evidence.rows
    whole = {
        name: ends
        for name, ends in evidence.corners.items()
        if all(np.shape(end) == (rows.size,) and np.isfinite(end).all() for end in ends)
    }
    broken = sorted({*evidence.ranges, *evidence.corners} - set(whole))
    corners = {name: (float(low.mean()), float(high.mean())) for name, (low, high) in whole.items()}
    checks = [_no_corner(broken)] if broken else []
    for name, ends in whole.items() if promising else ():
        gains = [measure_gain(rows, objective, np.asarray(end, dtype=float)) for end in ends]
        checks.append(_check_corner(name, gains, shrink, objective))
    if whole and not promising:
        words = "not checked: there is no release that an end of a value parameter could turn"
        checks.append(_corner(name="sensitivity", passed=None, reason=words))
    return corners, checks


_corner = partial(Check, rule="V5", failing=Verdict.HOLD)


def _no_corner(names: Sequence[str]) -> Check:
    return Check(
        name="sensitivity",
        rule="V5",
        passed=False,
        reason=f"there is no finite gain at the ends of {', '.join(names)}",
        failing=Verdict.INVALID,
    )


def _check_corner(
    name: str, gains: Sequence[Gain], shrink: Callable[[Gain], float], objective: Objective
) -> Check:
    unit = objective.unit
    turned = [
        (end, gain)
        for end, gain in zip(("low", "high"), gains, strict=True)
        if not all(check.passed for check in check_gain(gain, shrink(gain), objective))
    ]
    worst = min((gain for _, gain in turned) if turned else gains, key=lambda gain: gain.lower)
    where = " and ".join(end for end, _ in turned)
    least = f"{worst.estimate:+.4g} {unit}, lower bound {_in_words(worst.lower, unit)}"
    return _corner(
        name=f"sensitivity {name}",
        passed=not turned,
        value=worst.lower if np.isfinite(worst.lower) else None,
        bound=objective.delta,
        reason=f"with {name} at its {where} end there is no release: the gain is {least}"
        if turned
        else f"at either end of {name} the answer is the same; the least gain is {least}",
    )
