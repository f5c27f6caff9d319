"""What joining labels came to, in lines."""

from kpi_gate.pipeline.label_join import Joined

_LOST = (
    ("overdue", "decisions have no outcome although it is due"),
    ("late", "outcomes came after the declared delay; they count"),
    ("served_twice", "decisions had an id that was served before; the first counts"),
    ("repeated", "outcomes came twice, the very same; each counts once"),
    ("contradicted", "decisions have outcomes that contradict each other, and take none"),
    ("unknown", "outcomes are of no decision that was served"),
    ("premature", "outcomes were known before their decision, and were left out"),
    ("future", "outcomes are known only later than now, and were left out"),
)


def joined_text(joined: Joined) -> str:
    """Return what was found and what was not, each with its number, a line each."""
    counts = joined.counts
    head = (
        f"{counts.labelled:,} of {counts.decisions:,} decisions have their outcome, from "
        f"{joined.source} by {', '.join(joined.key)}; {counts.waiting:,} are not due yet."
    )
    told = counts._asdict()
    lines = [f"{told[name]:,} {words}." for name, words in _LOST if told[name]]
    if joined.unvalued:
        lines.append(f"No amount: {joined.unvalued}.")
    return "\n".join([head, *lines])
