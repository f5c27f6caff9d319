"""The decisions in a table of a database too, each segment once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.log.schema import COLUMNS, MOMENT

TABLE, SEGMENTS = "kpi_gate_decisions", "kpi_gate_decision_segments"
URL = "KPI_GATE_SERVING_LOG_URL"
_ROWS = 5_000  # inserted at once
_TYPES = {pa.float64(): sql.Double, pa.bool_(): sql.Boolean, pa.string(): sql.Text}
_META = sql.MetaData()
_DECISIONS = sql.Table(
    TABLE,
    _META,
    sql.Column("use_case", sql.String(200), nullable=False),
    *(
        sql.Column(
            name,
            sql.DateTime(timezone=True) if column.kind == MOMENT else _TYPES[column.kind](),
            nullable=not column.needed,
        )
        for name, column in COLUMNS.items()
    ),
    sql.Index(f"{TABLE}_by_time", "use_case", "time"),
)
_SEGMENTS = sql.Table(
    SEGMENTS,
    _META,
    sql.Column("use_case", sql.String(200), primary_key=True),
    sql.Column("segment", sql.String(200), primary_key=True),
    sql.Column("copied", sql.DateTime(timezone=True), nullable=False),
)


def copy_segment(url: str, use_case: str, segment: str, table: pa.Table) -> None:
    """Insert the decisions of a segment, all or none; one that is there already adds nothing.

    Raises:
        ServingError: If the database does not take them.
    """
    key = {"use_case": use_case, "segment": segment}
    with _database(url) as database:
        there = sql.select(_SEGMENTS.c.copied).filter_by(**key)
        if database.execute(there).first() is not None:
            return
        database.execute(_SEGMENTS.insert(), {**key, "copied": datetime.now(UTC)})
        for part in table.to_batches(max_chunksize=_ROWS):
            rows = [{"use_case": use_case, **row} for row in part.to_pylist()]
            if rows:
                database.execute(_DECISIONS.insert(), rows)


def forget_unit(url: str, use_case: str, unit: str) -> int:
    """Delete the decisions about a unit; return how many there were.

    Raises:
        ServingError: If the database does not do it.
    """
    with _database(url) as database:
        gone = _DECISIONS.delete().where(
            _DECISIONS.c.use_case == use_case, _DECISIONS.c.unit == unit
        )
        return database.execute(gone).rowcount


@contextmanager
def _database(url: str) -> Iterator[sql.Connection]:
    """Open a transaction, and say what is wrong without the password."""
    shown = "an address that is none"
    try:
        shown = make_url(url).render_as_string(hide_password=True)
        engine = sql.create_engine(url, poolclass=sql.NullPool)
        _META.create_all(engine)
        with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, ImportError) as error:
        words = " ".join(str(getattr(error, "orig", None) or error).split())[:300]
        raise ServingError(
            f"{URL} ({shown}): the database does not take decisions: {words}"
        ) from None
