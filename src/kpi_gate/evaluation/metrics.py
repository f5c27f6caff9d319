"""Numbers of both sides on the gate window: guardrail measures, parts, corners, ML metrics."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from kpi_gate.decision.objective import Range
from kpi_gate.decision.stats.calibration import (
    action_rate,
    action_rate_gap,
    calibration_bins,
    calibration_error,
)
from kpi_gate.decision.stats.intervals import cluster_sums, interval
from kpi_gate.decision.value.estimators import Estimate
from kpi_gate.evaluation.scored_model import Side, actions, policy_of, work
from kpi_gate.evaluation.valuation import counted, estimate, per_decision, row_values, worth
from kpi_gate.evaluation.views import at_decision, once_over, seen_by
from kpi_gate.learning.scoring import blank_some, latencies_ms, probabilities
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
LATENCY_ROWS = 500
MISSING_INPUT = "missing_input_loss"
BLANK_SHARE = 0.10
ODDS_OFF = 1.6  # times the odds: what a miscalibrated twin of the candidate is off by


def measure(
    sides: Mapping[str, Side], use_case: UseCase, gate: pd.DataFrame
) -> dict[str, dict[str, float]]:
    """Return the numbers that guardrails watch, by side and name; `time_sides` has the timings."""
    outcome, view = gate["outcome"].to_numpy(dtype=float), at_decision(use_case, gate)
    known, over = np.isfinite(outcome), once_over(use_case, gate)
    measures: dict[str, dict[str, float]] = {}
    for name, side in sides.items():
        found = {
            "action_rate": action_rate(side.action),
            "calibration_error": calibration_error(side.probability[known], outcome[known]),
            "model_size_mb": side.model.size_mb,
        }
        if any(rail.measure == MISSING_INPUT for rail in use_case.settings.guardrails):
            found[MISSING_INPUT] = _missing_input_loss(side, use_case, gate)
        for rail in use_case.settings.guardrails:
            if rail.by is not None:
                found[rail.name] = action_rate_gap(side.action, view[rail.by].astype(str))
        for measure, function in use_case.measures.items():
            with seen_by(use_case, f"measure {measure}", gate, over):
                found[measure] = float(function(side.action, over))
        measures[name] = found
    candidate, champion = sides["candidate"], sides["champion"]
    changed = float((candidate.action != champion.action).mean())
    measures["candidate"]["changed_decisions"] = changed
    measures["champion"]["changed_decisions"] = 0.0
    return measures


def time_sides(sides: Mapping[str, Side], gate: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Time champion and candidate on the same rows, in turns; return their latencies by side."""
    timed = {
        name: sides[name] for name in ("candidate", "champion") if sides[name].estimator is not None
    }
    scored = ~np.any([side.failed for side in timed.values()], axis=0)
    if not scored.any():
        return {name: {"latency_ms": 0.0, "latency_ratio": 1.0} for name in timed}
    batch = gate[scored].head(LATENCY_ROWS)
    times = latencies_ms(
        [partial(probabilities, s.estimator, batch, s.card.features) for s in timed.values()]
    )
    found = {name: {"latency_ms": ms} for name, ms in zip(timed, times, strict=True)}
    for name in found if len(found) > 1 else ():
        ratio = found[name]["latency_ms"] / found["champion"]["latency_ms"]
        found[name]["latency_ratio"] = ratio
    return found


def _missing_input_loss(side: Side, use_case: UseCase, gate: pd.DataFrame) -> float:
    """Return the money per decision that is lost when a tenth of every input is missing.

    Raises:
        ScoringError: If a candidate cannot score such rows.
    """
    if side.estimator is None:
        return 0.0
    seed = int(use_case.settings.model["seed"])
    blanked = blank_some(gate, side.card.features, BLANK_SHARE, seed)
    acted = work(side.name, side.model, use_case, gate, instead=side.scores, seen=blanked)
    base = use_case.settings.base_values()
    before = per_decision(use_case, gate, side.action, side.value, base)
    return before - worth(use_case, gate, acted.action, base)


def parts(side: Side, use_case: UseCase, gate: pd.DataFrame) -> dict[str, float]:
    """Return the mean of each part of the value, money per decision; empty of no rows."""
    if gate.empty:
        return {}
    base = use_case.settings.base_values()
    outcome = gate["outcome"].to_numpy(dtype=float)
    over, action = once_over(use_case, gate), counted(use_case, side.action)
    found = use_case.value.breakdown(action, outcome, over, base)
    return {
        name: per_decision(use_case, gate, side.action, values, base)
        for name, values in found.items()
    }


def corners(
    candidate: Side, champion: Side, use_case: UseCase, gate: pd.DataFrame
) -> dict[str, tuple[Floats, Floats]]:
    """Return the rows' differences with one value parameter at its low and at its high end.

    Actions stay as they are: the policy believes in the base.
    """
    base = use_case.settings.base_values()
    corners = {}
    for name, given in use_case.settings.value.items():
        if isinstance(given, Range):
            low, high = (
                _recounted(candidate, champion, use_case, gate, {**base, name: end}).difference
                for end in (given.low, given.high)
            )
            corners[name] = (low, high)
    return corners


def worst_corner(
    candidate: Side,
    champion: Side,
    use_case: UseCase,
    gate: pd.DataFrame,
    ends: Mapping[str, tuple[Floats, Floats]],
) -> float | None:
    """Return the gain with every value parameter at its worse end at once; None of fewer than two.

    Args:
        candidate: The one side.
        champion: The other.
        use_case: The problem.
        gate: The rows.
        ends: What `corners` returned.
    """
    if len(ends) < 2 or gate.empty:
        return None
    values = use_case.settings.base_values()
    for name, given in use_case.settings.value.items():
        if isinstance(given, Range):
            low, high = (end.mean() for end in ends[name])
            values[name] = given.low if low < high else given.high
    return float(_recounted(candidate, champion, use_case, gate, values).difference.mean())


def uncapped_gain(
    candidate: Side, champion: Side, use_case: UseCase, gate: pd.DataFrame
) -> float | None:
    """Return the gain with the cap on amounts lifted; None where nothing is capped."""
    if use_case.value.amount_cap is None or gate.empty:
        return None
    uncapped = use_case.value.uncapped(use_case.settings.base_values())
    return float(_recounted(candidate, champion, use_case, gate, uncapped).difference.mean())


def estimate_sides(
    candidate: Side, champion: Side, use_case: UseCase, gate: pd.DataFrame
) -> Estimate:
    """Return what the gate compares: both sides' value of every row, weighed."""
    base = use_case.settings.base_values()
    pair = (champion.action, candidate.action), (champion.value, candidate.value)
    return estimate(use_case, gate, *pair, base)


def proxies(
    candidate: Side, champion: Side, use_case: UseCase, gate: pd.DataFrame
) -> dict[str, dict[str, float]]:
    """Return what people count, per decision: both sides and their difference with its bounds."""
    if gate.empty:
        return {}
    base, pair = use_case.settings.base_values(), (champion.action, candidate.action)
    outcome, unit = gate["outcome"].to_numpy(dtype=float), pd.factorize(gate["unit"])[0]
    found, over = {}, once_over(use_case, gate)
    for name, count in use_case.proxies.items():
        with seen_by(use_case, f"proxy {name}", gate, over):
            theirs, ours = (
                np.asarray(count(counted(use_case, action), outcome, over), dtype=np.float64)
                for action in pair
            )
        pairs = pair, (theirs, ours)
        difference = estimate(use_case, gate, *pairs, base, exposed=False).difference
        change = interval(*cluster_sums(difference, unit), use_case.settings.objective.confidence)
        numbers = {
            "champion": per_decision(use_case, gate, champion.action, theirs, base),
            "candidate": per_decision(use_case, gate, candidate.action, ours, base),
            "change": change.estimate,
            "lower": change.lower,
            "upper": change.upper,
        }
        found[name] = {key: value for key, value in numbers.items() if np.isfinite(value)}
    return found


def miscalibrated(side: Side, use_case: UseCase, gate: pd.DataFrame) -> dict[str, float]:
    """Return what the candidate would lose if the odds of its scores were off by a factor.

    It would rank alike, with the same AUC: only money tells the two apart. Empty where there is
    nothing to tell.
    """
    if gate.empty or side.estimator is None or not np.isfinite(side.scores).all():
        return {}
    odds = ODDS_OFF * side.scores
    scores = odds / (1 - side.scores + odds)
    action = actions(policy_of(side.card), use_case, scores, gate, side.amounts)
    base = use_case.settings.base_values()
    change = worth(use_case, gate, action, base) - per_decision(
        use_case, gate, side.action, side.value, base
    )
    return {"factor": ODDS_OFF, "change": change} if np.isfinite(change) else {}


def _recounted(
    candidate: Side,
    champion: Side,
    use_case: UseCase,
    gate: pd.DataFrame,
    parameters: Mapping[str, float],
) -> Estimate:
    """Return the same with other value parameters, without what each row could lose."""
    ours, theirs = (
        row_values(use_case, gate, side.action, parameters) for side in (candidate, champion)
    )
    pair = (champion.action, candidate.action), (theirs, ours)
    return estimate(use_case, gate, *pair, parameters, exposed=False)


def stand_ins(sides: Iterable[Side], use_case: UseCase) -> list[str]:
    """Say of which rows the baseline stands in for a model in service that cannot score them."""
    return [
        f"The {side.name} ({side.card.contender.name}) cannot score {side.fault}. There the rule "
        f"of thumb ({use_case.baseline_name}) stands in for it, as in service."
        for side in sides
        if side.fault
    ]


def notes(sides: Mapping[str, Side], use_case: UseCase, gate: pd.DataFrame) -> dict[str, Any]:
    """Return what the decision page tells beside the gate, JSON-able."""
    card = sides["candidate"].card
    known = gate["outcome"].notna().to_numpy()
    outcome = gate["outcome"].to_numpy(dtype=float)[known]
    both = len(set(outcome)) == 2
    # what is not finite makes the verdict INVALID; here it would only hide that behind an error
    pair = {
        name: sides[name].probability[known]
        for name in ("candidate", "champion")
        if np.isfinite(sides[name].probability).all()
    }
    return {
        "title": use_case.title,
        "baseline_name": use_case.baseline_name,
        "limits": [*stand_ins(sides.values(), use_case), *use_case.limits],
        "stood_in": {name: int(side.failed.sum()) for name, side in sides.items()},
        "slices": slice_columns(use_case),
        "variants": list(card.variants),
        "chosen": card.chosen,
        "proxies": proxies(sides["candidate"], sides["champion"], use_case, gate),
        "miscalibrated": miscalibrated(sides["candidate"], use_case, gate),
        "money_weight": use_case.settings.model_dump(
            mode="json", include={"value": set(use_case.value.money_weight)}
        )["value"],
        "trained_rows": card.trained_rows,
        "metrics": {name: _metrics(scores, outcome) for name, scores in pair.items()}
        if both
        else {},
        "calibration": {name: calibration_bins(scores, outcome) for name, scores in pair.items()},
    }


def _metrics(probability: Floats, outcome: Floats) -> dict[str, float]:
    return {
        "auc": float(roc_auc_score(outcome, probability)),
        "brier": float(brier_score_loss(outcome, probability)),
        "log_loss": float(log_loss(outcome, probability)),
    }


def slice_columns(use_case: UseCase) -> list[str]:
    """Return the columns whose levels a guardrail names."""
    columns = [rail.slice or rail.by for rail in use_case.settings.guardrails]
    reserved = {"unit", "event_time", "outcome"}
    return list(dict.fromkeys(name for name in columns if name and name not in reserved))
