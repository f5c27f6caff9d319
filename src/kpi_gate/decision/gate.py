"""The gate: evidence and objective in, decision out. Every rule fails closed."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gain import Gain, paired_gain
from kpi_gate.decision.guardrails import check_measure, check_slices, slice_gains
from kpi_gate.decision.measures import TIMINGS, is_finite
from kpi_gate.decision.objective import LARGEST, GateSettings, Objective
from kpi_gate.decision.shrinkage import learn_prior
from kpi_gate.decision.validity import check_enough, check_valid, rows_for_enough
from kpi_gate.decision.verdict import Check, Decision, GainSummary, SliceGain, Verdict
from kpi_gate.decision.worth import check_gain, check_link_and_corners

PRECEDENCE = (
    Verdict.INVALID,
    Verdict.REJECT,
    Verdict.INSUFFICIENT_EVIDENCE,
    Verdict.HOLD,
    Verdict.AB_REQUIRED,
)
REQUIRED_RULES = {"V0", "V1", "V2", "V3", "V4"}
UNMEASURABLE = {"rows_readable", "values_finite"}  # without them there is no gain to speak of


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
    if rows.size and UNMEASURABLE.isdisjoint(check.name for check in checks if not check.passed):
        gain = paired_gain(
            rows.difference,
            rows.unit,
            rows.day,
            threshold=objective.delta,
            confidence=objective.confidence,
            resamples=objective.resamples,
            seed=objective.seed,
        )
        shrunk = _shrink(gain, past)
        summary = _summary(gain, shrunk, objective, evidence.uncapped_gain)
        checks += [*check_enough(gain, objective), *check_gain(gain, shrunk, objective)]
        for guardrail in settings.guardrails:
            if guardrail.slice in rows.slices:
                levels = slice_gains(evidence, guardrail, objective.confidence)
                slices += levels
                checks.append(check_slices(levels, guardrail, objective.unit))
    for guardrail in settings.guardrails if rows.size else ():
        if guardrail.slice is None:
            checks += check_measure(evidence, guardrail)
    checks += check_link_and_corners(evidence, objective)
    checks += _silent_rules(checks)
    verdict = _verdict(checks)
    return Decision(
        decision_id=decision_id(evidence, settings),
        verdict=verdict,
        gain=summary,
        rows_needed=None
        if gain is None or verdict is Verdict.PROMOTE
        else _rows_needed(gain, objective),
        checks=tuple(sorted(checks, key=lambda check: check.rule)),
        slices=tuple(slices),
        **_terms(objective),
        lineage=evidence.lineage,
        parts={side: _finite(parts) for side, parts in evidence.parts.items()},
        measures={side: _finite(numbers) for side, numbers in evidence.measures.items()},
        corners={name: ends for name, ends in evidence.corners.items() if np.isfinite(ends).all()},
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
        **_terms(objective),
        notes=notes or {},
    )


def decision_id(evidence: Evidence, settings: GateSettings) -> str:
    """Hash what is judged and by which rules; timings are left out, so a replay agrees."""
    rows = evidence.rows
    arrays = (rows.unit, rows.day, rows.champion, rows.candidate)
    values = hashlib.sha256(b"".join(map(_bytes, arrays)))
    slices = {name: _digest(["\0".join(map(str, levels))]) for name, levels in rows.slices.items()}
    measures = {
        side: {name: repr(value) for name, value in numbers.items() if name not in TIMINGS}
        for side, numbers in evidence.measures.items()
    }
    lineage = None if evidence.lineage is None else evidence.lineage.model_dump(mode="json")
    content = [values.hexdigest(), slices, measures, lineage, settings.model_dump(mode="json")]
    return _digest(content)


def _terms(objective: Objective) -> dict[str, Any]:
    """Return the terms of the objective that a decision repeats for its readers."""
    names = ("kpi", "unit", "horizon", "horizon_decisions", "switch_cost", "confidence", "approval")
    return {name: getattr(objective, name) for name in names}


def _bytes(array: object) -> bytes:
    """Return the bytes of numbers; zero has one sign, and objects are spelled."""
    given = np.asarray(array)
    if given.dtype.kind in "iuf":
        return bytes((np.ascontiguousarray(given) + 0).tobytes())
    return repr(given.tolist()).encode()


def _digest(content: list[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Leave out what strict JSON cannot say; the check on it has made the verdict INVALID."""
    return {name: float(value) for name, value in numbers.items() if is_finite(value)}


def _silent_rules(checks: Sequence[Check]) -> Iterator[Check]:
    """Yield a failure for every rule that did not speak: silence is no consent."""
    if any(check.rule == "V0" and not check.passed for check in checks):
        return
    for rule in sorted(REQUIRED_RULES - {check.rule for check in checks}):
        yield Check(
            name="every_rule_speaks",
            rule="V0",
            passed=False,
            reason=f"rule {rule} gave no answer",
            failing=Verdict.INVALID,
        )


def _verdict(checks: Sequence[Check]) -> Verdict:
    asked = {check.failing for check in checks if not check.passed}
    return next((verdict for verdict in PRECEDENCE if verdict in asked), Verdict.PROMOTE)


def _rows_needed(gain: Gain, objective: Objective) -> int | None:
    needed = gain.rows_needed()
    return None if needed is None else max(needed, rows_for_enough(gain, objective))


def _shrink(gain: Gain, past: Sequence[tuple[float, float]]) -> float:
    """Shrink the gain; the candidate itself belongs to the candidates that the prior knows."""
    measured = [*past, (gain.estimate, gain.standard_error)]
    usable = [(x, s) for x, s in measured if abs(x) <= LARGEST and 1 / LARGEST < s <= LARGEST]
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
        uncapped=uncapped if is_finite(uncapped) else None,
    )
