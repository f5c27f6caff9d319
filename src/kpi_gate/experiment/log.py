"""The log of an experiment, wherever it is kept: read, typed, and checked against its contract.

Whoever serves writes one row for each decision that was taken and shown. `SCHEMA` says what a row
holds; a folder of files is read as one log.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from kpi_gate.data.csv_table import header_of, require_text
from kpi_gate.experiment import log_columns
from kpi_gate.experiment.log_columns import MOMENT, LogError
from kpi_gate.experiment.log_sql import SqlTable, read_sql
from kpi_gate.files.small_file import require_plain_file
from kpi_gate.files.wording import shorten

if TYPE_CHECKING:
    from kpi_gate.experiment.plan import Plan

__all__ = ["SCHEMA", "LogError", "SqlTable", "frame_log", "read_log", "shown"]

Reader = Callable[[str, log_columns.Column], log_columns.Column]


@dataclass(frozen=True)
class Field:
    """One column of the log.

    Attributes:
        kind: Its type in Arrow, once it is read.
        needed: Whether each log has it, and each row a value.
        meaning: What it says.
        read: Makes it of what the log holds.
    """

    kind: pa.DataType
    needed: bool
    meaning: str
    read: Reader


def _truth_or_number(name: str, column: log_columns.Column) -> log_columns.Column:
    return log_columns.numbers(name, column, truths=True)


SCHEMA: Mapping[str, Field] = {
    "time": Field(
        MOMENT, True, "when the decision was taken, with its offset from UTC", log_columns.moments
    ),
    "unit": Field(
        pa.string(), True, "who was assigned, such as the customer", log_columns.identities
    ),
    "arm": Field(pa.string(), True, "control or treatment", log_columns.arms),
    "policy_version": Field(
        pa.string(), True, "version of the policy that decided", log_columns.identities
    ),
    "action": Field(pa.float64(), True, "what was decided, a number", _truth_or_number),
    "exposed": Field(
        pa.bool_(),
        False,
        "false where the unit was assigned and the decision not shown; without it all were",
        log_columns.truths,
    ),
    "other_action": Field(
        pa.float64(),
        False,
        "what the policy of the other arm would have decided here",
        _truth_or_number,
    ),
    "amount": Field(
        pa.float64(), False, "money of the decision, or the KPI, when known", log_columns.numbers
    ),
    "outcome": Field(pa.float64(), False, "what came of it, when known", _truth_or_number),
    "outcome_time": Field(MOMENT, False, "when that became known", log_columns.moments),
    "past": Field(
        pa.float64(),
        False,
        "what the unit's metric was before the start, alike in all of its rows (CUPED)",
        log_columns.numbers,
    ),
}
KEYS: Mapping[str, Field] = {  # by which a row finds the use case's own
    "decision_id": Field(pa.string(), False, "identity of the decision", log_columns.identities),
    "item": Field(pa.string(), False, "what the decision was about", log_columns.identities),
}
_NULL = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NaT", "null", "NULL", "None", "none", "<NA>"]
_READ = (".parquet", ".csv")
_CODED = ("unit", "arm", "policy_version")  # few distinct values in many rows
_FIELDS = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")


def read_log(
    source: Path | SqlTable, plan: "Plan | None" = None, *, keys: bool = False, coded: bool = False
) -> pa.Table:
    """Read the log of an experiment into the columns of `SCHEMA`, in its order.

    Args:
        source: A file of Parquet or CSV, a folder of such files, or a table in a database.
        plan: Its guardrails name further columns of numbers, which the log must then have.
        keys: Whether to keep `decision_id` and `item`, by which rows find the use case's own.
        coded: Whether unit, arm and version stay dictionaries of their distinct values.

    Returns:
        One row an exposure; of the optional columns those that the log has.

    Raises:
        LogError: If it is not there, cannot be read, is empty, or breaks its contract; the message
            names file, column, row and value, and what is allowed. Row 1 is the first of a file.
    """
    wanted, watched = _asked({**SCHEMA, **(KEYS if keys else {})}, plan)
    read = _from_sql if isinstance(source, SqlTable) else _from_files
    tables = list(read(source, wanted, watched, coded))  # type: ignore[arg-type]
    table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    if not table.num_rows:
        raise LogError(f"{shown(source)}: holds no row: nothing was logged yet")
    return table.select([name for name in wanted if name in table.column_names])


def frame_log(found: object, plan: "Plan | None" = None, *, keys: bool = False) -> pa.Table:
    """Return a data frame or an Arrow table as the log of an experiment.

    Args:
        found: A frame of pandas, Arrow or polars, with the columns of `SCHEMA`.
        plan: As `read_log` takes it.
        keys: As `read_log` takes it.

    Raises:
        LogError: If it is no frame, or breaks its contract.
    """
    try:
        frame = isinstance(found, pd.DataFrame)
        table = pa.Table.from_pandas(found, preserve_index=False) if frame else pa.table(found)
    except (TypeError, ValueError) as error:
        raise LogError(f"the log is no table of one type a column: {_told(error)}") from None
    wanted, watched = _asked({**SCHEMA, **(KEYS if keys else {})}, plan)
    there = table.select([name for name in wanted if name in table.column_names])
    return _typed(there, wanted, watched, "the log", coded=True)


def _asked(
    fields: Mapping[str, Field], plan: "Plan | None"
) -> tuple[dict[str, Field], tuple[str, ...]]:
    """Return the columns that are read, with those that guardrails of the plan name, and these."""
    watched = tuple(dict.fromkeys(one.column for one in plan.margins)) if plan is not None else ()
    number = Field(pa.float64(), True, "what a guardrail watches", log_columns.numbers)
    return {**fields, **{name: number for name in watched if name not in fields}}, watched


def shown(source: Path | SqlTable) -> str:
    """Return where a log is as people read it, without a password."""
    return source.shown if isinstance(source, SqlTable) else str(source)


def _from_sql(
    source: SqlTable, wanted: Mapping[str, Field], watched: Sequence[str], coded: bool
) -> Iterator[pa.Table]:
    yield _typed(read_sql(source, list(wanted)), wanted, watched, source.shown, coded)


def _from_files(
    source: Path, wanted: Mapping[str, Field], watched: Sequence[str], coded: bool
) -> Iterator[pa.Table]:
    for path in _files(source):
        read = _read_csv if path.suffix.lower() == ".csv" else _read_parquet
        try:
            table = read(path, wanted)
        except (ValueError, OSError, NotImplementedError) as error:
            if isinstance(error, LogError):
                raise
            raise LogError(f"{path}: cannot be read: {_told(error)}") from None
        yield _typed(table, wanted, watched, str(path), coded)


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        if not source.exists():
            raise LogError(f"{source}: there is no such file or folder: nothing was logged yet")
        require_plain_file(source)
        if source.suffix.lower() not in _READ:
            raise LogError(f"{source}: must end in {' or '.join(_READ)}, or be a folder of such")
        return [source]
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in _READ)
    # what begins so is not finished, or no part of the log, for whoever writes such folders
    found = [path for path in found if path.name[0] not in "._" and path.is_file()]
    if not found:
        raise LogError(f"{source}: holds no file that ends in {' or '.join(_READ)}")
    return found


def _read_parquet(path: Path, wanted: Mapping[str, Field]) -> pa.Table:
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(path.stat().st_size - 4, 0))
        tail = file.read(4)
    if head != b"PAR1":
        raise ValueError("is no Parquet by its content; a text table must end in .csv")
    if tail != b"PAR1":
        raise ValueError("is half-written: its end is missing; write it whole, then rename it")
    # as dictionaries: the millions of rows of a log say few things
    known = set(pq.read_schema(path).names)
    few = [name for name in _CODED if name in known]
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20, read_dictionary=few) as file:
        there = [name for name in wanted if name in file.schema_arrow.names]
        return file.read(there).select(there)


def _read_csv(path: Path, wanted: Mapping[str, Field]) -> pa.Table:
    require_text(path)
    names = header_of(path, list(SCHEMA))
    there = [name for name in wanted if name in names]
    kinds = {name: wanted[name].kind for name in there if wanted[name].kind != pa.bool_()}
    try:
        return _parsed(path, names, there, kinds)
    except pa.ArrowInvalid:  # as text: whoever types it then names the row
        return _parsed(path, names, there, dict.fromkeys(there, pa.string()), alone=True)


def _parsed(
    path: Path,
    names: list[str],
    there: list[str],
    kinds: Mapping[str, pa.DataType],
    *,
    alone: bool = False,
) -> pa.Table:
    """Parse the lines of a CSV file; the first is its header."""
    return pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(column_names=names, skip_rows=1, use_threads=not alone),
        parse_options=pacsv.ParseOptions(newlines_in_values=alone),
        convert_options=pacsv.ConvertOptions(
            column_types={**dict.fromkeys(there, pa.string()), **kinds},
            include_columns=there,
            null_values=_NULL,
            strings_can_be_null=True,
        ),
    )


def _typed(
    table: pa.Table,
    wanted: Mapping[str, Field],
    watched: Sequence[str],
    place: str,
    coded: bool = False,
) -> pa.Table:
    """Return the columns as what they must hold."""
    missing = [
        name for name, field in wanted.items() if field.needed and name not in table.column_names
    ]
    if missing:
        there = ", ".join(table.column_names) or "none of the log's columns"
        names = ", ".join(missing)
        why = ", which a guardrail watches" if set(missing) <= set(watched) else ""
        raise LogError(f"{place}: no column {names}{why}; of the log's columns it has {there}")
    made: dict[str, Any] = {}
    for name in table.column_names:
        try:
            made[name] = _column(name, table[name], wanted[name], coded=coded and name in _CODED)
            if wanted[name].needed and name not in watched:
                log_columns.require_whole(name, made[name])
        except LogError as error:
            raise LogError(f"{place}: {error}") from None
    return pa.table(made)


def _column(
    name: str, column: log_columns.Column, field: Field, *, coded: bool
) -> log_columns.Column:
    if column.null_count == len(column):  # no value of any type
        return pa.chunked_array([pa.nulls(len(column), field.kind)])
    if coded:
        try:
            return log_columns.coded(column, lambda values: field.read(name, values))
        except LogError:  # row by row, so that the first wrong one is named
            pass
    return field.read(name, column).cast(field.kind)


def _told(error: Exception) -> str:
    """Say of a line with too many or too few fields which row it is."""
    words = " ".join(str(error).split())
    found = _FIELDS.search(words)
    if found is None:
        return shorten(words, quoted=False)
    number, wanted, there = int(found[1] or 1), found[2], found[3]
    row = f"row {number - 1}" if found[1] else "a row"
    return (
        f"{row} has {there} fields, the header {wanted}: it is half-written, or a comma within a "
        "field (such as a decimal comma) has no quotes"
    )
