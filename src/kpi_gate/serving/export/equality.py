"""Hold an export against the library: on golden rows, mixtures, gaps, levels of nobody."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.golden import NEAR_TIE, TOLERANCE
from kpi_gate.serving.manifest import Column
from kpi_gate.serving.predictor import Decided, Predictor

MIXED = 2_000
ASKED_AGAIN = 12  # rows that the export refuses
NEVER_SEEN = "a level that nobody has seen"
Row = dict[str, Any]


def mixtures(rows: Sequence[Row], columns: Sequence[Column], count: int = MIXED) -> list[Row]:
    """Return rows made of golden ones: columns mixed, half of them with gaps or levels of no one.

    Args:
        rows: Golden rows.
        columns: Of a row.
        count: How many.
    """
    draw = np.random.default_rng(16)
    names = [column.name for column in columns if column.name in rows[0]]
    inputs = [c for c in columns if c.nullable and c.name in names]
    pools = {column.name: _pool(column, rows) for column in inputs}
    made = []
    for place in range(count):
        row = dict(rows[int(draw.integers(len(rows)))])
        row["unit"] = rows[place % len(rows)]["unit"]
        for column in inputs:
            pool = pools[column.name]
            row[column.name] = pool[int(draw.integers(len(pool)))]
        for column in _hit(inputs, place, draw):
            levels = column.role == "feature" and column.kind in ("text", "whole")
            row[column.name] = _strange(column) if levels and draw.random() < 0.5 else None
        made.append(row)
    return made


def _pool(column: Column, rows: Sequence[Row]) -> list[Any]:
    """Return values to mix: the golden ones, and of numbers also what lies between and beyond."""
    values = [row[column.name] for row in rows]
    numbers = [value for value in values if isinstance(value, float)]
    if column.kind != "number" or not numbers:
        return [*values, *column.levels]
    low, high = min(numbers), max(numbers)
    span = (high - low) or abs(high) or 1.0
    return [*values, *np.linspace(low - span / 2, high + span / 2, 41).tolist()]


def _hit(inputs: Sequence[Column], place: int, draw: np.random.Generator) -> list[Column]:
    """Return the columns that lose their value: in every other row none, then one, then some."""
    if place % 2 == 0 or not inputs:
        return []
    if place % 4 == 1:
        return [inputs[(place // 4) % len(inputs)]]
    return [column for column in inputs if draw.random() < 0.15]


def _strange(column: Column) -> Any:
    if column.kind == "text":
        return NEVER_SEEN
    return 10_007 if column.kind == "whole" else None


def difference(predictor: Predictor, reference: Reference, rows: Sequence[Row]) -> str:
    """Return by how much an export differs from the library; empty where it does not.

    What the export refuses must be refused by the library too, which is asked about some of it.
    """
    found = predictor.decide(rows)
    sound = [at for at, score in enumerate(found.score) if score is not None]
    refused = [at for at, score in enumerate(found.score) if score is None]
    margin = reference.policy.settings.margin
    words = _unequal(found, reference.decide([rows[at] for at in sound]), sound, margin)
    if words:
        return words
    asked: dict[str, list[int]] = {}
    for at in refused:
        asked.setdefault(found.fault[at], []).append(at)
    some = [places[turn] for turn in range(3) for places in asked.values() if turn < len(places)]
    for at in some[:ASKED_AGAIN]:
        said = reference.decide([rows[at]])
        if said.score[0] is not None:
            return f"it refuses a row that the model scores ({found.fault[at]})"
    return ""


def _unequal(found: Decided, expected: Decided, places: Sequence[int], margin: float) -> str:
    score = np.array([found.score[at] for at in places], dtype=np.float64)
    gap = np.abs(score - np.array(expected.score, dtype=np.float64))
    if np.isnan(gap).any():
        return f"it scores {int(np.isnan(gap).sum())} rows that the model refuses"
    if (gap > TOLERANCE).any():
        wrong = int((gap > TOLERANCE).sum())
        return f"{wrong} of {len(gap):,} rows score differently, by up to {gap.max():.2g}"
    for place, at in enumerate(places):
        one, other = found.advantage[at], expected.advantage[place]
        if (one is None) != (other is None):
            return "the exported value gives a number where the use case's gives none, or other way"
        if one is not None and other is not None:
            if abs(one - other) > NEAR_TIE * max(1.0, abs(other)):
                return f"acting is worth {one:g} by the export, {other:g} by the use case"
            if abs(one - margin) < NEAR_TIE:
                continue
        if not found.fault[at] and abs(found.action[at] - expected.action[place]) > TOLERANCE:
            return f"the action is {found.action[at]:g} by the export, {expected.action[place]:g}"
    return ""


def rule_difference(predictor: Predictor, reference: Reference, rows: Sequence[Row]) -> str:
    """Return what the exported rule of thumb does otherwise; where the owner's fails, it may."""
    expected = reference.rule(reference.frame(rows))
    found = predictor.rule_of_thumb(rows)
    if np.isnan(expected).all():
        return ""
    if found is None:
        return f"it needs pandas: {predictor.rule_fault or 'it gives no chance in [0, 1]'}"
    wrong = int((np.abs(np.array(found) - expected) > TOLERANCE).sum())
    return f"it acts otherwise on {wrong} of {len(rows):,} rows" if wrong else ""
