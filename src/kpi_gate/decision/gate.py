"""The gate: evidence and objective in, decision out. Every rule fails closed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from kpi_gate.decision.checks.answers import invalid
from kpi_gate.decision.checks.gain import (
    booking_error,
    check_gain,
    measure_gain,
    prior_of,
    shrink_by,
    shrink_gain,
    try_corners,
)
from kpi_gate.decision.checks.guardrails import check_measure, check_slices, slice_gains
from kpi_gate.decision.checks.levels import check_levels
from kpi_gate.decision.checks.link import check_link, hear_link
from kpi_gate.decision.checks.sufficiency import MUCH, check_enough, check_hidden, rows_for_enough
from kpi_gate.decision.checks.validity import check_valid
from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.fingerprint import decision_id, digest
from kpi_gate.decision.link_history import LinkHistory
from kpi_gate.decision.objective import GateSettings, Objective
from kpi_gate.decision.stats.calibration import is_finite
from kpi_gate.decision.stats.paired_gain import Gain
from kpi_gate.decision.stats.shrinkage import Prior
from kpi_gate.decision.verdict import Check, Decision, GainSummary, SliceGain, Verdict
from kpi_gate.text import finite

PRECEDENCE = (
    Verdict.INVALID,
    Verdict.REJECT,
    Verdict.INSUFFICIENT_EVIDENCE,
    Verdict.HOLD,
    Verdict.AB_REQUIRED,
)
REQUIRED_RULES = {"V0", "V1", "V2", "V3", "V4"}
# without them there is no gain to speak of
UNMEASURABLE = {"rows_readable", "values_finite", "log_support"}


def decide(
    evidence: Evidence,
    settings: GateSettings,
    past: Sequence[tuple[float, float]] = (),
    *,
    tick: datetime | None = None,
    looks: int = 0,
    link: LinkHistory | None = None,
) -> Decision:
    """Judge a candidate.

    Args:
        evidence: What was measured on the gate window.
        settings: Objective, guardrails and estimator.
        past: (gain, standard error) of every candidate measured before, also the rejected ones.
        tick: Moment for which the decision is asked; evidence of another moment is INVALID.
        looks: Earlier decisions on rows of the same window; for the record.
        link: What releases measured online brought; None where there are none.

    Returns:
        The decision; it never raises on bad evidence, which makes the verdict INVALID instead.
    """
    objective, rows = settings.objective, evidence.rows
    checks = list(check_valid(evidence, settings, tick))
    found = None
    if rows.size and UNMEASURABLE.isdisjoint(check.name for check in checks if check.failed):
        found = _measure(evidence, settings, past)
        checks += found.checks
    for guardrail in settings.guardrails if rows.size else ():
        if guardrail.slice is None:
            checks += check_measure(evidence, guardrail)
    if settings.unguarded and not settings.guardrails:
        checks.append(_no_guardrails())
    checks = _sufficing(checks)
    heard = hear_link(link, objective, found and found.gain, evidence.lineage, tick)
    checks += check_link(objective, heard)
    checks += _silent_rules(checks, measured=found is not None)
    verdict = _verdict(checks)
    waits = found if verdict is not Verdict.PROMOTE else None
    return Decision(
        decision_id=decision_id(evidence, settings),
        verdict=verdict,
        gain=found and found.summary,
        rows_needed=waits and _rows_needed(waits.gain, objective),
        cost_of_waiting=max(waits.summary.shrunk, 0.0) * waits.gain.rows
        if waits and verdict is not Verdict.INVALID
        else None,
        looks=looks,
        checks=tuple(sorted(checks, key=lambda check: check.rule)),
        slices=found.slices if found else (),
        **_terms(settings),
        lineage=evidence.lineage,
        parts={side: _finite(parts) for side, parts in evidence.parts.items()},
        measures={side: _finite(numbers) for side, numbers in evidence.measures.items()},
        diagnostics=_finite(evidence.diagnostics),
        corners=found.corners if found else {},
        worst_corner=finite(evidence.worst_corner) if found else None,
        notes={**evidence.notes, **heard.note},
    )


class _Measured(NamedTuple):
    """The gain of the rows, and what the rules that ask for it answer."""

    gain: Gain
    summary: GainSummary
    slices: tuple[SliceGain, ...]
    corners: Mapping[str, tuple[float, float]]
    checks: Sequence[Check]


def _measure(
    evidence: Evidence, settings: GateSettings, past: Sequence[tuple[float, float]]
) -> _Measured:
    rows, objective = evidence.rows, settings.objective
    gain = measure_gain(rows, objective, history=evidence.history)
    prior = prior_of(gain, past)
    shrunk = shrink_by(prior, gain)
    worth = list(check_gain(gain, shrunk, objective))
    enough = check_enough(gain, rows, objective, evidence.history)
    checks = [*enough, *check_hidden(rows, gain), *worth]
    booked = shrunk if all(check.passed for check in worth) else None
    corners, sensitive = try_corners(
        evidence, objective, partial(shrink_gain, past=past), booked=booked
    )
    checks += sensitive
    slices: list[SliceGain] = []
    for guardrail in settings.guardrails:
        if guardrail.slice in rows.slices:
            levels = slice_gains(evidence, guardrail, objective.confidence)
            slices += levels
            checks.append(check_levels(evidence, guardrail))
            checks.append(check_slices(levels, guardrail, objective.unit))
    summary = _summary(gain, shrunk, prior, objective.unit, evidence.uncapped_gain)
    return _Measured(gain, summary, tuple(slices), corners, checks)


def _summary(
    gain: Gain, shrunk: float, prior: Prior | None, unit: str, uncapped: float | None
) -> GainSummary:
    known = np.isfinite(gain.standard_error)
    same = ("estimate", "threshold", "p_above_threshold", "rows", "units", "changed", "days")
    named = gain.top_day is not None and gain.top_day_share > MUCH
    return GainSummary(
        **{name: getattr(gain, name) for name in same},
        standard_error=gain.standard_error if known else None,
        lower=gain.lower if known else None,
        upper=gain.upper if known else None,
        shrunk=shrunk,
        unit=unit,
        uncapped=uncapped if is_finite(uncapped) else None,
        top_day=date(1970, 1, 1) + timedelta(days=gain.top_day or 0) if named else None,
        top_day_share=gain.top_day_share,
        without_top_day=gain.without_top_day if named else None,
        booking_error=booking_error(gain) if known else None,
        prior=None if prior is None else prior.middle_half(),
    )


def refuse(
    reason: str,
    settings: GateSettings,
    *,
    check: str,
    subject: str,
    verdict: Verdict = Verdict.INVALID,
    notes: Mapping[str, Any] | None = None,
) -> Decision:
    """Return the decision of a run that stopped before there was evidence.

    Args:
        reason: What was wrong, where, and what to do.
        settings: Objective and guardrails.
        check: Name of the check that failed.
        subject: What was refused, such as use case, tick and fingerprint: makes the id.
        verdict: INVALID, or INSUFFICIENT_EVIDENCE where there was too little to train on.
        notes: Further facts for the page.
    """
    return Decision(
        decision_id=digest([subject, check, reason, settings.model_dump(mode="json")]),
        verdict=verdict,
        gain=None,
        rows_needed=None,
        checks=(Check(name=check, rule="V0", passed=False, reason=reason, failing=verdict),),
        **_terms(settings),
        notes=notes or {},
    )


def _terms(settings: GateSettings) -> dict[str, Any]:
    """Return the terms of the objective that a decision repeats for its readers."""
    names = ("kpi", "unit", "horizon", "horizon_decisions", "switch_cost", "confidence", "approval")
    terms = {name: getattr(settings.objective, name) for name in names}
    return {**terms, "estimator": settings.estimator.kind}


def _finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Leave out what strict JSON cannot say; the check on it has made the verdict INVALID."""
    return {name: float(value) for name, value in numbers.items() if is_finite(value)}


def _no_guardrails() -> Check:
    return Check(
        name="guardrails",
        rule="V4",
        passed=None,
        reason="not checked: no guardrails were declared, so nothing is watched beside the gain",
        failing=Verdict.INVALID,
    )


def _sufficing(checks: Sequence[Check]) -> list[Check]:
    """Let evidence that would not have sufficed to promote reject nothing.

    What breaks a rule on it is on the record, and asks for more evidence. V0 says so of the rows;
    a slice without a number is one that nothing could be measured in.
    """
    too_little = Verdict.INSUFFICIENT_EVIDENCE
    unanswered = (
        check for check in checks if check.failed and (check.rule == "V0" or check.value is None)
    )
    if all(check.failing is not too_little for check in unanswered):
        return list(checks)
    return [
        check.model_copy(update={"failing": too_little})
        if check.failing is Verdict.REJECT
        else check
        for check in checks
    ]


def _silent_rules(checks: Sequence[Check], *, measured: bool) -> Iterator[Check]:
    """Yield a failure for every rule that did not speak: silence is no consent."""
    if not measured and any(check.rule == "V0" and check.failed for check in checks):
        return  # nothing could be said of a gain
    for rule in sorted(REQUIRED_RULES - {check.rule for check in checks}):
        yield invalid(name="every_rule_speaks", passed=False, reason=f"rule {rule} gave no answer")


def _verdict(checks: Sequence[Check]) -> Verdict:
    asked = {check.failing for check in checks if check.failed}
    return next((verdict for verdict in PRECEDENCE if verdict in asked), Verdict.PROMOTE)


def _rows_needed(gain: Gain, objective: Objective) -> int | None:
    needed = gain.rows_needed()
    return None if needed is None else max(needed, rows_for_enough(gain, objective))
