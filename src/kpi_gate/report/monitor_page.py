"""A look at the champion as one self-contained page: health, value, drift, and what was done."""

from collections.abc import Iterator

from kpi_gate.render import render
from kpi_gate.report.drift_section import drift_section
from kpi_gate.report.html import fill
from kpi_gate.report.labels_section import labels_section
from kpi_gate.watch.health.batch import UNDETECTABLE
from kpi_gate.watch.result import Watched
from kpi_gate.watch.value.realised import Realised

LOOK = {
    "severe": ("#b8420a", "SEVERE"),
    "warning": ("#b8860b", "LOOK AT IT"),
    "note": ("#0072b2", "WELL"),
}
MARKS = {"severe": "✗ severe", "warning": "! look", "note": "· note"}


@render.register(Watched)
def page(seen: Watched, form: str = "html") -> str:
    """Render a look; `html` is the one form."""
    worst = next((finding.severity for finding in seen.findings), "note")
    done = [f"Done: {seen.action}."] if seen.action else []
    staleness = [] if seen.staleness is None else [seen.staleness.sentence]
    return fill(
        "monitor.html",
        seen=seen,
        look=LOOK[worst],
        marks=MARKS,
        done=done if seen.choice is None else [*done, seen.choice.reason],
        value=[*staleness, *(() if seen.realised is None else _earned(seen.realised))],
        labels="" if seen.labels is None else labels_section(seen.labels.note()),
        drift="" if seen.drift is None else drift_section(seen.drift),
        blind=UNDETECTABLE,
    )


def _earned(found: Realised) -> Iterator[str]:
    measured = {
        "earned since the promotion": found.worth,
        "earned lately": found.lately,
        "earned in the window that promoted it": found.at_gate,
        "earned more than what it replaced": found.gain,
        "the same lately": found.gain_lately,
    }
    yield from (f"{name}: {worth.words}" for name, worth in measured.items() if worth is not None)
    if found.promised is not None:
        yield f"promised at the promotion: {found.promised:+.4g} {found.unit} a decision"
    if found.unknown:
        yield f"not known: {found.unknown}"
    if found.blind is not None:
        yield found.blind.sentence
