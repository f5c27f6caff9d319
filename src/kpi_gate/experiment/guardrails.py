"""What must not worsen in an experiment: one-sided, against a margin that is settled before."""

from math import isfinite
from statistics import NormalDist

from kpi_gate.experiment.exposures import Exposures
from kpi_gate.experiment.plan import Margin, Plan
from kpi_gate.experiment.result import MarginResult
from kpi_gate.experiment.unit_sums import watched


def check_margins(log: Exposures, plan: Plan, cut: int) -> tuple[MarginResult, ...]:
    """Return what the guardrails show of the rows before a day, each at the plan's confidence.

    All must pass, so no level is divided among them.
    """
    found = []
    z = NormalDist().inv_cdf(plan.confidence)
    for one in plan.margins:
        seen = watched(log, one.column, cut)
        known = isfinite(seen.standard_error)
        estimate = seen.estimate if known else 0.0
        bound = estimate - _sign(one) * z * seen.standard_error if known else -_sign(one) * NO_BOUND
        found.append(
            MarginResult(
                column=one.column,
                estimate=estimate,
                bound=bound,
                margin=one.margin,
                passed=_sign(one) * bound > -one.margin,
            )
        )
    return tuple(found)


def is_worse(one: MarginResult, plan: Plan) -> bool:
    """Tell whether a guardrail is worse than its margin beyond doubt."""
    sign = next(_sign(margin) for margin in plan.margins if margin.column == one.column)
    return sign * (2 * one.estimate - one.bound) < -one.margin


NO_BOUND = 1e300  # where nobody knows a guardrail's value


def _sign(one: Margin) -> int:
    return 1 if one.direction == "fall" else -1
