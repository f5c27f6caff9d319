"""What the link says of one candidate, as it is recorded with the decision."""

from math import isfinite
from typing import TYPE_CHECKING

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.link_history import Pair
from kpi_gate.decision.objective import Objective

if TYPE_CHECKING:
    from kpi_gate.decision.link import Link

LINK = "link"  # the note of a decision that holds it


class LinkAnswer(Frozen):
    """What the link said of a candidate; recorded with its decision. Money per decision.

    Attributes:
        probability: P(KPI lift > target).
        target: Lift that was to be exceeded.
        confidence: Probability that was needed.
        required_gain: Least offline gain that suffices; None where none does.
        lift: Predicted lift of the KPI.
        lift_error: Its standard deviation.
        slope: Online lift for each unit of offline gain: mean, and ends of its 90 % interval.
        prior_slope: The same before any release.
        releases: How many releases were measured online.
        randomised: How many of them by an experiment.
        sentence: What an offline unit of money has been worth.
        left_out: What was left out of the history, and why.
    """

    probability: float
    target: float
    confidence: float
    required_gain: float | None
    lift: float
    lift_error: float
    slope: tuple[float, float, float]
    prior_slope: tuple[float, float, float]
    releases: int
    randomised: int
    sentence: str
    left_out: tuple[str, ...] = ()


def ask_link(
    link: "Link", objective: Objective, gain: Pair, *, against_baseline: bool = False
) -> LinkAnswer:
    """Ask the link about a candidate.

    Args:
        link: What was learnt.
        objective: Target and confidence.
        gain: The candidate's gain and its error.
        against_baseline: Whether it was compared with the baseline.
    """
    target, sure = objective.kpi_target, objective.kpi_confidence
    required = link.required_gain(gain[1], target, sure, against_baseline=against_baseline)
    lift, error = link.predict(*gain, against_baseline=against_baseline)
    return LinkAnswer(
        probability=link.p_lift_above(target, *gain, against_baseline=against_baseline),
        target=target,
        confidence=sure,
        required_gain=required if isfinite(required) else None,
        lift=lift,
        lift_error=error,
        slope=link.slope,
        prior_slope=link.prior_line.slope(),
        releases=len(link.history.releases),
        randomised=len(link.history.randomised),
        sentence=link.sentence,
        left_out=link.history.left_out,
    )
