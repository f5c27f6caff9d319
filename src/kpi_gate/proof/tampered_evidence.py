"""Adversaries whose evidence is not what it seems: leaks, replays, broken files and numbers."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.verdict import Decision
from kpi_gate.evaluation.scored_model import Side, make_side, score
from kpi_gate.learning.scoring import ScoringError, row_keys
from kpi_gate.proof.harness import Arena, CannotTryError
from kpi_gate.proof.oracle import best, nearly_best
from kpi_gate.proof.weak_candidates import oracle
from kpi_gate.record.model_files import (
    KEYS_FILE,
    MODEL_FILE,
    Model,
    ModelCard,
    dump_model,
    store_model,
)
from kpi_gate.record.registered import ModelError
from kpi_gate.usecase.refusal import Refusal

Floats = NDArray[np.float64]


def not_a_number(arena: Arena) -> Decision:
    """Scores three rows with NaN, and the others like an oracle."""
    scores = arena.known if arena.use_case.choices is None else arena.champion.scores.copy()
    scores[:3] = np.nan
    return arena.judge_side(arena.side(scores))


def percent_for_probability(arena: Arena) -> Decision:
    """Answers in percent."""
    percent = _Changed(arena.champion.estimator, lambda scores: 100 * scores)
    return _scored(arena, percent, arena.champion.card.features)


def trained_on_the_gate(arena: Arena) -> Decision:
    """Has trained on the rows it is judged on."""
    use_case, gate = arena.use_case, arena.gate
    estimator = use_case.estimator(use_case.settings.model)
    known = gate[gate["outcome"].notna()]
    estimator.fit(known[use_case.feature_names], known["outcome"])
    peeked = arena.side(score(estimator, gate, use_case.feature_names, use_case))
    end = arena.windows.gate.end
    contender = peeked.card.contender.model_copy(update={"trained_until": end})
    card = peeked.card.model_copy(update={"contender": contender})
    return arena.judge_side(_that_saw(arena, gate, peeked, card))


def trained_on_one_gate_row(arena: Arena) -> Decision:
    """Is an oracle that has trained on a single row of the window, and does not say so."""
    cheat = arena.acting(best(arena))
    return arena.judge_side(_that_saw(arena, arena.gate.head(1), cheat, cheat.card))


def wrong_currency_unit(arena: Arena) -> Decision:
    """Counts its money in cents."""
    side = arena.acting(best(arena))
    return arena.judge_side(replace(side, value=100 * side.value))


def unserialisable(arena: Arena) -> Decision:
    """Holds a function that no file can hold."""
    estimator = _Changed(arena.champion.estimator, lambda scores: scores)
    path = arena.scratch / "unserialisable.skops"
    try:
        store_model(path, dump_model(estimator), arena.use_case.trusted_types)
    except ModelError as error:
        return arena.refused("candidate_loadable", error)
    return oracle(arena)


def unloadable_champion(arena: Arena) -> Decision:
    """Meets a champion whose file is half there."""
    folder = arena.scratch / "half"
    arena.champion.card.write(folder)
    whole = (arena.champion.model.folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).write_bytes(whole[: len(whole) // 2])
    try:
        rate, half = arena.champion.card.outcome_rate, Model(folder)
        champion = make_side("champion", half, arena.use_case, arena.gate, rate)
    except ModelError as error:
        return arena.refused("champion_readable", error)
    return replace(arena, champion=champion).judge_side(arena.acting(best(arena)))


def other_schema(arena: Arena) -> Decision:
    """Wants a column that the rows do not have."""
    features = (*arena.champion.card.features, "a_column_of_next_year")
    return _scored(arena, arena.champion.estimator, features)


def no_guardrails(arena: Arena) -> Decision:
    """Is an oracle before a gate whose list of guardrails is empty."""
    evidence = arena.evidence(arena.acting(best(arena)))
    bare = GateSettings.model_construct(**{**vars(arena.settings), "guardrails": ()})
    return replace(arena, settings=bare).judge(evidence)


def last_months_evidence(arena: Arena) -> Decision:
    """Shows an oracle's evidence of last month again."""
    return arena.judge(_last_month(arena))


def redated_evidence(arena: Arena) -> Decision:
    """Shows last month's evidence with today's date on it."""
    evidence = _last_month(arena)
    redated = {"as_of": arena.run.as_of}
    lineage = evidence.lineage and evidence.lineage.model_copy(update=redated)
    return arena.judge(replace(evidence, lineage=lineage))


def other_snapshot(arena: Arena) -> Decision:
    """Was scored on another snapshot than the champion."""
    side = arena.acting(best(arena))
    lineage = arena.lineage(side).model_copy(update={"scored_snapshot": "another"})
    return arena.judge(arena.evidence(side, lineage=lineage))


def repeated_rows(arena: Arena) -> Decision:
    """Counts its best rows twice."""
    evidence = arena.evidence(arena.acting(best(arena)))
    rows = evidence.rows
    again = np.r_[np.arange(rows.size), np.argsort(rows.difference)[-rows.size // 4 :]]
    picked = {
        name: array[again]
        for name in ("unit", "day", "champion", "candidate", "key", "time", "exposure", "at_best")
        if (array := getattr(rows, name)) is not None
    }
    slices = {name: levels[again] for name, levels in rows.slices.items()}
    corners = {name: (low[again], high[again]) for name, (low, high) in evidence.corners.items()}
    bases = rows.bases and (rows.bases[0][again], rows.bases[1][again])
    doubled = replace(rows, **picked, bases=bases, slices=slices, actions=None)
    return arena.judge(replace(evidence, rows=doubled, corners=corners))


def immature_outcomes(arena: Arena) -> Decision:
    """Is judged while a tenth of the outcomes is not known yet."""
    side = arena.acting(best(arena))
    lineage = arena.lineage(side).model_copy(update={"matured": 0.9})
    return arena.judge(arena.evidence(side, lineage=lineage))


def no_experiment(arena: Arena) -> Decision:
    """Is an oracle where the KPI link is required and no experiment was run."""
    arena = arena.beside_the_baseline()
    objective = arena.settings.objective.model_copy(update={"kpi_link": "required"})
    return arena.judge_side(arena.acting(nearly_best(arena)), objective=objective)


class _Changed:
    """A model whose scores are changed on the way out."""

    def __init__(self, estimator: Any, change: Callable[[Floats], Floats]) -> None:
        self.estimator, self.change = estimator, change

    def predict_proba(self, rows: pd.DataFrame) -> Floats:
        """Return the changed probabilities."""
        return self.change(self.estimator.predict_proba(rows))


def _scored(arena: Arena, estimator: Any, features: Sequence[str]) -> Decision:
    """Return what becomes of a candidate that scores by itself, if it can."""
    try:
        scores = score(estimator, arena.gate, features, arena.use_case)
    except ScoringError as error:
        return arena.refused("both_sides_score", error)
    return arena.judge_side(arena.side(scores))


def _that_saw(arena: Arena, rows: pd.DataFrame, side: Side, card: ModelCard) -> Side:
    """Return the side with a card, and files that say it has seen these rows."""
    folder = arena.scratch / "saw"
    shutil.copytree(arena.scratch / "candidate", folder, dirs_exist_ok=True)
    (folder / KEYS_FILE).write_bytes(row_keys(rows).tobytes())
    return replace(side, model=Model(folder, card=card, estimator=side.estimator))


def _last_month(arena: Arena) -> Evidence:
    try:
        return arena.last_month
    except Refusal as refusal:
        raise CannotTryError(f"there is no month before to show again: {refusal}") from refusal
