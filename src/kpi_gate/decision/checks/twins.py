"""Does a recipe that was fitted again on more rows act as its twin, which was measured?"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.checks.guardrails import check_measure
from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.stats.calibration import is_finite
from kpi_gate.decision.verdict import Check, Refit, Verdict

CALIBRATION = "calibration_error"
agreement = partial(Check, rule="V4", failing=Verdict.HOLD)


def hold_against_twin(
    measured: Evidence,
    refitted: Evidence,
    settings: GateSettings,
    *,
    may_change: float,
    may_lose: float,
    averaged: bool = False,
    checks: Sequence[Check] = (),
) -> Refit:
    """Decide whether a refit is promoted in the place of its twin.

    The refit has seen these rows, so what it earns on them promises nothing: here it must only be
    no other model than the one that was measured. A check that could not be made fails.

    Args:
        measured: Evidence of the twin that the gate has judged.
        refitted: The same of the refit, on the same rows against the same champion.
        settings: Objective and guardrails; those on slices need fresh rows and are left out.
        may_change: Largest share of the decisions that may differ; of actions that are shares or
            bids, of what is done in total.
        may_lose: Largest share of the measured gain that may be missing.
        averaged: Whether the refit is the mean of the twin and of what was fitted again.
        checks: What else was asked of it.

    Raises:
        ValueError: If the evidence does not say of which models it is.
    """
    if measured.lineage is None or refitted.lineage is None:
        raise ValueError("without a lineage nobody knows which models are compared")
    found = (*checks, *_agreement(measured, refitted, settings, may_change, may_lose))
    twin, again = measured.lineage.candidate, refitted.lineage.candidate
    agrees = bool(again.digest) and not any(check.failed for check in found)
    return Refit(
        measured=twin.digest,
        refitted=again.digest,
        promoted=again.digest if agrees else twin.digest,
        averaged=averaged,
        trained_until=again.trained_until,
        trained_rows=refitted.notes.get("trained_rows", 0),
        checks=found,
        measures=refitted.measures.get("candidate", {}),
    )


def not_made(twin: str, reason: str) -> Refit:
    """Return what is told where nothing could be fitted again."""
    failed = agreement(name="refit made", passed=False, reason=reason)
    return Refit(measured=twin, promoted=twin, checks=(failed,))


def _agreement(
    measured: Evidence,
    refitted: Evidence,
    settings: GateSettings,
    may_change: float,
    may_lose: float,
) -> Iterator[Check]:
    rows, unit = (measured.rows, refitted.rows), settings.objective.unit
    if not rows[0].size or any(one.actions is None for one in rows) or not _same_rows(*rows):
        yield agreement(name="same rows", passed=False, reason="both did not act on the same rows")
        return
    changed = _moved(*(one.actions[1] for one in rows if one.actions is not None))
    yield agreement(
        name="decisions",
        passed=bool(changed <= may_change),
        value=changed if np.isfinite(changed) else None,
        bound=may_change,
        reason=f"{changed:.2%} of the decisions differ from the twin's; at most: {may_change:.0%}",
    )
    gains = [float(one.difference.mean()) for one in rows]
    lacking, bound = gains[0] - gains[1], may_lose * abs(gains[0])
    yield agreement(
        name="gain",
        passed=bool(lacking <= bound),
        value=gains[1] if np.isfinite(gains[1]) else None,
        bound=gains[0] - bound,
        reason=f"{gains[1]:+.4g} {unit} per decision on the rows where the twin gained "
        f"{gains[0]:+.4g}; at least: {gains[0] - bound:+.4g}",
    )
    for rail in settings.guardrails:
        if rail.slice is None:
            yield from check_measure(refitted, rail)
        if rail.measure == CALIBRATION and rail.may_rise_by is not None:
            yield _calibrated(measured, refitted, rail.may_rise_by)


def _same_rows(*rows: object) -> bool:
    ours, theirs = (getattr(one, "key", None) for one in rows)
    return ours is not None and theirs is not None and np.array_equal(ours, theirs)


def _moved(twin: NDArray[np.float64], refit: NDArray[np.float64]) -> float:
    """Return how far the actions differ: a share of the rows, or of all that is done."""
    apart = np.abs(refit - twin)
    if np.isin(twin, (0, 1)).all() and np.isin(refit, (0, 1)).all():
        return float(apart.mean())
    done = np.maximum(np.abs(twin), np.abs(refit)).sum()
    return float(apart.sum() / done) if done else 0.0


def _calibrated(measured: Evidence, refitted: Evidence, margin: float) -> Check:
    """Test that the probabilities fit no worse than the twin's, on rows that the twin never saw."""
    twin, refit = (
        one.measures.get("candidate", {}).get(CALIBRATION) for one in (measured, refitted)
    )
    known = is_finite(twin) and is_finite(refit)
    words = f"{refit:.4g} (twin: {twin:.4g})" if known else "not known of both"
    return agreement(
        name=f"{CALIBRATION} against twin",
        passed=bool(is_finite(twin) and is_finite(refit) and refit - twin <= margin),
        value=refit - twin if is_finite(twin) and is_finite(refit) else None,
        bound=margin,
        reason=f"{words}; rise over the twin: {margin:g}",
    )
