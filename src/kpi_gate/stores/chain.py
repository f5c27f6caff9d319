"""The ledger's chain of hashes: how a row is written, read, and shown to be what was written."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FIRST = "0" * 64
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
        body: What happened.
        previous_hash: Hash of the row before.
        hash: Hash over all of the above but the number.
    """

    number: int
    at: datetime
    use_case: str
    kind: str
    subject: str
    body: Mapping[str, Any]
    previous_hash: str
    hash: str


def chained(
    at: str, use_case: str, kind: str, subject: str, body: str, previous: str
) -> dict[str, str]:
    """Return the columns of a row that follows the row with hash `previous`."""
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


def read(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Entry], list[str]]:
    """Read the rows of a whole ledger in one pass: what is readable, and what is wrong.

    Args:
        rows: As the database gives them, in the order of their numbers; they may hold anything.

    Returns:
        The readable entries, and one sentence a fault; a ledger without faults is whole.
    """
    entries: list[Entry] = []
    faults: list[str] = []
    expected, previous = 1, FIRST
    for row in rows:
        number = row["number"]
        gap = isinstance(number, int) and number > expected
        if gap:
            faults.append(_missing(expected, number - 1))
        entry, wrong = _read_row(row)
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
    return entries, faults


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _read_row(row: Mapping[str, Any]) -> tuple[Entry | None, list[str]]:
    """Return the entry, None where it cannot be read, and what is wrong with the row alone."""
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
    if chained(*texts)["hash"] != row["hash"]:
        wrong.append("was changed")
    if at is None or not isinstance(body, dict):
        return None, wrong
    return Entry(**{**row, "at": at, "body": body}), wrong
