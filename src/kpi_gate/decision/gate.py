"""The gate: evidence and objective in, decision out. Every rule fails closed."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gain import Gain, paired_gain
from kpi_gate.decision.guardrails import check_measure, check_slices, slice_gains
from kpi_gate.decision.objective import GateSettings, Objective
from kpi_gate.decision.shrinkage import learn_prior
from kpi_gate.decision.validity import check_enough, check_valid
from kpi_gate.decision.verdict import Check, Decision, GainSummary, SliceGain, Verdict

PRECEDENCE = (
    Verdict.INVALID,
    Verdict.REJECT,
    Verdict.INSUFFICIENT_EVIDENCE,
    Verdict.HOLD,
    Verdict.AB_REQUIRED,
)
REQUIRED_RULES = {"V0", "V1", "V2", "V3", "V4"}


def decide(
    evidence: Evidence, settings: GateSettings, past: Sequence[tuple[float, float]] = ()
) -> Decision:
    """Judge a candidate.

    Args:
        evidence: What was measured on the gate window.
        settings: Objective and guardrails.
        past: (gain, standard error) of every candidate measured before, also the rejected ones.

    Returns:
        The decision; it never raises on bad evidence, which makes the verdict INVALID instead.
    """
    objective = settings.objective
    rows = evidence.rows
    checks = list(check_valid(evidence, settings))
    gain, summary = None, None
    slices: list[SliceGain] = []
    if rows.size and np.isfinite(rows.candidate - rows.champion).all():
        gain = paired_gain(
            rows.candidate - rows.champion,
            rows.unit,
            rows.day,
            threshold=objective.delta,
            confidence=objective.confidence,
            resamples=objective.resamples,
            seed=objective.seed,
        )
        shrunk = _shrink(gain, past)
        summary = _summary(gain, shrunk, objective, evidence.uncapped_gain)
        checks += [*check_enough(gain, objective), *_gain_rules(gain, shrunk, objective)]
        for guardrail in settings.guardrails:
            if guardrail.slice in rows.slices:
                levels = slice_gains(evidence, guardrail, objective.confidence)
                slices += levels
                checks.append(check_slices(levels, guardrail, objective.unit))
    for guardrail in settings.guardrails if rows.size else ():
        if guardrail.slice is None:
            checks += check_measure(evidence, guardrail)
    checks += _advisory_rules(evidence, objective)
    verdict = _verdict(checks)
    return Decision(
        decision_id=decision_id(evidence, settings),
        verdict=verdict,
        gain=summary,
        rows_needed=None if gain is None or verdict is Verdict.PROMOTE else gain.rows_needed(),
        checks=tuple(sorted(checks, key=lambda check: check.rule)),
        slices=tuple(slices),
        kpi=objective.kpi,
        unit=objective.unit,
        horizon=objective.horizon,
        horizon_decisions=objective.horizon_decisions,
        switch_cost=objective.switch_cost,
        confidence=objective.confidence,
        approval=objective.approval,
        lineage=evidence.lineage,
        parts=evidence.parts,
        measures=evidence.measures,
        corners=evidence.corners,
        notes=evidence.notes,
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
    objective = settings.objective
    return Decision(
        decision_id=_digest([subject, check, reason, settings.model_dump(mode="json")]),
        verdict=verdict,
        gain=None,
        rows_needed=None,
        checks=(Check(name=check, rule="V0", passed=False, reason=reason, failing=verdict),),
        kpi=objective.kpi,
        unit=objective.unit,
        horizon=objective.horizon,
        horizon_decisions=objective.horizon_decisions,
        switch_cost=objective.switch_cost,
        confidence=objective.confidence,
        approval=objective.approval,
        notes=notes or {},
    )


def decision_id(evidence: Evidence, settings: GateSettings) -> str:
    """Hash what is judged and by which rules; timings are left out, so a replay agrees."""
    rows = evidence.rows
    arrays = (rows.unit, rows.day, rows.champion, rows.candidate)
    values = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
    lineage = None if evidence.lineage is None else evidence.lineage.model_dump(mode="json")
    return _digest([values.hexdigest(), lineage, settings.model_dump(mode="json")])


def _digest(content: list[object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _verdict(checks: Sequence[Check]) -> Verdict:
    asked = {check.failing for check in checks if not check.passed}
    if not asked and not {check.rule for check in checks} >= REQUIRED_RULES:
        return Verdict.INVALID  # a rule that did not speak has not agreed
    return next((verdict for verdict in PRECEDENCE if verdict in asked), Verdict.PROMOTE)


def _shrink(gain: Gain, past: Sequence[tuple[float, float]]) -> float:
    """Shrink the gain; the candidate itself belongs to the candidates that the prior knows."""
    measured = [*past, (gain.estimate, gain.standard_error)]
    usable = [(x, s) for x, s in measured if np.isfinite([x, s]).all() and s > 0]
    if not (gain.standard_error > 0 and np.isfinite(gain.standard_error)):
        return gain.estimate if gain.standard_error == 0 else 0.0
    return learn_prior(*zip(*usable, strict=True)).shrink(gain.estimate, gain.standard_error)


def _summary(
    gain: Gain, shrunk: float, objective: Objective, uncapped: float | None
) -> GainSummary:
    known = np.isfinite(gain.standard_error)
    return GainSummary(
        estimate=gain.estimate,
        standard_error=gain.standard_error if known else None,
        lower=gain.lower if known else None,
        upper=gain.upper if known else None,
        threshold=gain.threshold,
        p_above_threshold=gain.p_above_threshold,
        shrunk=shrunk,
        unit=objective.unit,
        rows=gain.rows,
        units=gain.units,
        changed=gain.changed,
        uncapped=uncapped,
    )


def _gain_rules(gain: Gain, shrunk: float, objective: Objective) -> Iterator[Check]:
    """V1, the gain is real; V2, it is worth the switch."""
    unit, delta = objective.unit, gain.threshold
    yield Check(
        name="gain_possible",
        rule="V1",
        passed=gain.upper >= delta,
        value=gain.upper if np.isfinite(gain.upper) else None,
        bound=delta,
        reason=f"upper bound of the gain {gain.upper:+.4f} {unit}, a release needs {delta:g}",
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
        reason=f"lower bound of the gain {gain.lower:+.4f} {unit} must exceed {delta:g}",
        failing=Verdict.HOLD,
    )
    net = shrunk * objective.horizon_decisions - objective.switch_cost
    yield Check(
        name="worth_the_switch",
        rule="V2",
        passed=net > 0,
        value=net,
        bound=0.0,
        reason=f"shrunk gain {shrunk:+.4f} {unit} x {objective.horizon_decisions} decisions "
        f"- {objective.switch_cost:g} = {net:+,.0f} {unit} over {objective.horizon}",
        failing=Verdict.HOLD,
    )


def _advisory_rules(evidence: Evidence, objective: Objective) -> Iterator[Check]:
    """V3, the link to the KPI, and V5, sensitivity: what there is no history for yet."""
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
        worst, name = min(ends)
        yield Check(
            name="sensitivity",
            rule="V5",
            passed=True,
            value=worst,
            bound=objective.delta,
            reason=f"advisory: the gain falls to {worst:+.4f} {objective.unit} "
            f"at the least favourable end of {name}",
            failing=Verdict.HOLD,
        )
