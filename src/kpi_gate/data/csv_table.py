"""A CSV file as a table of text: every field is there and is what it says, or its line is named."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from kpi_gate.data.storage import TEXT
from kpi_gate.files.wording import shorten

_OTHERS = {";": "';'", "\t": "a tab", "|": "'|'"}
_SIGNATURES = (
    (b"\x1f\x8b", "is packed by gzip: unpack it first"),
    (b"PK\x03\x04", "is a zip file or a workbook: save the sheet as CSV in UTF-8"),
    (b"BZh", "is packed by bzip2: unpack it first"),
    (b"\xfd7zXZ", "is packed by xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is packed by zstandard: unpack it first"),
    (b"PAR1", "is Parquet: let its name end in .parquet"),
    (b"\xff\xfe", "is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16: save it as UTF-8"),
)
_AGAIN = "write commas, such as rows.to_csv(path, index=False) does"


def read_csv(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    """Read a CSV file with commas, each field as text without outer blanks; an empty one is null.

    A first column without a name is the row index that pandas writes, and left out; so is any
    column that has neither name nor content.

    Args:
        path: The file, in UTF-8.
        wanted: Columns to look for; they tell a header in commas from one in something else.

    Raises:
        ValueError: If it is packed, no UTF-8, separated otherwise, or a line has other fields.
        OSError: If it cannot be read.
    """
    require_text(path)
    names = header_of(path, wanted)
    rows = _rows(path, len(names))
    columns: dict[str, pd.Series] = {}
    for number, name in enumerate(names):
        words = pd.Series([fields[number] for fields in rows], dtype=TEXT).str.strip()
        words = words.where(words != "", None)
        if name:
            columns[name] = words
        elif number and words.notna().any():
            raise ValueError(f"line 1: column {number + 1} of {len(names)} has no name")
    return pd.DataFrame(columns)


def require_text(path: Path) -> None:
    """Refuse what is packed, a workbook or Parquet by its first bytes.

    Raises:
        ValueError: If it is.
    """
    with path.open("rb") as file:
        head = file.read(16)
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            raise ValueError(words)


def header_of(path: Path, wanted: Sequence[str]) -> list[str]:
    """Return the names of the columns, as `read_csv` takes them.

    Raises:
        ValueError: If there are none, one is there twice, or they are separated otherwise.
    """
    header = next(_lines(path), None)
    if header is None:
        raise ValueError("is empty; it must have a line of column names")
    if header[0].lower().startswith("sep="):
        raise ValueError(
            f"line 1: {header[0]!r} is a note to a spreadsheet; leave it out: {_AGAIN}"
        )
    names = [name.strip() for name in header]
    whole = ",".join(header)
    for separator, shown in _OTHERS.items():
        parts = {part.strip().strip('"') for part in whole.split(separator)}
        if not set(wanted) & set(names) and set(wanted) & parts:
            raise ValueError(f"line 1: columns are separated by {shown}: {_AGAIN}")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise ValueError(f"line 1: a column name is there twice: {shorten(twice[0])}")
    return names


def _lines(path: Path) -> Iterator[list[str]]:
    """Give the fields of each line that is not empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from filter(None, csv.reader(file))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(_undecodable(path) or str(error)) from None


def _rows(path: Path, width: int) -> list[list[str]]:
    """Read all lines but the first; each must have as many fields."""
    rows = list(_lines(path))[1:]
    for number, fields in enumerate(rows, start=1):
        if len(fields) != width:
            more = "more fields than the header" if len(fields) > width else "fewer fields"
            raise ValueError(
                f"row {number} has {len(fields)} fields, the header {width}: {more}; a comma "
                "within a field (such as a decimal comma) needs quotes, and a decimal point is "
                "better"
            )
    return rows


def _undecodable(path: Path) -> str:
    """Name the first line that is no UTF-8; empty where all are."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                return f"line {number}: byte 0x{byte:02x} is no UTF-8; save the file as UTF-8"
    return ""
