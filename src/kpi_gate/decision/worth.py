"""V1, V2, V3, V5: is the gain real, worth the switch, linked to the KPI, and robust?"""

from collections.abc import Iterator

import numpy as np

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gain import Gain
from kpi_gate.decision.measures import is_finite
from kpi_gate.decision.objective import Objective
from kpi_gate.decision.verdict import Check, Verdict


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


def check_link_and_corners(evidence: Evidence, objective: Objective) -> Iterator[Check]:
    """Check V3, the link to the KPI, and V5, the corners of the value parameters."""
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
    if evidence.corners:
        ends = [(gain, name) for name, both in evidence.corners.items() for gain in both]
        broken = [name for gain, name in ends if not is_finite(gain)]
        worst, name = (None, broken[0]) if broken else min(ends)
        yield Check(
            name="sensitivity",
            rule="V5",
            passed=worst is not None,
            value=worst,
            bound=objective.delta,
            reason=f"the gain is not finite at an end of {name}"
            if worst is None
            else f"advisory: the gain falls to {worst:+.4g} {objective.unit} "
            f"at the least favourable end of {name}",
            failing=Verdict.INVALID if broken else Verdict.HOLD,
        )
