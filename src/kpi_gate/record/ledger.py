"""The ledger: an append-only, hash-chained record of every decision and release (SQL)."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError

from kpi_gate import __version__
from kpi_gate.record import ledger_protection
from kpi_gate.record.ledger_chain import (
    KEYED,
    NO_KEY,
    UNKEYED,
    WHOLE,
    Entry,
    Position,
    chained,
    mark_of,
)
from kpi_gate.record.ledger_key import find_key
from kpi_gate.record.ledger_reading import LedgerReader, Walk, is_for_a_person
from kpi_gate.record.ledger_table import LedgerError, LedgerTable, rows
from kpi_gate.workspace import Workspace

__all__ = ["KINDS", "WHOLE", "Entry", "Ledger", "LedgerError", "Walk", "open_ledger"]

KINDS = {  # of rows, and what each records
    "decision": "a verdict, with all that it rests on",
    "selftest": "a self-test of a use case's gate, and what came of it",
    "monitor": "a look at the champion in use, and its findings",
    "choice": "whether a proposal to retrain was followed, and why",
    "quarantine": "days that were put aside, or let out by a person",
    "history": "a person's word that history was changed rightly",
    "intent": "a promotion is about to move the alias",
    "done": "it has moved, and the loaded model scores its golden rows",
    "void": "it has not moved, and will not",
    "rollback_intent": "a rollback is about to move the alias",
    "rollback": "it has moved back",
    "rollback_void": "it has not, and will not",
    "anchor_intent": "guardrail budgets are about to count from another champion",
    "anchor": "they do",
    "anchor_void": "they do not, and will not",
    "experiment_plan": "an experiment is planned; its name is a hash of the whole plan",
    "experiment_start": "it runs from here on, under that plan",
    "experiment_look": "a look at its benefit, and what was seen",
    "experiment_end": "its verdict and lift, or that a person or a harm stopped it",
    "experiment_import": "effect and error of an experiment that was run elsewhere",
    "serving_fault": "a server could not take up a version; what was in use goes on",
    "realigned": "MLflow was put right, with the reason of whoever asked",
    "protected": "a person vouches for the rows after triggers or last rows were lost",
    KEYED: "from here on the chain needs the key",
    "format": "from here on the bodies are of this format",
}
FORMAT = 1  # of the bodies; rows of a lower one are read alike, those of a higher one are not
_RETRIES = 20


class Ledger:
    """Appends entries and reads them back; nothing can be changed or removed.

    Args:
        url: SQLAlchemy address of the database.
        key: Key of the chain; None where it is not keyed.
        home: Folder that remembers how far the ledger was verified; None: every reader that
            opens it verifies all.
    """

    def __init__(self, url: str, key: bytes | None = None, home: Path | None = None) -> None:
        self.url = url
        self._table, self._key = LedgerTable(url), key
        self._reader = LedgerReader(self._table, key, home)

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
                with self._table.begin() as connection:
                    row = self._insert(connection, (use_case, kind, subject, text), after)
            except IntegrityError:
                continue
            at = datetime.fromisoformat(row["at"])
            return Entry(**{**row, "at": at, "body": json.loads(text)})
        raise self._error(f"{_RETRIES} other writers were faster; try again")

    def _insert(
        self, connection: sql.Connection, content: tuple[str, str, str, str], after: int | None
    ) -> dict[str, Any]:
        use_case, kind, subject, _text = content
        newest = sql.select(rows.c.number, rows.c.hash).order_by(rows.c.number.desc()).limit(1)
        last = connection.execute(newest).first()
        mine = sql.and_(rows.c.use_case == use_case, rows.c.subject == subject)
        known = connection.execute(sql.select(sql.func.max(rows.c.number)).where(mine)).scalar()
        if after is not None and (known or 0) != after:
            raise self._error(
                f"row {known or 0} of {use_case} {subject} was written by another process "
                f"meanwhile; this one recorded no {kind}"
            )
        at = Position(last.number, last.hash) if last else Position()
        if last is not None and kind != "format":
            self._require_format(connection)
        key = self._key
        if kind != KEYED and not self._is_keyed(connection, empty=last is None):
            if key is not None and last is None:  # a ledger begun with a key is keyed from row 1
                body = json.dumps({"reason": "begun with a key", "key": mark_of(key)})
                first = self._write(connection, at, (WHOLE, KEYED, WHOLE, body), key)
                at = Position(first["number"], first["hash"])
            else:
                key = None
        return self._write(connection, at, content, key)

    def _write(
        self,
        connection: sql.Connection,
        at: Position,
        content: tuple[str, str, str, str],
        key: bytes | None,
    ) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat()
        row = {"number": at.number + 1, **chained(now, *content, at.hash, key=key)}
        connection.execute(sql.insert(rows).values(row))
        return row

    def _is_keyed(self, connection: sql.Connection, *, empty: bool) -> bool:
        """Tell whether rows are keyed; refuse to go on without their key, or with another."""
        marked = sql.and_(rows.c.use_case == WHOLE, rows.c.kind == KEYED)
        first = sql.select(rows.c.number, rows.c.body).where(marked).order_by(rows.c.number)
        found = connection.execute(first.limit(1)).first()
        if found is None and self._key is not None and not empty:
            raise self._error(UNKEYED)
        if found is None:
            return False
        if self._key is None:
            raise self._error(f"the rows from {found.number} on are keyed, and {NO_KEY}")
        if mark_of(self._key) not in found.body:
            raise self._error(f"row {found.number} began to key the rows with another key")
        return True

    def _require_format(self, connection: sql.Connection) -> None:
        """Refuse to write rows that another version would not read, or not as they are meant."""
        marked = sql.and_(rows.c.use_case == WHOLE, rows.c.kind == "format")
        newest = sql.select(rows.c.body).where(marked).order_by(rows.c.number.desc()).limit(1)
        found = connection.execute(newest).scalar()
        self._require_known(json.loads(found) if found else {})
        if (json.loads(found)["format"] if found else 1) < FORMAT:
            raise self._error(
                f"kpi-gate {__version__} writes format {FORMAT}, its rows are of a lower one: run "
                "`kpi-gate ledger migrate`; they stay as they are and are read alike"
            )

    def _require_known(self, said: Mapping[str, Any]) -> None:
        if said.get("format", 1) > FORMAT:
            raise self._error(
                f"it has format {said['format']} since kpi-gate {said['version']}; kpi-gate "
                f"{__version__} reads formats up to {FORMAT}: install {said['version']} or later "
                "(make update)"
            )

    def migrate(self, asked_by: str) -> Entry | None:
        """Let the rows from here on be of this version's format; None where they are already.

        No row is changed: what was written before stays readable, and verifiable.

        Raises:
            LedgerError: If the ledger is broken, or of a later version.
        """
        stated = [entry.body["format"] for entry in self.entries(WHOLE, "format")]
        if not self.exists() or max(stated, default=1) == FORMAT:
            return None
        said = {"format": FORMAT, "version": __version__, "asked_by": asked_by}
        return self.append(WHOLE, "format", WHOLE, said)

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Write the entries of another ledger, in a chain of its own that is not keyed."""
        at = Position()
        with self._table.begin() as connection:
            for entry in entries:
                if entry.kind != KEYED:
                    body = json.dumps(dict(entry.body), sort_keys=True, allow_nan=False)
                    texts = (entry.use_case, entry.kind, entry.subject, body)
                    columns = chained(entry.at.isoformat(), *texts, at.hash, key=None)
                    at = Position(at.number + 1, columns["hash"])
                    connection.execute(sql.insert(rows).values(number=at.number, **columns))

    def entries(
        self, use_case: str | None = None, kind: str | None = None, subject: str | None = None
    ) -> list[Entry]:
        """Read the entries in order, of one use case, kind or decision where given.

        Nobody acts on a row that is not proved: what was not verified before is verified now.
        The body of a row that was is read when it is asked for, and must have the hash of then.

        Raises:
            LedgerError: If the ledger cannot be read, its chain is broken, or it is of a later
                version.
        """
        known = self._reader.entries()
        for entry in known:
            if entry.kind == "format":
                self._require_known(entry.body)
        return [
            entry
            for entry in known
            if (use_case is None or entry.use_case == use_case)
            and (kind is None or entry.kind == kind)
            and (subject is None or entry.subject == subject)
        ]

    @property
    def shown(self) -> str:
        """The address without its password."""
        return f"ledger {self._table.shown}"

    def exists(self) -> bool:
        """Tell whether there is a table, also an empty one.

        Raises:
            LedgerError: If the database cannot be reached.
        """
        with self._table.connect() as connection:
            return connection is not None

    def walk(self) -> Walk:
        """Read and verify every row, also those that were verified before.

        Raises:
            LedgerError: If the ledger cannot be read.
        """
        return self._reader.walk()

    def whole(self) -> list[Entry]:
        """Read and verify every row with its whole body; nothing is written.

        Raises:
            LedgerError: If the ledger cannot be read, or its chain is broken.
        """
        walk = self._reader.walk(remember=False)
        if walk.faults:
            self._reader.refuse()
        return walk.entries

    def verify(self) -> list[str]:
        """Return what is wrong, one sentence a fault; empty when the ledger is whole."""
        return self.walk().faults

    def protect(self, reason: str, asked_by: str) -> None:
        """Let a person vouch for the rows: lost triggers are put back, rows cut off are let go.

        Raises:
            LedgerError: If the chain is broken: a broken chain is not repaired by protecting it.
        """
        faults = self.verify()
        if not faults:
            raise self._error("its triggers are in place, and no row is missing")
        if not is_for_a_person(faults):
            self._reader.refuse()
        said = {"reason": reason, "asked_by": asked_by, "faults": faults}
        self.append(WHOLE, "protected", WHOLE, said)
        with self._table.begin() as connection:
            ledger_protection.protect(connection)
        self._reader.forget()

    def begin_keying(self, reason: str, asked_by: str) -> Entry:
        """Key the chain from the next row on, as a recorded act of a person.

        Raises:
            LedgerError: If there is no key, the chain is broken, or it is keyed already.
        """
        if self._key is None:
            raise self._error(NO_KEY)
        walk = self.walk()
        if walk.keyed_from is not None:
            raise self._error(f"its rows are keyed from row {walk.keyed_from} on")
        if [fault for fault in walk.faults if fault != UNKEYED]:
            self._reader.refuse()
        body = {"reason": reason, "asked_by": asked_by, "key": mark_of(self._key)}
        return self.append(WHOLE, KEYED, WHOLE, body)

    def _error(self, words: str) -> LedgerError:
        return LedgerError(f"{self.shown}: {words}")


def open_ledger(workspace: Workspace) -> Ledger:
    """Return the ledger of an installation.

    Raises:
        ConfigurationError: If its key cannot be had.
    """
    key = find_key(workspace.ledger_key.get_secret_value(), workspace.ledger_key_file)
    return Ledger(workspace.ledger_url, key, workspace.home)
