"""A look at the champion as one self-contained page: health, value, drift, and what was done."""

from collections.abc import Iterator, Mapping

from kpi_gate.render import render
from kpi_gate.report.drift_section import drift_section
from kpi_gate.report.history_charts import money_chart
from kpi_gate.report.html import day, fill
from kpi_gate.report.labels_section import labels_section
from kpi_gate.report.numbers import money, money_over
from kpi_gate.text import ended
from kpi_gate.watch.health.batch import UNDETECTABLE
from kpi_gate.watch.result import Watched
from kpi_gate.watch.value.realised import Realised

LOOK = {
    "severe": {
        "tone": "red",
        "state": "SEVERE",
        "means": "promotions wait until it is put right",
        "next": "Put right what is severe, at its source; the next look says whether it is well.",
    },
    "warning": {
        "tone": "amber",
        "state": "LOOK AT IT",
        "means": "nothing is severe",
        "next": "Look at what was found; nothing is held up by it.",
    },
    "note": {
        "tone": "blue",
        "state": "WELL",
        "means": "nothing to look at",
        "next": "Nothing is asked of you.",
    },
}
MARKS = {"severe": "✗", "warning": "!", "note": "·"}


@render.register(Watched)
def page(seen: Watched, form: str = "html", places: Mapping[str, str] | None = None) -> str:
    """Render a look; `html` is the one form.

    Args:
        seen: The look.
        form: Ignored.
        places: Where to look further, by name: an address, or words.
    """
    worst = next((finding.severity for finding in seen.findings), "note")
    done = [f"Done: {ended(seen.action)}"] if seen.action else []
    staleness = [] if seen.staleness is None else [seen.staleness.sentence]
    found = next((one.sentence for one in seen.findings if one.severity != "note"), "")
    return fill(
        "monitor.html",
        seen=seen,
        window=f"{day(seen.window.start)} until {day(seen.window.end)}",
        look=LOOK[worst],
        lead=ended(found),
        worth=_worth(seen.realised),
        figure=money_chart(seen.track, seen.realised.unit) if seen.realised else "",
        marks=MARKS,
        done=done if seen.choice is None else [*done, seen.choice.reason],
        value=[*(() if seen.realised is None else _earned(seen.realised)), *staleness],
        where=places or {},
        labels="" if seen.labels is None else labels_section(seen.labels.note()),
        drift="" if seen.drift is None else drift_section(seen.drift),
        blind=UNDETECTABLE,
    )


def _worth(found: Realised | None) -> str:
    """Say the one sum: what was earned since the promotion more than what was replaced."""
    if found is None:
        return ""
    if found.gain is None:
        return f"What it has earned more is not known{': ' if found.unknown else ''}{found.unknown}"
    gain = found.gain
    ends = gain.per_decision, gain.lower, gain.upper
    much = money_over(gain.decisions, *ends, found.unit)
    words = f"About {much.replace('-', '−')} since {day(found.since)} more than what it replaced"
    if found.promised is None:
        return words
    promised = money(found.promised * gain.decisions, found.unit, sign=True)
    return f"{words}; {promised.replace('-', '−')} was promised"


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
