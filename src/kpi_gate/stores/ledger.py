"""The ledger: an append-only, hash-chained record of every decision and release (SQL)."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

FIRST = "0" * 64
KINDS = ("decision", "intent", "done", "void", "rollback")
_RETRIES = 20

_schema = sql.MetaData()
_entries = sql.Table(
    "ledger",
    _schema,
    sql.Column("number", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("at", sql.String(32), nullable=False),
    sql.Column("use_case", sql.String(100), nullable=False, index=True),
    sql.Column("kind", sql.String(20), nullable=False),
    sql.Column("subject", sql.String(64), nullable=False, index=True),
    sql.Column("body", sql.Text, nullable=False),
    # unique: of two writers that saw the same last row, one must look again
    sql.Column("previous_hash", sql.String(64), nullable=False, unique=True),
    sql.Column("hash", sql.String(64), nullable=False, unique=True),
)

_SQLITE_TRIGGERS = [
    f"CREATE TRIGGER IF NOT EXISTS ledger_no_{verb.lower()} BEFORE {verb} ON ledger "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
]
_POSTGRESQL_TRIGGERS = [
    "CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
    "CREATE OR REPLACE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()",
]


class LedgerError(RuntimeError):
    """The ledger cannot be read or written, or its chain is broken."""


@dataclass(frozen=True)
class Entry:
    """One row of the ledger.

    Attributes:
        number: Position in the chain, from 1.
        at: When it was written, UTC.
        use_case: Whose it is.
        kind: `decision`, or a step of a promotion: `intent`, `done`, `void`, `rollback`.
        subject: Decision that it belongs to.
        body: What happened.
        previous_hash: Hash of the row before.
        hash: Hash over all of the above.
    """

    number: int
    at: datetime
    use_case: str
    kind: str
    subject: str
    body: Mapping[str, Any]
    previous_hash: str
    hash: str


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
                f"ledger {_shown(self.url)}: {reason}; nothing was promoted. "
                "Check KPI_GATE_LEDGER_URL"
            ) from error

    def _open(self) -> sql.Engine:
        if self._engine is None:
            address = make_url(self.url)
            sqlite = address.get_backend_name() == "sqlite"
            if sqlite and address.database and not address.database.startswith("file:"):
                Path(address.database).parent.mkdir(parents=True, exist_ok=True)
            engine = sql.create_engine(address, connect_args={"timeout": 30} if sqlite else {})
            if not sql.inspect(engine).has_table("ledger"):
                with engine.begin() as connection:
                    _schema.create_all(connection)
                    for statement in _SQLITE_TRIGGERS if sqlite else _POSTGRESQL_TRIGGERS:
                        connection.execute(sql.text(statement))
            self._engine = engine
        return self._engine

    def append(self, use_case: str, kind: str, subject: str, body: Mapping[str, Any]) -> Entry:
        """Append one entry to the chain.

        Raises:
            LedgerError: If it cannot be written.
            ValueError: If the kind is unknown.
        """
        if kind not in KINDS:
            raise ValueError(f"kind == {kind!r}, must be one of {', '.join(KINDS)}")
        text = json.dumps(body, sort_keys=True, allow_nan=False)
        for _ in range(_RETRIES):
            at = datetime.now(UTC).isoformat()
            try:
                with self._connect() as connection, connection.begin():
                    last = connection.execute(
                        sql.select(_entries.c.hash).order_by(_entries.c.number.desc()).limit(1)
                    ).scalar()
                    values = _chained(at, use_case, kind, subject, text, last or FIRST)
                    written = connection.execute(sql.insert(_entries).values(values))
                    key = written.inserted_primary_key
            except IntegrityError:
                continue
            return _entry({"number": key[0] if key else 0, **values})
        raise LedgerError(f"ledger {self.url}: {_RETRIES} other writers were faster; try again")

    def entries(
        self, use_case: str | None = None, kind: str | None = None, subject: str | None = None
    ) -> list[Entry]:
        """Read the entries in order, of one use case, kind or decision where given."""
        query = sql.select(_entries).order_by(_entries.c.number)
        for column, value in (("use_case", use_case), ("kind", kind), ("subject", subject)):
            if value is not None:
                query = query.where(_entries.c[column] == value)
        with self._connect() as connection:
            return [_entry(dict(row)) for row in connection.execute(query).mappings()]

    def verify(self) -> list[str]:
        """Return what is wrong with the chain, one sentence a fault; empty when it is intact."""
        faults, previous = [], FIRST
        for position, entry in enumerate(self.entries(), start=1):
            text = json.dumps(entry.body, sort_keys=True)
            values = _chained(
                entry.at.isoformat(),
                entry.use_case,
                entry.kind,
                entry.subject,
                text,
                entry.previous_hash,
            )
            if entry.number != position:
                faults.append(f"row {position} is missing; the next is number {entry.number}")
                break
            if entry.previous_hash != previous:
                faults.append(f"row {entry.number} does not follow the row before it")
            if values["hash"] != entry.hash:
                faults.append(f"row {entry.number} ({entry.kind} {entry.subject}) was changed")
            previous = entry.hash
        return faults


def _shown(url: str) -> str:
    """Return the address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.rsplit("@", maxsplit=1)[-1]


def _chained(
    at: str, use_case: str, kind: str, subject: str, body: str, previous: str
) -> dict[str, Any]:
    content = json.dumps([previous, at, use_case, kind, subject, body])
    return {
        "at": at,
        "use_case": use_case,
        "kind": kind,
        "subject": subject,
        "body": body,
        "previous_hash": previous,
        "hash": hashlib.sha256(content.encode()).hexdigest(),
    }


def _entry(row: Mapping[str, Any]) -> Entry:
    values = {**row, "at": datetime.fromisoformat(row["at"]), "body": json.loads(row["body"])}
    return Entry(**values)
