"""Outcomes that arrived: from a file, or from the rows of the use case."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kpi_gate.data.csv_table import read_csv
from kpi_gate.data.frames import FrameError, plain
from kpi_gate.errors import ConfigurationError
from kpi_gate.files.small_file import require_plain_file
from kpi_gate.files.wording import shorten
from kpi_gate.pipeline.loading import kinds_of, load_rows
from kpi_gate.run.context import Run
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.refusal import Refusal

ID, UNIT, ITEM, TIME = "decision_id", "unit", "item", "event_time"


@dataclass(frozen=True)
class Outcomes:
    """Outcomes, each with what tells which decision it is of.

    Attributes:
        rows: Their keys, `outcome`, `label_time` where it is said, and amounts.
        key: Columns that a decision is found by.
        repeated: Rows that were left out because the very same came before.
        source: Where they are from, as people read it.
    """

    rows: pd.DataFrame
    key: tuple[str, ...]
    repeated: int
    source: str


def from_file(use_case: UseCase, path: Path, items: bool) -> Outcomes:
    """Read the outcomes of a file of Parquet or CSV.

    Args:
        use_case: Says what each column is for.
        path: The file: `outcome`; `id` of the decision, else `unit`, `event_time` and, where
            decisions have one, `item`; `label_time` and amounts as they are there.
        items: Whether the logged decisions say an item.

    Raises:
        ConfigurationError: If it cannot be read; the message names column, row and value.
    """
    found = _read(path).rename(columns={"id": ID})
    if "outcome" not in found.columns:
        there = shorten(", ".join(found.columns), quoted=False)
        raise ConfigurationError(f"{path}: no column outcome; it has {there}")
    try:
        rows = plain(found, kinds_of(use_case), use_case.settings.validation.positive)
    except FrameError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return _once(rows, _key(rows, items, str(path)), str(path))


def from_rows(run: Run, items: bool) -> Outcomes:
    """Take the outcomes of the use case's own rows, as far as they are known.

    Raises:
        ConfigurationError: If the rows cannot be loaded.
    """
    try:
        rows = load_rows(run)
    except Refusal as refusal:
        raise ConfigurationError(
            f"the rows of {run.name}, which would say the outcomes, cannot be loaded: {refusal}; "
            "--outcomes FILE names a file of outcomes instead"
        ) from refusal
    declared = {*run.use_case.columns, *run.use_case.times.with_outcome, ID, ITEM}
    rows = rows[[name for name in rows.columns if name in declared]]
    source = f"load() of {run.name}"
    return _once(rows[rows["outcome"].notna()], _key(rows, items, source), source)


def _read(path: Path) -> pd.DataFrame:
    require_plain_file(path)
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise ConfigurationError(f"{path}: must end in .parquet or .csv")
    try:
        if suffix == ".parquet":
            return pd.read_parquet(path)
        found = read_csv(path, ("outcome", "id", UNIT))
        return found.apply(_numbers_where_all_are)
    except (ValueError, OSError) as error:
        words = shorten(" ".join(str(error).split()), quoted=False)
        raise ConfigurationError(f"{path}: cannot be read: {words}") from None


def _numbers_where_all_are(words: pd.Series) -> pd.Series:
    """Return a column of a text table as numbers, where it holds no other; but no identity."""
    if words.name in (ID, "id", UNIT, ITEM) or words.isna().all():
        return words
    found = pd.to_numeric(words, errors="coerce")
    return found if found.notna().equals(words.notna()) else words


def _key(rows: pd.DataFrame, items: bool, source: str) -> tuple[str, ...]:
    if ID in rows.columns and rows[ID].notna().any():
        return (ID,)
    key = (UNIT, ITEM, TIME) if items and ITEM in rows.columns else (UNIT, TIME)
    missing = [name for name in key if name not in rows.columns]
    if missing:
        raise ConfigurationError(
            f"{source}: no column {', '.join(missing)}: an outcome names its decision by `id`, or "
            "by unit, event_time and, where there are several at a moment, item"
        )
    return key


def _once(rows: pd.DataFrame, key: Sequence[str], source: str) -> Outcomes:
    """Leave out rows that say the very same again, and those without outcome."""
    known = rows[rows["outcome"].notna()]
    single = known.drop_duplicates().reset_index(drop=True)
    return Outcomes(single, tuple(key), len(known) - len(single), source)
