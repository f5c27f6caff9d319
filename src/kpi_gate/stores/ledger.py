"""The ledger: an append-only, hash-chained record of every decision and release (SQL)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from kpi_gate.stores import triggers
from kpi_gate.stores.chain import FIRST, Entry, chained, read

__all__ = ["KINDS", "WHOLE", "Entry", "Ledger", "LedgerError"]

WHOLE = "*"
KINDS = (
    "decision",
    "selftest",
    *("monitor", "choice", "quarantine"),
    *("intent", "done", "void"),
    *("rollback_intent", "rollback", "rollback_void"),
    *("anchor_intent", "anchor", "anchor_void"),
    "protected",
)
GONE = "the append-only triggers are gone"
_RETRIES = 20

_schema = sql.MetaData()
_entries = sql.Table(
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


class Ledger:
    """Appends entries and reads them back; nothing can be changed or removed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: sql.Engine | None = None

    @contextmanager
    def _connect(self) -> Iterator[sql.Connection]:
        try:
            with self._open().connect() as connection:
                yield connection
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, ImportError) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise LedgerError(
                f"ledger {_shown(self.url)}: {reason}; nothing was recorded. "
                "Check KPI_GATE_LEDGER_URL"
            ) from error

    def _open(self) -> sql.Engine:
        if self._engine is None:
            address = make_url(self.url)
            sqlite = address.get_backend_name() == "sqlite"
            if sqlite:
                _require_file(address.database or "")
            engine = sql.create_engine(address, connect_args={"timeout": 30} if sqlite else {})
            if sqlite:
                sql.event.listen(engine, "connect", _read_any_text)
            with engine.begin() as connection:
                if not sql.inspect(connection).has_table("ledger"):
                    connection.execute(sql.schema.CreateTable(_entries, if_not_exists=True))
                    for index in _entries.indexes:
                        connection.execute(sql.schema.CreateIndex(index, if_not_exists=True))
                # a crash may have come between a new table and its triggers
                if connection.execute(sql.select(_entries.c.number).limit(1)).first() is None:
                    triggers.protect(connection)
            self._engine = engine
        return self._engine

    def append(
        self,
        use_case: str,
        kind: str,
        subject: str,
        body: Mapping[str, Any],
        *,
        after: int | None = None,
    ) -> Entry:
        """Append one entry to the chain.

        Args:
            use_case: Whose it is.
            kind: One of KINDS.
            subject: Decision that it belongs to.
            body: What happened.
            after: Number of the subject's last row as the caller knows it, 0 for none; where
                somebody wrote another one since, nothing is written. None: whatever there is.

        Raises:
            LedgerError: If it cannot be written.
            ValueError: If the kind is unknown.
        """
        if kind not in KINDS:
            raise ValueError(f"kind == {kind!r}, must be one of {', '.join(KINDS)}")
        text = json.dumps(body, sort_keys=True, allow_nan=False)
        for _ in range(_RETRIES):
            try:
                with self._connect() as connection, connection.begin():
                    row = self._insert(connection, (use_case, kind, subject, text), after)
            except IntegrityError:
                continue
            entries, _faults = read([row])
            return entries[0]
        raise LedgerError(
            f"ledger {_shown(self.url)}: {_RETRIES} other writers were faster; try again"
        )

    def _insert(
        self, connection: sql.Connection, content: tuple[str, str, str, str], after: int | None
    ) -> dict[str, Any]:
        use_case, kind, subject, text = content
        newest = sql.select(_entries.c.number, _entries.c.hash)
        last = connection.execute(newest.order_by(_entries.c.number.desc()).limit(1)).first()
        mine = sql.and_(_entries.c.use_case == use_case, _entries.c.subject == subject)
        highest = sql.select(sql.func.max(_entries.c.number)).where(mine)
        known = connection.execute(highest).scalar() or 0
        if after is not None and known != after:
            raise LedgerError(
                f"ledger {_shown(self.url)}: row {known} of {use_case} {subject} was written by "
                f"another process meanwhile; this one recorded no {kind}"
            )
        number, previous = (last.number + 1, last.hash) if last else (1, FIRST)
        now = datetime.now(UTC).isoformat()
        row = {"number": number, **chained(now, use_case, kind, subject, text, previous)}
        connection.execute(sql.insert(_entries).values(row))
        return row

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Write entries of another ledger as they are: the beginning of its chain."""
        with self._connect() as connection, connection.begin():
            for entry in entries:
                body = json.dumps(entry.body, sort_keys=True, allow_nan=False)
                values = {**vars(entry), "at": entry.at.isoformat(), "body": body}
                connection.execute(sql.insert(_entries).values(values))

    def entries(
        self, use_case: str | None = None, kind: str | None = None, subject: str | None = None
    ) -> list[Entry]:
        """Read the entries in order, of one use case, kind or decision where given.

        The whole chain is verified in the same pass: nobody acts on a row that is not proved.

        Raises:
            LedgerError: If the ledger cannot be read, or its chain is broken.
        """
        entries, faults = self._read()
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            remedy = "restore it from a backup; `kpi-gate ledger verify` names every fault"
            if faults == [GONE]:
                remedy = "if every row is right, `kpi-gate ledger protect --reason ...`"
            raise LedgerError(
                f"ledger {_shown(self.url)}: {faults[0]}{more}; nothing moves until it is whole: "
                f"{remedy}"
            )
        asked = {"use_case": use_case, "kind": kind, "subject": subject}
        wanted = {name: value for name, value in asked.items() if value is not None}
        return [
            entry
            for entry in entries
            if all(getattr(entry, name) == value for name, value in wanted.items())
        ]

    def verify(self) -> list[str]:
        """Return what is wrong, one sentence a fault; empty when the ledger is whole."""
        return self._read()[1]

    def protect(self, reason: str, asked_by: str) -> None:
        """Put lost triggers back, as a recorded act of a person.

        Raises:
            LedgerError: If the chain is broken: a broken chain is not repaired by protecting it.
        """
        faults = self.verify()
        if faults != [GONE]:
            if faults:
                self.entries()  # says which row, and what to do
            raise LedgerError(f"ledger {_shown(self.url)}: its triggers are in place")
        self.append(WHOLE, "protected", WHOLE, {"reason": reason, "asked_by": asked_by})
        with self._connect() as connection, connection.begin():
            triggers.protect(connection)

    def _read(self) -> tuple[list[Entry], list[str]]:
        query = sql.select(_entries).order_by(_entries.c.number)
        with self._connect() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            protected = triggers.are_in_place(connection)
        entries, faults = read(rows)
        return entries, faults if protected else [*faults, GONE]


def _require_file(database: str) -> None:
    """Refuse a ledger that would be forgotten, or begun anew where a disk is not there."""
    if database in ("", ":memory:"):
        raise LedgerError("ledger in memory: it would be forgotten; set KPI_GATE_LEDGER_URL")
    folder = Path(database).parent
    if not database.startswith("file:") and not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")


def _read_any_text(connection: Any, _: Any) -> None:
    """Let a row be read whatever bytes somebody put into it; its hash then tells."""
    connection.text_factory = lambda content: content.decode(errors="replace")


def _shown(url: str) -> str:
    """Return the address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.rsplit("@", maxsplit=1)[-1]
