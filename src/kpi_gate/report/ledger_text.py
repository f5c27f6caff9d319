"""The ledger as a table: a row of it a line, wrapped on a terminal and whole in a pipe."""

from collections.abc import Sequence
from textwrap import wrap

from rich.console import Console
from rich.text import Text

from kpi_gate.record.ledger import Entry
from kpi_gate.report.decision_terminal import TONES

ID = 6  # characters of a decision's id that name it
NARROWEST = 30  # columns of the last column, else it goes below


def show_rows(entries: Sequence[Entry], console: Console) -> None:
    """Print rows of the ledger under a head."""
    ticks = {entry.subject: _tick(entry) for entry in entries if entry.kind == "decision"}
    rows = [("row", "written (UTC)", "use case", "what", "tick", "id", "why and by whom")]
    rows += [
        (
            str(entry.number),
            f"{entry.at:%Y-%m-%d %H:%M}",
            entry.use_case,
            entry.kind,
            _tick(entry) or ticks.get(entry.subject, ""),
            entry.subject[:ID],
            said(entry),
        )
        for entry in entries
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    before = sum(widths) + 2 * len(widths)
    room = console.width - before if console.is_terminal else 0
    for place, row in enumerate(rows):
        head = "  ".join(
            f"{word:>{width}}" if not column else f"{word:<{width}}"
            for column, (word, width) in enumerate(zip(row[:-1], widths, strict=True))
        )
        told = wrap(row[-1], room, break_on_hyphens=False) if room >= NARROWEST else [row[-1]]
        hanging = "\n" + " " * before
        text = Text(f"{head}  {hanging.join(told)}", style="" if place else "bold")
        for verdict, tone in TONES.items():
            text.highlight_regex(rf"\b{verdict}\b(?=:)", tone)
        console.print(text, soft_wrap=True)


def _tick(entry: Entry) -> str:
    return str(entry.body.get("as_of", ""))[:10]


def said(entry: Entry) -> str:
    """Return what a row says: what, why, who."""
    body = entry.body
    words = [str(body.get("sentence") or body.get("version") or "baseline")]
    if entry.kind != "decision" and "from" in body:
        words.append(f"after {body['from'] or 'baseline'}")
    words += [f"forced: {body['forced']}"] if body.get("forced") else []
    words += [f"because: {body['reason']}"] if body.get("reason") else []
    words += [f"approved by {body['approved_by']}"] if body.get("approved_by") else []
    words += [f"[snapshot {body['snapshot']}]"] if body.get("snapshot") else []
    words += [f"(by {body['asked_by']})"] if body.get("asked_by") else []
    # a reason comes from people: neither a new line nor a terminal's commands
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(words))
