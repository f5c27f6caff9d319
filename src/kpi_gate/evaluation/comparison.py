"""From two models and the same fresh rows to evidence, and the files that carry it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from kpi_gate.data.snapshot import Snapshot
from kpi_gate.decision.evidence import Foreknowledge, Lineage
from kpi_gate.decision.fingerprint import fingerprint
from kpi_gate.decision.paired_rows import SIDES
from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.decision.value.estimators import Estimate
from kpi_gate.evaluation.days_before import days_before
from kpi_gate.evaluation.evidence_files import FACTS_FILE, TABLE_FILE, corner_column
from kpi_gate.evaluation.foreknowledge import known_by_columns, known_by_the_candidate
from kpi_gate.evaluation.metrics import (
    corners,
    estimate_sides,
    measure,
    notes,
    parts,
    slice_columns,
    time_sides,
    uncapped_gain,
    worst_corner,
)
from kpi_gate.evaluation.scored_model import Side, make_side
from kpi_gate.learning.label_maturity import missing_by_day
from kpi_gate.learning.scoring import row_keys
from kpi_gate.learning.windows import Windows, never_known, within
from kpi_gate.record.model_files import Model
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
# of models that were not timed: the same, whatever it is
ALIKE: Mapping[str, Mapping[str, float]] = {
    side: {"latency_ms": 1.0, "latency_ratio": 1.0} for side in SIDES
}


def write_evidence(
    folder: Path,
    models: Mapping[str, Model],
    use_case: UseCase,
    snapshot: Snapshot,
    windows: Windows,
    *,
    timed: bool = True,
    look_back: bool = True,
) -> None:
    """Score both sides and the anchor on the gate window and write the evidence.

    Args:
        folder: Where to.
        models: Champion and candidate, and the anchor where there is one.
        use_case: The problem.
        snapshot: The rows.
        windows: Time windows.
        timed: Whether to measure how long both sides take; else they count as equally fast.
        look_back: Whether to score the days before the gate window too.

    Raises:
        ScoringError: If one of them cannot score.
        ModelError: If one of them cannot be read.
    """
    rows, rate = snapshot.learnable, models["candidate"].card.outcome_rate
    gate = gate_rows(rows, windows)
    with threadpool_limits(int(use_case.settings.model["threads"])):
        sides = {
            name: make_side(name, model, use_case, gate, rate) for name, model in models.items()
        }
        measures = measure(sides, use_case, gate) if len(gate) else {}
        taken = time_sides(sides, gate) if timed else ALIKE
        for name, timings in taken.items() if len(gate) else ():
            measures[name] |= timings
        history = days_before(models, use_case, rows, windows, rate) if look_back else None
    lineage = lineage_of(sides, use_case, rows, gate, windows, snapshot.as_of, snapshot.fingerprint)
    aside = snapshot.set_aside
    if aside:
        known = {"set_aside": aside["share"], "tolerated": aside["tolerated"]}
        lineage = lineage.model_copy(update=known)
    foreknown = known_by_columns(use_case, rows, windows)
    foreknown += known_by_the_candidate(use_case, sides["candidate"].probability, gate, foreknown)
    told = {**notes(sides, use_case, gate), "maturity": snapshot.maturity.note()}
    write_comparison(
        folder,
        sides,
        use_case,
        gate,
        lineage,
        measures,
        known=foreknown,
        history=history,
        told=told,
    )


def gate_rows(rows: pd.DataFrame, windows: Windows) -> pd.DataFrame:
    """Return the rows of the gate window whose outcome is known, or never will be."""
    in_window = rows[within(rows, windows.gate)]
    settled = in_window["outcome"].notna() | never_known(in_window)
    return in_window[settled].reset_index(drop=True)


def lineage_of(
    sides: Mapping[str, Side],
    use_case: UseCase,
    rows: pd.DataFrame,
    gate: pd.DataFrame,
    windows: Windows,
    as_of: datetime,
    snapshot: str,
) -> Lineage:
    """Say where the gate rows come from, and what both sides had seen of them."""
    due, keys = rows[within(rows, windows.gate)], row_keys(gate)
    champion, candidate = sides["champion"], sides["candidate"]
    return Lineage(
        use_case=use_case.name,
        as_of=as_of,
        snapshot=snapshot,
        snapshot_rows=len(rows),
        scored_snapshot=candidate.card.snapshot or snapshot,
        window=windows.gate,
        shortest_window_days=use_case.settings.window.gate_min_days,
        label_delay_days=windows.label_delay_days,
        row_fingerprint=fingerprint(keys),
        shared_rows=sum(
            int(np.isin(keys, side.model.row_keys).sum()) for side in (champion, candidate)
        ),
        matured=len(gate) / len(due) if len(due) else 1.0,
        missing_labels=missing_by_day(due),
        champion=champion.card.contender,
        candidate=candidate.card.contender,
        trained_levels=candidate.card.levels,
    )


def write_comparison(  # noqa: PLR0913  (all by name)
    folder: Path,
    sides: Mapping[str, Side],
    use_case: UseCase,
    gate: pd.DataFrame,
    lineage: Lineage,
    measures: Mapping[str, Mapping[str, float]],
    *,
    known: Sequence[Foreknowledge],
    history: DayHistory | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Write the table of rows and the facts that `read_evidence` reads; `told` are the notes."""
    champion, candidate = sides["champion"], sides["candidate"]
    ends = corners(candidate, champion, use_case, gate)
    found = estimate_sides(candidate, champion, use_case, gate)
    facts = {
        "lineage": lineage.model_dump(mode="json"),
        "measures": measures,
        "parts": {name: parts(sides[name], use_case, gate) for name in SIDES},
        "ranges": use_case.settings.ranges,
        "worst_corner": worst_corner(candidate, champion, use_case, gate, ends),
        "uncapped_gain": uncapped_gain(candidate, champion, use_case, gate),
        "diagnostics": dict(found.diagnostics),
        "faults": list(found.faults),
        "foreknowledge": [one.model_dump(mode="json") for one in known],
        "days_before": history
        and {name: getattr(history, name).tolist() for name in ("days", "sums", "rows")},
        "notes": {"slices": slice_columns(use_case)} if told is None else told,
    }
    table = _table(gate, champion, candidate, use_case).assign(
        **_columns(found),
        **{
            corner_column(name, end): difference
            for name, both in ends.items()
            for end, difference in zip(("low", "high"), both, strict=True)
        },
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name in (TABLE_FILE, FACTS_FILE):
        (folder / name).unlink(missing_ok=True)
    table.to_parquet(folder / TABLE_FILE, index=False, compression="zstd")
    (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _table(gate: pd.DataFrame, champion: Side, candidate: Side, use_case: UseCase) -> pd.DataFrame:
    logged = [name for name in ("item", "decision_id", "observed", "propensity") if name in gate]
    columns = dict.fromkeys(["unit", "event_time", "outcome", *logged, *slice_columns(use_case)])
    return gate[list(columns)].assign(
        action_champion=champion.action,
        action_candidate=candidate.action,
        score_champion=champion.probability,
        score_candidate=candidate.probability,
    )


def _columns(found: Estimate) -> dict[str, Floats]:
    """Return the columns that carry an estimate; what it does not have is left out."""
    champion, candidate = found.bases or (None, None)
    columns = {
        "value_champion": found.champion,
        "value_candidate": found.candidate,
        "base_champion": champion,
        "base_candidate": candidate,
        "at_best": found.at_best,
        "exposure": found.exposure,
    }
    return {name: values for name, values in columns.items() if values is not None}
