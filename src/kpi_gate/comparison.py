"""From two models and the same fresh rows to evidence, and the files that carry it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from kpi_gate.decision.evidence import Lineage
from kpi_gate.decision.measures import (
    action_rate,
    action_rate_gap,
    calibration_bins,
    calibration_error,
)
from kpi_gate.decision.objective import Range
from kpi_gate.learning.policy import Policy
from kpi_gate.learning.scoring import (
    ScoringError,
    act,
    blank_some,
    latencies_ms,
    probabilities,
    row_keys,
)
from kpi_gate.learning.windows import Windows, within
from kpi_gate.stores.evidence import FACTS_FILE, TABLE_FILE
from kpi_gate.stores.models import (
    KEYS_FILE,
    MODEL_FILE,
    ModelCard,
    load_model,
)
from kpi_gate.usecase import UseCase

Floats = NDArray[np.float64]
LATENCY_ROWS = 500
MISSING_INPUT = "missing_input_loss"
BLANK_SHARE = 0.10


@dataclass(frozen=True)
class Side:
    """A contender at work on the gate window.

    Attributes:
        card: What it is and had seen.
        probability: Of outcome 1, shape `(n,)`.
        action: 1 where it acts, shape `(n,)`.
        value: Money per decision, shape `(n,)`.
        estimator: The model; None for the baseline.
        size_mb: Size of the model file.
        folder: Where its files lie.
    """

    card: ModelCard
    probability: Floats
    action: Floats
    value: Floats
    estimator: Any
    size_mb: float
    folder: Path


def write_evidence(
    work: Path,
    use_case: UseCase,
    rows: pd.DataFrame,
    windows: Windows,
    as_of: datetime,
    snapshot: str,
) -> None:
    """Score both sides and the anchor on the gate window and write the evidence.

    Raises:
        ScoringError: If one of them cannot score.
        ModelError: If one of them cannot be read.
    """
    in_window = rows[within(rows, windows.gate)]
    gate = in_window[in_window["outcome"].notna()].reset_index(drop=True)
    candidate_card = ModelCard.read(work / "candidate")
    sides: dict[str, Side] = {}
    with threadpool_limits(int(use_case.settings.model["threads"])):
        for name, folder in _folders(work).items():
            sides[name] = _side(name, folder, use_case, gate, candidate_card)
        measures = _measures(sides, use_case, gate) if len(gate) else {}
    champion, candidate = sides["champion"], sides["candidate"]
    lineage = Lineage(
        use_case=use_case.name,
        as_of=as_of,
        snapshot=snapshot,
        snapshot_rows=len(rows),
        scored_snapshot=candidate.card.snapshot or snapshot,
        window=windows.gate,
        shortest_window_days=use_case.settings.window.gate_min_days,
        row_fingerprint=hashlib.sha256(row_keys(gate).tobytes()).hexdigest()[:16],
        shared_rows=sum(_shared(gate, side.folder) for side in (champion, candidate)),
        matured=len(gate) / len(in_window) if len(in_window) else 1.0,
        champion=champion.card.contender,
        candidate=candidate.card.contender,
    )
    facts = {
        "lineage": lineage.model_dump(mode="json"),
        "measures": measures,
        "parts": {name: _parts(sides[name], use_case, gate) for name in ("candidate", "champion")},
        "corners": _corners(candidate, champion, use_case, gate),
        "uncapped_gain": _uncapped_gain(candidate, champion, use_case, gate),
        "notes": _notes(sides, use_case, gate),
    }
    folder = work / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    table = _table(gate, champion, candidate, use_case)
    for name in (TABLE_FILE, FACTS_FILE):
        (folder / name).unlink(missing_ok=True)
    table.to_parquet(folder / TABLE_FILE, index=False, compression="zstd")
    (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _folders(work: Path) -> dict[str, Path]:
    folders = {"champion": work / "champion", "candidate": work / "candidate"}
    anchor = work / "champion" / "anchor"
    return {**folders, "anchor": anchor} if anchor.exists() else folders


def _side(
    name: str, folder: Path, use_case: UseCase, gate: pd.DataFrame, candidate: ModelCard
) -> Side:
    card = ModelCard.read(folder)
    parameters = use_case.settings.base_values()
    if card.contender.is_baseline:
        estimator, size = None, 0.0
        probability = np.full(len(gate), candidate.outcome_rate, dtype=np.float64)
        action = np.asarray(use_case.baseline(gate), dtype=np.float64)
    else:
        path = folder / MODEL_FILE
        estimator, size = load_model(path, use_case.trusted_types), path.stat().st_size / 1e6
        try:
            probability = _score(estimator, gate, card)
        except ScoringError as error:
            raise ScoringError(
                f"the {name} ({card.contender.name}) cannot score: {error}"
            ) from error
        action = act(_policy(card), use_case.value, probability, gate)
    value = use_case.value.value(action, gate["outcome"].to_numpy(dtype=float), gate, parameters)
    return Side(card, probability, action, value, estimator, size, folder)


def _score(estimator: Any, rows: pd.DataFrame, card: ModelCard) -> Floats:
    return probabilities(estimator, rows, card.features) if len(rows) else np.empty(0)


def _policy(card: ModelCard) -> Policy:
    if card.policy is None:
        raise ScoringError(f"{card.contender.name} has no policy")
    return card.policy


def _table(gate: pd.DataFrame, champion: Side, candidate: Side, use_case: UseCase) -> pd.DataFrame:
    slices = _slices(use_case)
    return gate[["unit", "event_time", "outcome", *slices]].assign(
        value_champion=champion.value,
        value_candidate=candidate.value,
        action_champion=champion.action,
        action_candidate=candidate.action,
        score_champion=champion.probability,
        score_candidate=candidate.probability,
    )


def _slices(use_case: UseCase) -> list[str]:
    columns = [rail.slice or rail.by for rail in use_case.settings.guardrails]
    reserved = {"unit", "event_time", "outcome"}
    return list(dict.fromkeys(name for name in columns if name and name not in reserved))


def _measures(
    sides: Mapping[str, Side], use_case: UseCase, gate: pd.DataFrame
) -> dict[str, dict[str, float]]:
    outcome = gate["outcome"].to_numpy(dtype=float)
    measures: dict[str, dict[str, float]] = {}
    for name, side in sides.items():
        found = {
            "action_rate": action_rate(side.action),
            "calibration_error": calibration_error(side.probability, outcome),
            "model_size_mb": side.size_mb,
        }
        if any(rail.measure == MISSING_INPUT for rail in use_case.settings.guardrails):
            found[MISSING_INPUT] = _missing_input_loss(side, use_case, gate)
        for rail in use_case.settings.guardrails:
            if rail.by is not None:
                found[rail.name] = action_rate_gap(side.action, gate[rail.by].astype(str))
        for measure, function in use_case.measures.items():
            found[measure] = float(function(side.action, gate))
        measures[name] = found
    candidate, champion = sides["candidate"], sides["champion"]
    _time(measures, candidate, champion, gate)
    changed = float((candidate.action != champion.action).mean())
    measures["candidate"]["changed_decisions"] = changed
    measures["champion"]["changed_decisions"] = 0.0
    return measures


def _time(
    measures: dict[str, dict[str, float]], candidate: Side, champion: Side, gate: pd.DataFrame
) -> None:
    batch = gate.head(LATENCY_ROWS)
    timed = [side for side in (candidate, champion) if side.estimator is not None]
    times = latencies_ms([partial(_score, side.estimator, batch, side.card) for side in timed])
    measures["candidate"]["latency_ms"] = times[0]
    if len(times) > 1:
        measures["champion"]["latency_ms"] = times[1]
        measures["candidate"]["latency_ratio"] = times[0] / times[1]
        measures["champion"]["latency_ratio"] = 1.0


def _missing_input_loss(side: Side, use_case: UseCase, gate: pd.DataFrame) -> float:
    """Return the money per decision that is lost when a tenth of every input is missing.

    Raises:
        ScoringError: If the model cannot score such rows at all.
    """
    if side.estimator is None:
        return 0.0
    seed = int(use_case.settings.model["seed"])
    probability = _score(
        side.estimator, blank_some(gate, side.card.features, BLANK_SHARE, seed), side.card
    )
    action = act(_policy(side.card), use_case.value, probability, gate)
    outcome = gate["outcome"].to_numpy(dtype=float)
    value = use_case.value.value(action, outcome, gate, use_case.settings.base_values())
    return float((side.value - value).mean())


def _parts(side: Side, use_case: UseCase, gate: pd.DataFrame) -> dict[str, float]:
    if gate.empty:
        return {}
    outcome = gate["outcome"].to_numpy(dtype=float)
    parts = use_case.value.breakdown(side.action, outcome, gate, use_case.settings.base_values())
    return {name: float(np.mean(values)) for name, values in parts.items()}


def _corners(
    candidate: Side, champion: Side, use_case: UseCase, gate: pd.DataFrame
) -> dict[str, tuple[float, float]]:
    """Return the gain with one value parameter at its low and its high end, actions as they are."""
    base = use_case.settings.base_values()
    corners = {}
    for name, given in use_case.settings.value.items():
        if isinstance(given, Range) and len(gate):
            low, high = (
                _gain(candidate, champion, use_case, gate, {**base, name: end})
                for end in (given.low, given.high)
            )
            corners[name] = (low, high)
    return corners


def _uncapped_gain(
    candidate: Side, champion: Side, use_case: UseCase, gate: pd.DataFrame
) -> float | None:
    if use_case.value.amount_cap is None or gate.empty:
        return None
    uncapped = use_case.value.uncapped(use_case.settings.base_values())
    return _gain(candidate, champion, use_case, gate, uncapped)


def _gain(
    candidate: Side,
    champion: Side,
    use_case: UseCase,
    gate: pd.DataFrame,
    parameters: Mapping[str, float],
) -> float:
    outcome = gate["outcome"].to_numpy(dtype=float)
    ours, theirs = (
        use_case.value.value(side.action, outcome, gate, parameters)
        for side in (candidate, champion)
    )
    return float((ours - theirs).mean())


def _notes(sides: Mapping[str, Side], use_case: UseCase, gate: pd.DataFrame) -> dict[str, Any]:
    card, outcome = sides["candidate"].card, gate["outcome"].to_numpy(dtype=float)
    both = len(set(outcome)) == 2
    pair = {name: sides[name] for name in ("candidate", "champion")}
    return {
        "title": use_case.title,
        "baseline_name": use_case.baseline_name,
        "limits": list(use_case.limits),
        "slices": _slices(use_case),
        "variants": list(card.variants),
        "chosen": card.chosen,
        "trained_rows": card.trained_rows,
        "metrics": {name: _metrics(side.probability, outcome) for name, side in pair.items()}
        if both
        else {},
        "calibration": {
            name: calibration_bins(side.probability, outcome) for name, side in pair.items()
        },
    }


def _metrics(probability: Floats, outcome: Floats) -> dict[str, float]:
    return {
        "auc": float(roc_auc_score(outcome, probability)),
        "brier": float(brier_score_loss(outcome, probability)),
        "log_loss": float(log_loss(outcome, probability)),
    }


def _shared(gate: pd.DataFrame, folder: Path) -> int:
    path = folder / KEYS_FILE
    if not path.exists():
        return 0
    return int(np.isin(row_keys(gate), np.frombuffer(path.read_bytes(), dtype=np.uint64)).sum())
