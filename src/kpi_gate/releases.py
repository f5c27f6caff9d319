"""What the ledger says of a use case's aliases: who is champion, who is anchor, what is open."""

from collections.abc import Iterable
from dataclasses import dataclass

from kpi_gate.stores.ledger import Entry
from kpi_gate.stores.registry import ANCHOR, CHAMPION


@dataclass(frozen=True)
class Act:
    """One kind of move of an alias: written ahead as an intent, ended by one of two rows.

    Attributes:
        alias: The alias that moves.
        done: Kind of the row that says that it has moved.
        void: Kind of the row that says that it was given up.
        failed: What is said of the version when it was.
    """

    alias: str
    done: str
    void: str
    failed: str


PROMOTION, ROLLBACK, ANCHORING = "intent", "rollback_intent", "anchor_intent"
ACTS = {
    PROMOTION: Act(CHAMPION, "done", "void", "was not promoted"),
    ROLLBACK: Act(CHAMPION, "rollback", "rollback_void", "is not champion again"),
    ANCHORING: Act(ANCHOR, "anchor", "anchor_void", "is not the anchor"),
}


def open_intents(entries: Iterable[Entry]) -> list[Entry]:
    """Return the intents that no row has ended yet, oldest first."""
    ends = {end: kind for kind, act in ACTS.items() for end in (act.done, act.void)}
    opened: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.kind in ACTS:
            opened.setdefault((entry.kind, entry.subject), entry)
        elif entry.kind in ends:
            opened.pop((ends[entry.kind], entry.subject), None)
    return list(opened.values())


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """Return the promotions that no rollback has taken back, oldest first."""
    found: list[Entry] = []
    for entry in entries:
        if entry.kind == "done":
            found.append(entry)
        elif entry.kind == "rollback":
            found = [kept for kept in found if kept.subject != entry.subject]
    return found


def champion(entries: Iterable[Entry]) -> str:
    """Return the version that the last release left in use; empty for the baseline or none."""
    released = [entry for entry in entries if entry.kind in ("done", "rollback")]
    return str(released[-1].body["version"]) if released else ""


def anchor(entries: Iterable[Entry]) -> str:
    """Return the version that guardrails add up from: the first release, until re-anchored."""
    version = ""
    for entry in entries:
        if entry.kind == "anchor" or (entry.kind == "done" and not version):
            version = str(entry.body["version"])
    return version
