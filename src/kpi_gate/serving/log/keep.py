"""Finished segments are made Parquet by day; a segment goes when all of it is safe.

Runs as a process of its own: `python -m kpi_gate.serving.log.keep FOLDER`. With a database in its
environment it copies the decisions into a table, too.
"""

import io
import os
import sys
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson
import pyarrow.parquet as pq
from filelock import FileLock

from kpi_gate.files.sync import sync
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.log.schema import COLUMNS, LOG_SCHEMA, MOMENT
from kpi_gate.serving.log.segment import SQL_URL, finished, segments

ASIDE = "unreadable"  # folder of lines of which no decision can be made
_IN_LINES = pa.schema([(f.name, pa.int64() if f.type == MOMENT else f.type) for f in LOG_SCHEMA])
_PYTHON = {pa.string(): str, pa.float64(): float, pa.bool_(): bool, MOMENT: int}


def keep(folder: Path, sql_url: str = "") -> int:
    """Make Parquet of all segments that nobody writes any more.

    A crash at any point loses and doubles nothing: readers leave out the Parquet of a segment that
    is still there, and it is written anew.

    Args:
        folder: Of a use case's log, named as it is.
        sql_url: Database that has a copy of the decisions, where one is wanted.

    Returns:
        Segments that are still written.

    Raises:
        OSError: If the disk does not take it.
        ServingError: If the database does not take it; the segments stay.
    """
    left = 0
    with keeping(folder):
        for path in segments(folder):
            with finished(path) as lines:
                if lines is None:
                    left += path.exists()
                    continue
                table = _read(folder, path, lines)
                for day, rows in _by_day(table):
                    write_parquet(rows, folder / day / f"{path.stem}.parquet")
                if sql_url:
                    from kpi_gate.serving.log.sql_copy import copy_segment

                    copy_segment(sql_url, folder.name, path.stem, table)
                path.unlink()
                sync(path.parent)
    return left


def keeping(folder: Path) -> FileLock:
    """Return the lock of whoever changes files that are kept."""
    return FileLock(folder / "keep.lock")


def table_of(lines: bytes) -> tuple[pa.Table, list[bytes]]:
    """Return whole lines of a segment as decisions, and those that are none."""
    if not lines:
        return LOG_SCHEMA.empty_table(), []
    try:
        return _parsed(lines).combine_chunks(), []
    except pa.ArrowInvalid:  # one by one
        good: list[pa.Table] = []
        wrong: list[bytes] = []
        for line in lines.splitlines(keepends=True):
            try:
                good.append(_parsed(_typed(line)))
            except (pa.ArrowInvalid, TypeError, ValueError):
                wrong.append(line)
        table = pa.concat_tables([LOG_SCHEMA.empty_table(), *good])
    return table.combine_chunks(), wrong


def _parsed(lines: bytes) -> pa.Table:
    """Parse lines.

    Raises:
        ArrowInvalid: If one is no JSON, or a value is of another type or missing.
    """
    table = pajson.read_json(
        io.BytesIO(lines),
        pajson.ReadOptions(use_threads=False, block_size=min(len(lines) + 1, 1 << 24)),
        pajson.ParseOptions(explicit_schema=_IN_LINES, unexpected_field_behavior="ignore"),
    ).select(LOG_SCHEMA.names)
    for name, column in COLUMNS.items():
        if column.needed and table[name].null_count:
            raise pa.ArrowInvalid(f"column {name}: has no value")
    return table.cast(LOG_SCHEMA)


def _typed(line: bytes) -> bytes:
    """Return a line with each value as its column has it, such as a unit that is a number."""
    given: dict[str, Any] = orjson.loads(line)
    made = {
        name: None if value is None else _PYTHON[COLUMNS[name].kind](value)
        for name, value in given.items()
        if name in COLUMNS
    }
    return orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE)


def _read(folder: Path, path: Path, lines: bytes) -> pa.Table:
    table, wrong = table_of(lines)
    if wrong:
        aside = folder / ASIDE / path.name
        aside.parent.mkdir(exist_ok=True, mode=0o700)
        aside.write_bytes(b"".join(wrong))
    return table.sort_by([("time", "ascending"), ("id", "ascending")])


def _by_day(table: pa.Table) -> list[tuple[str, pa.Table]]:
    days = pc.strftime(table["time"], "%Y-%m-%d")
    return [(str(day), table.filter(pc.equal(days, day))) for day in days.unique()]


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a file whole or not at all, for its owner alone, and sync it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = path.with_name(f".{path.name}")
    try:
        with os.fdopen(os.open(whole, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        whole.replace(path)
    finally:
        whole.unlink(missing_ok=True)
    sync(path.parent)


def main() -> None:
    """Keep the segments of a folder, beside whatever is more urgent."""
    os.nice(10)
    try:
        keep(Path(sys.argv[1]), os.environ.get(SQL_URL, ""))
    except (OSError, pa.ArrowException, ServingError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
