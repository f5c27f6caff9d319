"""The rows frozen for one run: written once, read once, and what is known of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate.data.quarantine import outside
from kpi_gate.files.yaml_file import read_mapping
from kpi_gate.learning.label_maturity import Maturity, measure_maturity

SNAPSHOT, TICK = "snapshot.parquet", "tick.yaml"
SET_ASIDE = "set_aside.json"  # beside the validation report


@dataclass(eq=False)
class Snapshot:
    """The rows frozen for one run; what is not at hand yet is read when it is asked for.

    Attributes:
        folder: Folder of the use case's files under DVC.
        as_of: Only what was known before this moment is in it.
        label_delay_days: Days from an event until its outcome is known, as declared.
        fingerprint: DVC's content hash of the file: the same rows, the same fingerprint; empty
            until DVC has seen it.
        just_frozen: The rows, where this run has just frozen them.
    """

    folder: Path
    as_of: datetime
    label_delay_days: float
    fingerprint: str
    just_frozen: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def path(self) -> Path:
        """File of the rows."""
        return self.folder / SNAPSHOT

    @cached_property
    def frozen(self) -> pd.DataFrame:
        """All rows, as they were frozen."""
        return pd.read_parquet(self.path) if self.just_frozen is None else self.just_frozen

    @cached_property
    def tick(self) -> Mapping[str, Any]:
        """What the run knew from outside when it froze them."""
        content: Mapping[str, Any] = read_mapping(self.folder / TICK).content
        return content

    def days(self, what: str) -> frozenset[date]:
        """Return the days that the tick wrote down as `quarantined` or `released`."""
        return frozenset(date.fromisoformat(day) for day in self.tick.get(what, ()))

    @cached_property
    def counted(self) -> pd.DataFrame:
        """The rows without the days that were in quarantine."""
        days = self.days("quarantined")
        return outside(self.frozen, days).reset_index(drop=True) if days else self.frozen

    @cached_property
    def set_aside(self) -> Mapping[str, Any]:
        """What the validation said of single rows that the rest goes on without."""
        path = self.folder / "validation" / SET_ASIDE
        if not path.exists():
            return {}
        told: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return told

    @cached_property
    def learnable(self) -> pd.DataFrame:
        """The rows that may be learned from and judged by; to be asked for once they are valid."""
        positions = self.set_aside.get("positions")
        if not positions:
            return self.counted
        return self.counted.drop(index=positions).reset_index(drop=True)

    @cached_property
    def all_maturity(self) -> Maturity:
        """How the labels of all rows mature."""
        return measure_maturity(self.frozen, self.as_of, self.label_delay_days)

    @cached_property
    def maturity(self) -> Maturity:
        """How the labels of the learnable rows mature."""
        if self.learnable is self.frozen:
            return self.all_maturity
        return measure_maturity(self.learnable, self.as_of, self.label_delay_days)


def mask_future(
    rows: pd.DataFrame, as_of: datetime, with_outcome: Sequence[str] = ()
) -> pd.DataFrame:
    """Keep the events before `as_of`, and of their outcomes those that were known by then.

    The rows come back in time order. A row without a time is kept, for validation to refuse.

    Args:
        rows: The rows.
        as_of: Nothing later is known.
        with_outcome: Further columns that are known only with the outcome.
    """
    past = (rows["event_time"] < as_of) | rows["event_time"].isna()
    kept = rows[past].sort_values("event_time", kind="stable", ignore_index=True)
    unknown = kept["label_time"].isna() | (kept["label_time"] >= as_of)
    for name in dict.fromkeys(("outcome", "label_time", *with_outcome)):
        if name in kept.columns and name != "observed":  # that an outcome stays hidden is no news
            column = kept[name]
            if pd.api.types.is_bool_dtype(column.dtype) and unknown.any():
                column = column.astype("boolean")  # a truth can be missing only there
            kept[name] = column.mask(unknown)
    return kept


def write_rows(rows: pd.DataFrame, path: Path) -> bytes:
    """Write a table as parquet and return its bytes; the same rows give the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    content: bytes = rows.to_parquet(index=False, compression="zstd")
    partial.write_bytes(content)
    partial.replace(path)  # a new file: the old one may be a link into DVC's cache
    return content
