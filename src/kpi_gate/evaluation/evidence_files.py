"""The files that carry evidence from the comparison to the gate: a table of rows, and facts."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence, Foreknowledge, Lineage
from kpi_gate.decision.paired_rows import SIDES, PairedRows
from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.learning.levels import as_text
from kpi_gate.learning.scoring import row_keys

Floats = NDArray[np.float64]
TABLE_FILE, FACTS_FILE = "comparison.parquet", "evidence.json"
DAY_US = 86_400_000_000
CORNER = "difference:"  # of a row, at the low or the high end of a value parameter


def read_evidence(folder: Path) -> Evidence:
    """Read the evidence of a comparison: a table of rows, and facts."""
    facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    slices = tuple(facts["notes"]["slices"])
    table = pd.read_parquet(folder / TABLE_FILE)
    return Evidence(
        rows=replace(paired_rows(table, slices), key=row_keys(table)),
        measures=facts["measures"],
        lineage=Lineage.model_validate(facts["lineage"]),
        parts=facts["parts"],
        corners=corners_of(table),
        ranges=tuple(facts["ranges"]),
        worst_corner=facts.get("worst_corner"),
        uncapped_gain=facts["uncapped_gain"],
        diagnostics=facts["diagnostics"],
        faults=tuple(facts["faults"]),
        notes=facts["notes"],
        foreknowledge=tuple(map(Foreknowledge.model_validate, facts["foreknowledge"])),
        history=_history(facts.get("days_before")),
    )


def _history(said: Mapping[str, list[float]] | None) -> DayHistory | None:
    """Read the days before the gate window; older evidence has none."""
    if said is None:
        return None
    days, sums, rows = (said[name] for name in ("days", "sums", "rows"))
    return DayHistory(np.array(days, np.int64), np.array(sums, float), np.array(rows, float))


def paired_rows(table: pd.DataFrame, slices: tuple[str, ...]) -> PairedRows:
    """Turn a table with `unit`, `event_time` and both values into what the gate reads.

    A slice column that the table lacks is left out: the gate then finds it missing.
    """
    actions = pair_of(table, "action")
    return PairedRows(
        unit=pd.factorize(as_text(table["unit"]))[0].astype(np.int64),
        day=day_numbers(table["event_time"]),
        champion=table["value_champion"].to_numpy(dtype=np.float64),
        candidate=table["value_candidate"].to_numpy(dtype=np.float64),
        slices={
            name: as_text(table[name]).to_numpy(dtype=object)
            for name in slices
            if name in table.columns
        },
        bases=pair_of(table, "base"),
        time=microseconds(table["event_time"]),
        actions=actions,
        exposure=numbers_of(table, "exposure"),
        at_best=numbers_of(table, "at_best"),
    )


def microseconds(time: pd.Series) -> NDArray[np.int64]:
    """Return moments as microseconds since 1970 in UTC."""
    since: NDArray[np.int64] = time.dt.as_unit("us").astype(np.int64).to_numpy()
    return since


def day_numbers(time: pd.Series) -> NDArray[np.int64]:
    """Return the number of each moment's UTC day since 1970."""
    return microseconds(time) // DAY_US


def numbers_of(table: pd.DataFrame, column: str) -> Floats | None:
    """Return a column as doubles; None where the table does not have it."""
    return table[column].to_numpy(dtype=np.float64) if column in table else None


def pair_of(table: pd.DataFrame, what: str) -> tuple[Floats, Floats] | None:
    """Return a column of both sides, (champion, candidate); None where the table has not both."""
    names = [f"{what}_{side}" for side in SIDES]
    if not set(names) <= set(table.columns):
        return None
    champion, candidate = (table[name].to_numpy(dtype=np.float64) for name in names)
    return champion, candidate


def corner_column(parameter: str, end: str) -> str:
    """Name the column with the difference at one end of a value parameter."""
    return f"{CORNER}{parameter}:{end}"


def corners_of(table: pd.DataFrame) -> dict[str, tuple[Floats, Floats]]:
    """Return the differences at both ends of each value parameter; one end alone is NaN."""
    names = [str(name).removeprefix(CORNER) for name in table if str(name).startswith(CORNER)]
    found = {}
    for parameter in dict.fromkeys(name.rsplit(":", 1)[0] for name in names):
        low, high = (
            table[column].to_numpy(dtype=np.float64)
            if (column := corner_column(parameter, end)) in table
            else np.full(len(table), np.nan)
            for end in ("low", "high")
        )
        found[parameter] = (low, high)
    return found
