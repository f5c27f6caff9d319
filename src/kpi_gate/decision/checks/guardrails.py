"""V4: what must not worsen while the KPI gains."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.stats.calibration import NEEDS_CHAMPION, OF_A_MODEL, is_finite
from kpi_gate.decision.stats.intervals import cluster_sums, interval
from kpi_gate.decision.verdict import Check, SliceGain, Verdict

RULE_OF_THUMB = "rule of thumb"  # what people call the side that there is before any champion
REST = "all small levels together"
_breaks = partial(Check, rule="V4", failing=Verdict.REJECT)


def slice_gains(evidence: Evidence, guardrail: Guardrail, confidence: float) -> list[SliceGain]:
    """Measure the gain of every level of a slice column, money per decision.

    Levels with too few differing decisions to be tested are also taken together as one.
    """
    column, rows = str(guardrail.slice), evidence.rows
    levels = rows.slices[column]
    names = sorted(set(map(str, levels)))
    number = {name: place for place, name in enumerate(names)}
    code = {level: number[str(level)] for level in set(levels)}
    codes = np.fromiter(map(code.__getitem__, levels), dtype=np.intp, count=rows.size)
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    parts = np.split(np.argsort(codes, kind="stable"), ends[:-1])

    def measured(name: str, part: NDArray[np.intp]) -> SliceGain:
        difference = rows.difference_of(part)
        # few units differ: skewness beyond what they can show would double the width (METHODS 1.9)
        bounds = interval(*cluster_sums(difference, rows.unit[part]), confidence, few=True)
        events = int(np.count_nonzero(difference))
        known = bool(np.isfinite(bounds.lower))
        return SliceGain(
            column=column,
            level=name,
            rows=part.size,
            events=events,
            estimate=bounds.estimate,
            lower=bounds.lower if known else None,
            upper=bounds.upper if known else None,
            tested=events >= int(guardrail.min_events or 0),
        )

    gains = [measured(name, part) for name, part in zip(names, parts, strict=True)]
    small = [part for gain, part in zip(gains, parts, strict=True) if not gain.tested]
    return [*gains, measured(REST, np.concatenate(small))] if len(small) > 1 else gains


def check_slices(gains: list[SliceGain], guardrail: Guardrail, unit: str) -> Check:
    """Test that no level loses more than it may.

    A level that surely loses, and by its estimate more than `may_lose`, breaks the guardrail; one
    that only might, because its lower bound reaches below, needs more evidence, and so does a
    column without a tested level.
    """
    margin = float(guardrail.may_lose or 0.0)
    tested = [gain for gain in gains if gain.tested]
    levels = [gain for gain in gains if gain.level != REST]
    alone = sum(gain.tested for gain in levels)
    listed = f"{alone} of {len(levels)} levels have {guardrail.min_events} differing decisions"
    broken = [gain for gain in tested if gain.estimate < -margin and (gain.upper or 0.0) < 0]
    unproven = [gain for gain in tested if gain.lower is None or gain.lower <= -margin]
    value: float | None
    if broken:
        worst = min(broken, key=lambda gain: gain.estimate)
        value, words = worst.estimate, f"{worst.level} loses {-worst.estimate:.4g} {unit}"
    elif unproven:
        worst = min(unproven, key=lambda gain: -np.inf if gain.lower is None else gain.lower)
        value = worst.lower
        bound = "unknown, with a single unit" if value is None else f"{value:+.4g} {unit}"
        words = f"{worst.level} may lose more than allowed: its lower bound is {bound}"
    else:
        value = min((gain.lower for gain in tested if gain.lower is not None), default=None)
        words = "no level loses more than it may" if alone else "no level can be tested"
    return _breaks(
        name=guardrail.name,
        passed=bool(alone) and not (broken or unproven),
        value=value,
        bound=-margin,
        reason=f"{words} ({listed}; allowed: {margin:g} {unit} per decision)",
        failing=Verdict.REJECT if broken else Verdict.INSUFFICIENT_EVIDENCE,
    )


def _limits(guardrail: Guardrail, champion: str) -> Iterator[tuple[str, str | None, float, int]]:
    """Yield (words, reference, bound, sign); the rule is sign * (value - reference) <= bound."""
    if guardrail.at_most is not None:
        yield "at most", None, guardrail.at_most, 1
    if guardrail.at_least is not None:
        yield "at least", None, -guardrail.at_least, -1
    for margin, sign, words in (
        (guardrail.may_rise_by, 1, "rise"),
        (guardrail.may_fall_by, -1, "fall"),
    ):
        if margin is not None:
            yield f"{words} over the {champion}", "champion", margin, sign
            if guardrail.budget is not None:
                yield f"cumulative {words} over the anchor", "anchor", guardrail.budget, sign


def check_measure(evidence: Evidence, guardrail: Guardrail) -> Iterator[Check]:
    """Test a measure against each of its bounds; one check a bound.

    A number that is missing or not finite makes the evidence INVALID: silence never passes.
    """
    name, lineage = guardrail.name, evidence.lineage
    first = lineage is not None and lineage.champion.is_baseline
    if first and name in NEEDS_CHAMPION:
        reason = "not checked: compares two models, and there is no champion yet"
        yield _breaks(name=name, passed=None, reason=reason)
        return
    value = evidence.measures.get("candidate", {}).get(name)
    champion = RULE_OF_THUMB if first else "champion"
    for words, side, bound, sign in _limits(guardrail, champion):
        if side == "anchor" and first:
            continue
        if side is not None and first and name in OF_A_MODEL:
            reason = f"not checked: {words} means nothing, as it has no {name}"
            yield _breaks(name=name, passed=None, reason=reason)
            continue
        reference = 0.0 if side is None else evidence.measures.get(side, {}).get(name)
        if not (is_finite(value) and is_finite(reference)):
            missing = side if is_finite(value) else "candidate"
            reason = f"the evidence holds no finite {name} of the {missing}"
            yield _breaks(name=name, passed=False, reason=reason, failing=Verdict.INVALID)
            continue
        moved, shown = sign * (value - reference), bound * sign if side is None else bound
        against = (
            ""
            if side is None
            else f" ({champion if side == 'champion' else side}: {reference:.4g})"
        )
        yield _breaks(
            name=name if side != "anchor" else f"{name} against anchor",
            passed=bool(moved <= bound),
            value=value if side is None else value - reference,
            bound=bound * sign,
            reason=f"{value:.4g}{against}; {words}: {shown:g}",
        )
