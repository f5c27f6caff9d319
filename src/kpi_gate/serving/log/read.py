"""Read the log: what is kept, and what is still written, each decision once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kpi_gate.serving.log.keep import table_of
from kpi_gate.serving.log.schema import LOG_SCHEMA
from kpi_gate.serving.log.segment import segments, whole_lines


def read_log(
    folder: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return the decisions from `start` up to before `end`, by time.

    Args:
        folder: Of the log; one that is not there holds nothing.
        start: The first moment; by default that of the first decision.
        end: The moment after the last; by default all that is there.
        columns: Those of `LOG_SCHEMA` to read; by default all.
    """
    names = list(columns) if columns is not None else LOG_SCHEMA.names
    empty = LOG_SCHEMA.empty_table().select(names)
    return pa.concat_tables([empty, *read_days(folder, start, end, names)])


def read_days(
    folder: Path,
    start: datetime | None = None,
    end: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """Yield the same day by day (UTC), so that no more than a day is in memory."""
    names = list(columns) if columns is not None else LOG_SCHEMA.names
    read = list(dict.fromkeys([*names, "time"]))
    # in this order: a segment that goes meanwhile is in the Parquet that is listed after it
    live = {path.stem: table_of(lines)[0].select(read) for path, lines in _open(folder)}
    written = pa.concat_tables([LOG_SCHEMA.empty_table().select(read), *live.values()])
    kept: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("????-??-??/*.parquet")):
        if path.name[0] != "." and path.stem not in live:
            kept.setdefault(path.parent.name, []).append(path)
    days = pc.strftime(written["time"], "%Y-%m-%d")
    for day in sorted({*kept, *map(str, days.unique().to_pylist())}):
        if not _asked(date.fromisoformat(day), start, end):
            continue
        tables = [pq.read_table(path, columns=read) for path in kept.get(day, [])]
        table = pa.concat_tables([written.filter(pc.equal(days, day)), *tables])
        table = _within(table, start, end).sort_by("time")
        if table.num_rows:
            yield table.select(names)


def _open(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in segments(folder):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # it was kept just now
        yield path, whole_lines(content)


def _asked(day: date, start: datetime | None, end: datetime | None) -> bool:
    early = start is not None and day < start.astimezone(UTC).date()
    return not (early or (end is not None and day > end.astimezone(UTC).date()))


def _within(table: pa.Table, start: datetime | None, end: datetime | None) -> pa.Table:
    if start is not None:
        table = table.filter(
            pc.greater_equal(table["time"], pa.scalar(start, LOG_SCHEMA.field("time").type))
        )
    if end is not None:
        table = table.filter(pc.less(table["time"], pa.scalar(end, LOG_SCHEMA.field("time").type)))
    return table
