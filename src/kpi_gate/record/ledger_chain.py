"""The ledger's chain of hashes: how a row is written, read, and shown to be what was written."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FIRST = "0" * 64
WHOLE, KEYED = "*", "keyed"
NO_KEY = "no key is at hand: set KPI_GATE_LEDGER_KEY or KPI_GATE_LEDGER_KEY_FILE"
UNKEYED = (
    "a key is at hand, but no row is keyed: if none ever was, `kpi-gate ledger key --reason ...` "
    "begins; else the rows were written anew without the key"
)
TEXTS = ("at", "use_case", "kind", "subject", "body", "previous_hash", "hash")


@dataclass(frozen=True)
class Entry:
    """One row of the ledger.

    Attributes:
        number: Position in the chain, from 1.
        at: When it was written, UTC.
        use_case: Whose it is; `*` for an act on the whole ledger.
        kind: One of `ledger.KINDS`: a `decision`, or a step of an act on an alias.
        subject: Decision that it belongs to.
        body: What happened; of a row that was verified before it is read when it is asked for.
        previous_hash: Hash of the row before.
        hash: Hash over all of the above but the number.
    """

    number: int
    at: datetime
    use_case: str
    kind: str
    subject: str
    body: Mapping[str, Any] = field(repr=False)
    previous_hash: str
    hash: str

    def as_json(self) -> dict[str, Any]:
        """Return the row with its whole body, for a program."""
        return {**vars(self), "at": self.at.isoformat(), "body": dict(self.body)}


@dataclass(frozen=True)
class Position:
    """Where a reading of the chain stands.

    Attributes:
        number: Row that was read last; 0 before the first.
        hash: Its hash.
        keyed_from: First row whose hash needs the key; None where no row was keyed so far.
    """

    number: int = 0
    hash: str = FIRST
    keyed_from: int | None = None


def chained(
    at: str, use_case: str, kind: str, subject: str, body: str, previous: str, *, key: bytes | None
) -> dict[str, str]:
    """Return the columns of a row that follows the row with hash `previous`."""
    content = json.dumps([previous, at, use_case, kind, subject, body]).encode()
    return {
        "at": at,
        "use_case": use_case,
        "kind": kind,
        "subject": subject,
        "body": body,
        "previous_hash": previous,
        "hash": hashlib.sha256(content).hexdigest() if key is None else sign(key, content),
    }


def sign(key: bytes, content: bytes) -> str:
    """Return the HMAC of some content."""
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def mark_of(key: bytes) -> str:
    """Return what tells one key from another and does not betray it."""
    return sign(key, b"kpi-gate ledger key")[:16]


def read(
    rows: Iterable[Mapping[str, Any]], key: bytes | None = None, after: Position | None = None
) -> tuple[list[Entry], list[str], Position]:
    """Read the rows of a ledger in one pass: what is readable, and what is wrong.

    Args:
        rows: As the database gives them, in the order of their numbers; they may hold anything.
        key: The key at hand, if any.
        after: Where an earlier reading ended; None: these are all rows.

    Returns:
        The readable entries, one sentence a fault, and where the reading ends. A ledger without
        faults is whole.
    """
    entries: list[Entry] = []
    faults: list[str] = []
    at = after or Position()
    keyed_from, blind = at.keyed_from, False
    expected, previous = at.number + 1, at.hash
    for row in rows:
        number = row["number"]
        if keyed_from is None and (row["use_case"], row["kind"]) == (WHOLE, KEYED):
            keyed_from = number
        if keyed_from is not None and not blind:
            fault = _key_fault(row, key, keyed_from)
            faults += [fault] if fault else []
            blind = bool(fault)
        gap = isinstance(number, int) and number > expected
        if gap:
            faults.append(_missing(expected, number - 1))
        entry, wrong = read_row(row, key if keyed_from is not None else None, hashed=not blind)
        if not gap and number != expected:
            wrong.insert(0, f"stands in the place of row {expected}")
        if not gap and row["previous_hash"] != previous:
            wrong.append("does not follow the row before it")
        if wrong:
            faults.append(f"row {number} ({row['kind']} {row['subject']}) {' and '.join(wrong)}")
        if entry is not None:
            entries.append(entry)
        expected = number + 1 if isinstance(number, int) else expected + 1
        previous = row["hash"]
    if key is not None and keyed_from is None and expected > 1:
        faults.append(UNKEYED)
    return entries, faults, Position(expected - 1, previous, keyed_from)


def _key_fault(row: Mapping[str, Any], key: bytes | None, keyed_from: int) -> str:
    """Say why keyed rows cannot be verified with what is at hand; empty where they can."""
    if key is None:
        return f"the rows from {keyed_from} on are keyed, and {NO_KEY}"
    if row["number"] != keyed_from:
        return ""
    try:
        mark = json.loads(row["body"])["key"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""  # the row's own hash tells
    if mark != mark_of(key):
        return f"the key at hand is not the one that the rows from {keyed_from} on are keyed with"
    return ""


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def read_row(
    row: Mapping[str, Any], key: bytes | None, *, hashed: bool = True
) -> tuple[Entry | None, list[str]]:
    """Return the entry, None where it cannot be read, and what is wrong with the row alone.

    Args:
        row: As the database gives it.
        key: What its hash was made with; None where it is not keyed.
        hashed: Whether its hash can be checked.
    """
    wrong = [
        f"has no {name}" if row[name] is None else f"has a {name} that is no text"
        for name in TEXTS
        if not isinstance(row[name], str)
    ]
    if wrong or not isinstance(row["number"], int):
        return None, wrong or ["has no number"]
    at = body = None
    try:
        at = datetime.fromisoformat(row["at"])
    except ValueError:
        wrong.append("has a date that is no date")
    try:
        body = json.loads(row["body"])
    except (ValueError, RecursionError):
        wrong.append("has a body that is no JSON")
    else:
        wrong += [] if isinstance(body, dict) else ["has a body without names"]
    texts = [row[name] for name in TEXTS[:-1]]
    if hashed and chained(*texts, key=key)["hash"] != row["hash"]:
        plain = key is not None and chained(*texts, key=None)["hash"] == row["hash"]
        wrong.append("is not keyed, although rows before it are" if plain else "was changed")
    if at is None or not isinstance(body, dict):
        return None, wrong
    return Entry(**{**row, "at": at, "body": body}), wrong
