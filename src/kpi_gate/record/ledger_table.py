"""The ledger's table in a database: opened once, made only by the first row."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from kpi_gate.record import ledger_protection

_schema = sql.MetaData()
rows = sql.Table(
    "ledger",
    _schema,
    # counted here, not by the database: PostgreSQL's counter skips numbers
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("at", sql.String(32), nullable=False),
    sql.Column("use_case", sql.String(100), nullable=False, index=True),
    sql.Column("kind", sql.String(20), nullable=False),
    sql.Column("subject", sql.String(64), nullable=False, index=True),
    sql.Column("body", sql.Text, nullable=False),
    # unique: of two writers that saw the same last row, one must look again
    sql.Column("previous_hash", sql.String(64), nullable=False, unique=True),
    sql.Column("hash", sql.String(64), nullable=False, unique=True),
)


class LedgerError(RuntimeError):
    """The ledger cannot be read or written, or its chain is broken; nothing may move then."""


class LedgerTable:
    """One table in one database, reached by its address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: sql.Engine | None = None
        self._found = self._made = False

    @property
    def shown(self) -> str:
        """The address without its password."""
        try:
            return make_url(self.url).render_as_string(hide_password=True)
        except ArgumentError:
            return self.url.rsplit("@", maxsplit=1)[-1]

    @contextmanager
    def connect(self) -> Iterator[sql.Connection | None]:
        """Yield a connection; None where there is no table yet: to read makes none.

        Raises:
            LedgerError: If the database cannot be reached.
        """
        with self._told():
            engine = self._open(make=False)
            if engine is None:
                yield None
                return
            with engine.connect() as connection:
                yield connection

    @contextmanager
    def begin(self) -> Iterator[sql.Connection]:
        """Yield a connection within a transaction; the table is made where there is none.

        Raises:
            LedgerError: If the database cannot be reached or written.
            IntegrityError: If another writer was faster.
        """
        with self._told():
            engine = self._open(make=True)
            if engine is None:
                raise FileNotFoundError("the table could not be made")
            with engine.begin() as connection:
                yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, ImportError) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise LedgerError(
                f"ledger {self.shown}: {reason}; nothing was recorded. Check KPI_GATE_LEDGER_URL"
            ) from error

    def _open(self, *, make: bool) -> sql.Engine | None:
        address = make_url(self.url)
        sqlite = address.get_backend_name() == "sqlite"
        if sqlite and not _is_there(address.database or "") and not make:
            return None
        if self._engine is None and sqlite:
            # opened anew each time: a file that was put in its place meanwhile is the ledger then
            options = {"connect_args": {"timeout": 30}, "poolclass": sql.NullPool}
            self._engine = sql.create_engine(address, **options)
            sql.event.listen(self._engine, "connect", _read_any_text)
        elif self._engine is None:
            self._engine = sql.create_engine(address)
        if not (self._made or (self._found and not make)):
            with self._engine.begin() as connection:
                self._found = self._found or sql.inspect(connection).has_table("ledger")
                if make:
                    _make(connection, there=self._found)
                    self._found = self._made = True
        return self._engine if self._found else None


def _make(connection: sql.Connection, *, there: bool) -> None:
    if not there:
        connection.execute(sql.schema.CreateTable(rows, if_not_exists=True))
        for index in rows.indexes:
            connection.execute(sql.schema.CreateIndex(index, if_not_exists=True))
    # a crash may have come between a new table and its triggers
    if connection.execute(sql.select(rows.c.number).limit(1)).first() is None:
        ledger_protection.protect(connection)


def _is_there(database: str) -> bool:
    """Refuse a ledger that would be forgotten, or begun anew where a disk is not there."""
    if database in ("", ":memory:"):
        raise LedgerError("ledger in memory: it would be forgotten; set KPI_GATE_LEDGER_URL")
    if database.startswith("file:"):
        return True
    path = Path(database)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent}")
    return path.exists()


def _read_any_text(connection: Any, _: Any) -> None:
    """Let a row be read whatever bytes somebody put into it; its hash then tells."""
    connection.text_factory = lambda content: content.decode(errors="replace")
