"""Read the ledger tolerantly: what a row does not say is not known, and no row is an error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from kpi_gate.record.ledger import Entry
from kpi_gate.text import clean, finite, mapping, sequence


@dataclass(frozen=True)
class Event:
    """One row of the ledger on the clock of the data.

    Attributes:
        number: Position in the ledger.
        kind: Kind of the row.
        subject: Decision, or other act, that it belongs to.
        at: When it was written, UTC.
        when: Moment that it is about: its `as_of`. A row without one came as long after the latest
            row with one as it was written after it, so that a history that was run through later
            keeps its own clock.
        body: What happened.
    """

    number: int
    kind: str
    subject: str
    at: datetime
    when: datetime
    body: Mapping[str, object]

    def text(self, *path: str) -> str:
        """Return a text of the body on one line; empty where there is none."""
        return words(self._deep(path))

    def figure(self, *path: str) -> float | None:
        """Return a finite number of the body; None where there is none."""
        return finite(self._deep(path))

    def moment(self, *path: str) -> datetime | None:
        """Return a moment of the body, UTC; None where there is none."""
        return _moment(self._deep(path))

    def listed(self, name: str) -> list[object]:
        """Return a list of the body; empty where there is none."""
        return list(sequence(self.body.get(name)))

    def _deep(self, path: tuple[str, ...]) -> object:
        value: object = self.body
        for name in path:
            value = mapping(value).get(name)
        return value


def words(value: object) -> str:
    """Return a text on one line; empty for what is no text."""
    return clean(value) if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    """Read a moment as UTC; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def events(entries: Iterable[Entry]) -> list[Event]:
    """Put the entries of one use case on the clock of the data, in the ledger's order."""
    told: list[Event] = []
    latest: Event | None = None  # of those that say what moment they are about
    for entry in sorted(entries, key=lambda one: one.number):
        at = entry.at if entry.at.tzinfo else entry.at.replace(tzinfo=UTC)
        own = _moment(entry.body.get("as_of"))
        when = own or _after(latest, at)
        event = Event(entry.number, entry.kind, entry.subject, at, when, entry.body)
        latest = event if own else latest
        told.append(event)
    return told


def _after(latest: Event | None, at: datetime) -> datetime:
    try:
        return at if latest is None else latest.when + (at - latest.at)
    except OverflowError:  # a moment at the end of the calendar
        return at
