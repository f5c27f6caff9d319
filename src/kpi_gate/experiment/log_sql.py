"""A log that is kept in a database: its columns as they are there, read in parts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from kpi_gate.experiment.log_columns import LogError
from kpi_gate.files.wording import shorten

_ROWS = 50_000  # of a part
_SET = "set KPI_GATE_EXPERIMENT_LOG_URL"


@dataclass(frozen=True)
class SqlTable:
    """A table in a database.

    Attributes:
        url: SQLAlchemy address; it may hold a password.
        table: Name, with its schema where it is not the usual one.
    """

    url: str = field(repr=False)
    table: str

    @property
    def shown(self) -> str:
        """The table and its database, without a password."""
        try:
            address = make_url(self.url).render_as_string(hide_password=True)
        except ArgumentError:
            address = "an address that is none"
        return f"table {self.table} in {address}"


def read_sql(source: SqlTable, wanted: list[str]) -> pa.Table:
    """Read those of the wanted columns that a table has.

    Raises:
        LogError: If the database cannot be reached, the table is not there, or a column mixes
            types.
    """
    try:
        _require_file(source)
        engine = sql.create_engine(source.url, poolclass=sql.NullPool)
        with engine.connect() as connection:
            names = _columns(connection, source)
            there = [name for name in wanted if name in names]
            return _read(connection, source, there)
    except LogError as error:
        raise LogError(f"{source.shown}: {error}") from None
    except (SQLAlchemyError, ImportError, OSError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        words = shorten(reason, quoted=False)
        raise LogError(f"{source.shown}: cannot be read: {words}; {_SET}") from None


def _require_file(source: SqlTable) -> None:
    """Refuse a file of SQLite that is not there: to open it would make an empty one."""
    address = make_url(source.url)
    path = address.database or ""
    is_file = address.get_backend_name() == "sqlite" and not path.startswith("file:")
    if is_file and not Path(path).is_file():
        raise LogError(f"there is no such file; {_SET}")


def _columns(connection: sql.Connection, source: SqlTable) -> list[str]:
    schema, _, name = source.table.rpartition(".")
    look = sql.inspect(connection)
    views = look.get_view_names(schema or None)
    if not look.has_table(name, schema or None) and name not in views:
        tables = ", ".join([*look.get_table_names(schema or None), *views][:8]) or "none"
        raise LogError(f"there is no such table; there are: {tables}; or {_SET}")
    return [str(column["name"]) for column in look.get_columns(name, schema or None)]


def _read(connection: sql.Connection, source: SqlTable, names: list[str]) -> pa.Table:
    schema, _, name = source.table.rpartition(".")
    if not names:
        return pa.table({})
    # of no type: times come as the database has them, and are typed where those of files are
    columns: list[Any] = [sql.column(name) for name in names]
    query = sql.select(*columns).select_from(sql.table(name, *columns, schema=schema or None))
    found = connection.execution_options(stream_results=True).execute(query)
    parts = [
        [_array(name, values) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
        for rows in found.partitions(_ROWS)
    ]
    tables = [pa.table(part, names=names) for part in parts]
    if not tables:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LogError(f"a column mixes types: {error}") from None


def _array(name: str, values: tuple[Any, ...]) -> pa.Array:
    first = next((value for value in values if value is not None), None)
    if type(first).__name__ == "UUID":
        values = tuple(None if value is None else str(value) for value in values)
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        kinds = [type(value) for value in values]
        other = next(
            i for i, v in enumerate(values) if v is not None and kinds[i] is not type(first)
        )
        raise LogError(
            f"column {name}: mixes types: {shorten(first)} and {shorten(values[other])}, which is "
            f"row {other + 1}; make it one type"
        ) from None
