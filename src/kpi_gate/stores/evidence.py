"""The files that carry evidence from the comparison to the gate: a table of rows, and facts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_gate.decision.evidence import Evidence, Lineage, PairedRows

TABLE_FILE, FACTS_FILE = "comparison.parquet", "evidence.json"


def read_evidence(folder: Path) -> Evidence:
    """Read the evidence that `write_evidence` wrote."""
    facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    slices = tuple(facts["notes"]["slices"])
    return Evidence(
        rows=paired_rows(pd.read_parquet(folder / TABLE_FILE), slices),
        measures=facts["measures"],
        lineage=Lineage.model_validate(facts["lineage"]),
        parts=facts["parts"],
        corners={name: (low, high) for name, (low, high) in facts["corners"].items()},
        uncapped_gain=facts["uncapped_gain"],
        notes=facts["notes"],
    )


def paired_rows(table: pd.DataFrame, slices: tuple[str, ...]) -> PairedRows:
    """Turn a table with `unit`, `event_time` and both values into what the gate reads.

    A slice column that the table lacks is left out: the gate then finds it missing.
    """
    return PairedRows(
        unit=pd.factorize(as_text(table["unit"]))[0].astype(np.int64),
        day=pd.factorize(table["event_time"].dt.floor("D"))[0].astype(np.int64),
        champion=table["value_champion"].to_numpy(dtype=np.float64),
        candidate=table["value_candidate"].to_numpy(dtype=np.float64),
        slices={
            name: as_text(table[name]).to_numpy(dtype=object)
            for name in slices
            if name in table.columns
        },
    )


def as_text(column: pd.Series) -> pd.Series:
    """Return each value as text without outer blanks; None where nothing is left."""
    codes, values = pd.factorize(column)
    words = [str(value).strip() or None for value in values]
    found = np.array([*words, None], dtype=object)[codes]  # a missing value has the code -1
    return pd.Series(found, column.index, dtype=object)
