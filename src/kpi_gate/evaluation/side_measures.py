"""Numbers of two given sides beside their gain: what guardrails watch, metrics, calibration."""

from functools import partial
from typing import Any

import numpy as np

from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import SIDES
from kpi_gate.decision.stats.calibration import (
    BUILT_IN,
    action_rate,
    action_rate_gap,
    calibration_bins,
    calibration_error,
)
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.given_rows import GivenRows
from kpi_gate.evaluation.given_side import GivenSide
from kpi_gate.learning.leakage import auc_of
from kpi_gate.learning.scoring import latencies_ms

MEASURED = tuple(name for name in BUILT_IN if name not in ("missing_input_loss", "model_size_mb"))
TIMED_ROWS = 500
FORESEES = 0.99  # AUC from which on a reader is told to look for a feature that comes later


def require_measurable(settings: GateSettings) -> list[str]:
    """Return the columns whose levels the guardrails name.

    Raises:
        ConfigurationError: If a guardrail asks for what two models alone cannot show.
    """
    for rail in settings.guardrails:
        if rail.measure is not None and rail.measure not in MEASURED:
            raise ConfigurationError(
                f"guardrails: measure == {rail.measure!r}, must be one of {', '.join(MEASURED)}"
            )
        if rail.budget is not None:
            raise ConfigurationError(
                f"guardrails: budget == {rail.budget} is against the first champion, which is not "
                "there; leave it out"
            )
    return [name for rail in settings.guardrails if (name := rail.slice or rail.by)]


def measures(
    champion: GivenSide, candidate: GivenSide, rows: GivenRows, settings: GateSettings
) -> dict[str, dict[str, float]]:
    """Return the numbers that guardrails watch, by side."""
    found: dict[str, dict[str, float]] = {}
    for side in (champion, candidate):
        numbers = {"action_rate": action_rate(side.action), "changed_decisions": 0.0}
        if side.score is not None:
            numbers["calibration_error"] = calibration_error(side.score, rows.outcome)
        for rail in settings.guardrails:
            if rail.by is not None:
                numbers[rail.name] = action_rate_gap(side.action, rows.slices[rail.by].astype(str))
        found[side.name] = numbers
    changed = float((candidate.action != champion.action).mean())
    found["candidate"]["changed_decisions"] = changed
    if {rail.measure for rail in settings.guardrails} & {"latency_ms", "latency_ratio"}:
        for name, numbers in _latencies(champion, candidate).items():
            found[name] |= numbers
    return found


def _latencies(champion: GivenSide, candidate: GivenSide) -> dict[str, dict[str, float]]:
    """Time both models on the same rows, in turns."""
    for side in (champion, candidate):
        if side.estimator is None:
            raise ConfigurationError(f"guardrails: the {side.name} is no model that can be timed")
    times = latencies_ms(
        [partial(s.estimator.predict_proba, s.inputs[:TIMED_ROWS]) for s in (champion, candidate)]
    )
    return {
        name: {"latency_ms": ms, "latency_ratio": ms / times[0]}
        for name, ms in zip(SIDES, times, strict=True)
    }


def notes(champion: GivenSide, candidate: GivenSide, rows: GivenRows) -> dict[str, Any]:
    """Return what the page tells beside the gate."""
    happened = rows.outcome > 0
    metrics: dict[str, dict[str, float]] = {}
    calibration, limits = {}, []
    for side in (champion, candidate):
        if side.score is None or not np.isfinite(side.score).all():
            continue
        calibration[side.name] = calibration_bins(side.score, rows.outcome)
        if happened.any() and not happened.all():
            auc = auc_of(side.score, happened).auc
            metrics[side.name] = {"auc": auc, "brier": float(np.mean((side.score - happened) ** 2))}
            if auc >= FORESEES:
                limits.append(
                    f"The {side.name} ranks the outcomes with AUC {auc:.3f}: is a feature known "
                    "only after the decision?"
                )
    return {
        "title": "Comparison of two models",
        "rival": "doing nothing" if champion.is_nothing else "the champion",
        "metrics": metrics,
        "calibration": calibration,
        "limits": limits,
    }
