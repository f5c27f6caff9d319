"""Rows of files as they come over the wire, part by part: Parquet, CSV, or a folder of these."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from kpi_gate.data.csv_table import header_of, require_text
from kpi_gate.errors import ConfigurationError
from kpi_gate.files.small_file import require_plain_file
from kpi_gate.files.wording import shorten
from kpi_gate.serving.manifest import Column
from kpi_gate.serving.schema import EXTRA, LONGEST_TEXT

PART_ROWS = 10_000
_NUMBERS = ("number", "whole")
_EARLIEST, _LATEST = -8_520_336_000_000_000, 7_258_118_400_000_000  # 1700 and 2200, in microseconds
_TRUTHS = {"true": True, "false": False}


class Part(NamedTuple):
    """Some rows of a file, in its order.

    Attributes:
        file: The file.
        first: Number of the first of them in it; the first of all is 1.
        rows: As they come over the wire.
        sound: Whether the columns as a whole show that no row has a fault; else each is checked.
    """

    file: Path
    first: int
    rows: list[dict[str, Any]]
    sound: bool = False


def files_in(source: Path) -> list[Path]:
    """Return the files of rows at a place, by name.

    Raises:
        ConfigurationError: If there is none.
    """
    if not source.is_dir():
        if not source.exists():
            raise ConfigurationError(f"--rows {source}: there is no such file or folder")
        require_plain_file(source)
        if source.suffix.lower() not in (".parquet", ".csv"):
            raise ConfigurationError(f"--rows {source}: must end in .parquet or .csv")
        return [source]
    found = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".parquet", ".csv"))
    found = [path for path in found if path.name[0] not in "._" and path.is_file()]
    if not found:
        raise ConfigurationError(f"--rows {source}: holds no file that ends in .parquet or .csv")
    return found


def parts_of(files: Sequence[Path], columns: Sequence[Column]) -> Iterator[Part]:
    """Yield the rows of files, no more than a part in memory; columns that nobody asks for go.

    Raises:
        ConfigurationError: If a file cannot be read, or has no column of a name that is needed.
    """
    kinds = {**EXTRA, **{column.name: column.kind for column in columns}}
    needed = [column.name for column in columns if column.required]
    for path in files:
        first = 1
        try:
            names, batches = _batches(path, list(kinds))
            missing = [name for name in needed if name not in names]
            if missing:
                there = shorten(", ".join(names), quoted=False)
                raise ConfigurationError(f"no column {', '.join(missing)}; it has {there}")
            for batch in batches:
                text = path.suffix.lower() == ".csv"
                sound = not text and _are_sound(batch, columns)
                yield Part(path, first, _rows(batch, kinds, text=text), sound)
                first += batch.num_rows
        except (ValueError, OSError, NotImplementedError, pa.ArrowException) as error:
            words = shorten(" ".join(str(error).split()), quoted=False)
            raise ConfigurationError(f"{path}: {words}") from None


def _batches(path: Path, wanted: Sequence[str]) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    if path.suffix.lower() == ".csv":
        require_text(path)
        names = header_of(path, wanted)
        there = [name for name in names if name in wanted]
        reader = pacsv.open_csv(
            path,
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=1, block_size=1 << 22),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(there, pa.string()),
                include_columns=there,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        return names, _cut(reader)
    file = pq.ParquetFile(path)
    names = list(file.schema_arrow.names)
    there = [name for name in names if name in wanted]
    return names, file.iter_batches(PART_ROWS, columns=there)


def _cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, PART_ROWS):
            yield batch.slice(start, PART_ROWS)


def _rows(batch: pa.RecordBatch, kinds: Mapping[str, str], *, text: bool) -> list[dict[str, Any]]:
    names = list(batch.schema.names)
    read = _from_text if text else _from_arrow
    columns = [read(kinds[name], batch.column(place)) for place, name in enumerate(names)]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _from_arrow(kind: str, column: pa.Array) -> list[Any]:
    """Return what a column of Parquet would be in JSON."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        whole = kind in {"whole", "text"}  # a float only because some were missing
        if whole and pc.all(pc.equal(pc.round(column), column)).as_py() is not False:
            column = column.cast(pa.int64())
        elif column.type != pa.float64():
            column = column.cast(pa.float64())
    if pa.types.is_timestamp(column.type):
        return _moments(column)
    found: list[Any] = column.to_pylist()
    return found


def _moments(column: pa.Array) -> list[Any]:
    """Return times as ISO 8601; one without an offset has none there, too."""
    zone = "" if column.type.tz is None else "UTC"
    kept = column.cast(pa.timestamp("us", zone or None), safe=False)
    found: list[Any] = pc.strftime(kept, f"%Y-%m-%dT%H:%M:%S{'Z' if zone else ''}").to_pylist()
    return found


def _are_sound(batch: pa.RecordBatch, columns: Sequence[Column]) -> bool:
    """Tell whether no row has a fault, as far as types and extremes of the columns tell."""
    asked = {column.name: column for column in columns}
    for place, name in enumerate(batch.schema.names):
        values, column = batch.column(place), asked.get(name)
        kind = EXTRA[name] if column is None else column.kind
        if column is not None and column.role in ("unit", "item"):
            kind = "text"
        nullable = column.nullable if column is not None else name != "id"
        if values.null_count and not nullable:
            return False
        if not _is_sound(values, kind):
            return False
    return True


def _is_sound(values: pa.Array, kind: str) -> bool:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary
    if kind == "text" and (
        pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    ):
        lengths = pc.min_max(pc.utf8_length(values)).as_py()
        return lengths["min"] is None or (lengths["min"] > 0 and lengths["max"] <= LONGEST_TEXT)
    if kind == "number" and pa.types.is_floating(values.type):
        return pc.any(pc.is_inf(values)).as_py() is not True
    if kind == "truth":
        return bool(pa.types.is_boolean(values.type))
    if kind == "time" and pa.types.is_timestamp(values.type):
        ends = pc.min_max(values.cast(pa.timestamp("us"), safe=False).cast(pa.int64())).as_py()
        within = ends["min"] is None or (ends["min"] >= _EARLIEST and ends["max"] < _LATEST)
        return values.type.tz is not None and within
    small = pa.types.is_integer(values.type) and values.type.bit_width <= 32
    return kind in _NUMBERS and small


def _from_text(kind: str, column: pa.Array) -> list[Any]:
    """Return what the text of CSV says; what is not of the kind stays text, and is told."""
    words: list[str | None] = column.to_pylist()
    if kind in _NUMBERS:
        return [None if word is None else _number(word) for word in words]
    if kind == "truth":
        return [None if word is None else _TRUTHS.get(word.strip().lower(), word) for word in words]
    return list(words)


def _number(word: str) -> Any:
    try:
        found = float(word)
    except ValueError:
        return word
    return None if math.isnan(found) else found
