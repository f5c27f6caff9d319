"""Reading the ledger: nobody gets a row that is not proved, and no row is proved twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, NoReturn

import sqlalchemy as sql

from kpi_gate.record import ledger_protection
from kpi_gate.record.ledger_chain import Entry, Position, read, read_row
from kpi_gate.record.ledger_table import LedgerError, LedgerTable, rows
from kpi_gate.record.ledger_watermark import Watermark

GONE = "the append-only triggers are gone"
CUT_OFF = "rows were cut off, or all written anew"
_WHOLE_AGAIN = "nothing moves until it is whole"
_REMEDY = f"{_WHOLE_AGAIN}: restore it from a backup; `kpi-gate ledger verify` names every fault"

Known = tuple[list[Entry], Position]


@dataclass(frozen=True)
class Walk:
    """What a reading of every row came to.

    Attributes:
        entries: The readable rows, in order.
        faults: What is wrong, one sentence a fault; empty when the ledger is whole.
        keyed_from: First row whose hash needs the key; None where none is keyed.
    """

    entries: list[Entry]
    faults: list[str]
    keyed_from: int | None


class LedgerReader:
    """Reads a ledger's rows: those verified before as remembered, the others from the database.

    Args:
        table: Where the rows are.
        key: Key of the chain, if any.
        home: Folder that remembers how far it was verified; None: it is not remembered.
    """

    def __init__(self, table: LedgerTable, key: bytes | None, home: Path | None) -> None:
        self._table, self._key = table, key
        self._mark = Watermark(home, table.url, key) if home is not None else None
        self._lock = RLock()
        self._known: Known | None = None

    def entries(self) -> list[Entry]:
        """Verify the rows that came since the last reading; return all rows.

        Raises:
            LedgerError: If the ledger cannot be read, or its chain is broken.
        """
        with self._lock:
            opened = self._known is None
            before, at = self._known or self._remembered() or ([], Position())
            with self._table.connect() as connection:
                new = [] if connection is None else _after(connection, at.number)
                entries, faults, end = read(new, self._key, at)
                sound = connection is not None and _is_sound(connection, at, end, count=opened)
            if faults or (end.number and not sound):
                self.refuse()
            self._known = ([*before, *entries], end)
            if opened and entries and self._mark is not None:
                self._mark.write(*self._known)
            return self._known[0]

    def walk(self, *, remember: bool = True) -> Walk:
        """Read and verify every row, also against what was known of them before.

        Args:
            remember: Whether the home is to remember how far it was verified.
        """
        with self._lock:
            with self._table.connect() as connection:
                found = [] if connection is None else _after(connection, None)
                protected = connection is None or ledger_protection.are_in_place(connection)
            entries, faults, end = read(found, self._key)
            faults += [] if protected or not found else [GONE]
            before = self._known or self._remembered()
            faults += [] if before is None else _cut_off(before[1], entries)
            if remember and not faults and entries and self._mark is not None:
                self._mark.write(entries, end)
            return Walk(entries, faults, end.keyed_from)

    def refuse(self) -> NoReturn:
        """Walk all rows to say what is wrong, and what to do.

        Raises:
            LedgerError: Always.
        """
        faults = self.walk().faults or ["rows were put in or taken out"]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        remedy = _REMEDY
        if is_for_a_person(faults):
            remedy = (
                f"{_WHOLE_AGAIN}: if every row is right, `kpi-gate ledger protect --reason ...`"
            )
        raise LedgerError(f"ledger {self._table.shown}: {faults[0]}{more}; {remedy}")

    def forget(self) -> None:
        """Forget what was verified: the next reading verifies all."""
        with self._lock:
            self._known = None
            if self._mark is not None:
                self._mark.forget()

    def _remembered(self) -> Known | None:
        return self._mark.read(self._load) if self._mark is not None else None

    def _load(self, number: int, known_hash: str) -> Mapping[str, Any]:
        """Read the body of a row that was verified before; it must have the hash of then."""
        with self._table.connect() as connection:
            found = [] if connection is None else _after(connection, number - 1, number)
        keyed_from = self._known[1].keyed_from if self._known else None
        key = self._key if keyed_from is not None and number >= keyed_from else None
        entry, wrong = read_row(found[0], key) if found else (None, ["is missing"])
        if entry is None or wrong or entry.hash != known_hash:
            words = " and ".join(wrong or ["was changed"])
            raise LedgerError(f"ledger {self._table.shown}: row {number} {words}; {_REMEDY}")
        return entry.body


def is_for_a_person(faults: Sequence[str]) -> bool:
    """Tell whether a person may vouch for the rows: the chain itself is not broken."""
    return all(fault == GONE or fault.endswith(CUT_OFF) for fault in faults)


def _after(
    connection: sql.Connection, number: int | None, until: int | None = None
) -> list[dict[str, Any]]:
    """Return the rows after a number, of None all of them, whatever their numbers are."""
    query = sql.select(rows).order_by(rows.c.number)
    if number is not None and number > 0:
        query = query.where(rows.c.number > number)
    if until is not None:
        query = query.where(rows.c.number == until)
    return [dict(row) for row in connection.execute(query).mappings()]


def _is_sound(connection: sql.Connection, at: Position, end: Position, *, count: bool) -> bool:
    """Tell whether the rows that are not read again still end, and count, as they did."""
    if not ledger_protection.are_in_place(connection):
        return False
    if at.number:
        query = sql.select(rows.c.hash).where(rows.c.number == at.number)
        if connection.execute(query).scalar() != at.hash:
            return False
    if not count:
        return True
    counted = sql.select(sql.func.count()).select_from(rows).where(rows.c.number <= end.number)
    return connection.execute(counted).scalar() == end.number


def _cut_off(before: Position, entries: Sequence[Entry]) -> list[str]:
    """Say that the row that was verified last is not there, or is another."""
    hashes = {entry.number: entry.hash for entry in entries}
    if not before.number or hashes.get(before.number) == before.hash:
        return []
    what = "is another now" if before.number in hashes else "is missing"
    named = f"row {before.number}, verified before with hash {before.hash[:12]},"
    return [f"{named} {what}: {CUT_OFF}"]
