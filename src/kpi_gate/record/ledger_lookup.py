"""Which decision of the ledger is meant by the beginning of its id, or by a row."""

from collections.abc import Sequence

from kpi_gate.errors import ConfigurationError
from kpi_gate.record.ledger import Entry, Ledger

SHORTEST_PREFIX = 6


def find(ledger: Ledger, wanted: str) -> tuple[Entry, Sequence[Entry]]:
    """Return a decision and the ledger's rows before it.

    Raises:
        ConfigurationError: If there is no such decision, or more than one.
    """
    rows = ledger.whole()
    decisions = [row for row in rows if row.kind == "decision"]
    found: list[Entry] = []
    if len(wanted) >= SHORTEST_PREFIX:
        found = [row for row in decisions if row.subject.startswith(wanted)]
    if not found:  # a row of a promotion stands for its decision
        subjects = {row.subject for row in rows if str(row.number) == wanted}
        found = [row for row in decisions if row.subject in subjects]
    if len(found) > 1:
        raise ConfigurationError(
            f"{wanted!r} begins {len(found)} decisions: {', '.join(row.subject for row in found)}"
        )
    if not found:
        raise ConfigurationError(
            f"no decision {wanted!r} in the ledger: give its id, the first {SHORTEST_PREFIX} or "
            "more characters of it, or its row; see `kpi-gate ledger show`"
        )
    return found[0], [row for row in rows if row.number < found[0].number]
