"""A look at the champion as one self-contained page: health, value, drift, and what was done."""

from collections.abc import Iterator

from kpi_gate.evaluation.daily_value import Worth
from kpi_gate.render import render
from kpi_gate.report.document import cells, document, section, text
from kpi_gate.report.drift_page import drift_section
from kpi_gate.report.maturity import labels_section
from kpi_gate.watch.health.checks import UNDETECTABLE
from kpi_gate.watch.result import Watched

TONES = {"severe": "#b8420a", "warning": "#b8860b", "note": "#0072b2"}
CELLS = ".found td:nth-child(-n + 4) { white-space: nowrap; vertical-align: top; }"
MARKS = {"severe": "✗ severe", "warning": "! look", "note": "· note"}


@render.register(Watched)
def page(seen: Watched, form: str = "html") -> str:
    """Render a look; `html` is the one form."""
    worst = next((finding.severity for finding in seen.findings), "note")
    state = {"severe": "SEVERE", "warning": "LOOK AT IT"}.get(worst, "WELL")
    header = (
        f'<header style="--tone: {TONES[worst]}"><div class="title">{text(seen.title)} · '
        f"champion {text(seen.champion)} · {text(seen.window)} · {seen.rows:,} rows</div>"
        f'<h1>{state}</h1><p class="lead">{text(seen.sentence)}.</p>'
        + "".join(f"<p>{text(words)}</p>" for words in _done(seen))
        + "</header>"
    )
    drift = drift_section(seen.drift) if seen.drift is not None else ""
    body = (
        header,
        _findings(seen),
        section("Value", _value(seen), "money, from outcomes that are due"),
        labels_section(seen.labels.note() if seen.labels is not None else None),
        drift,
        section("What cannot be seen before outcomes are known", _blind()),
    )
    return document(f"Monitor: {seen.use_case} {seen.as_of:%Y-%m-%d}", body, CELLS)


def _done(seen: Watched) -> Iterator[str]:
    if seen.action:
        yield f"Done: {seen.action}."
    if seen.choice is not None:
        yield seen.choice.reason


def _findings(seen: Watched) -> str:
    if not seen.findings:
        return section("What was found", "<p>Nothing.</p>")
    head = "".join(f"<th>{word}</th>" for word in ("", "layer", "check", "column", "what"))
    rows = "".join(
        f'<tr class="{"failed" if finding.severity == "severe" else ""}">'
        + cells(
            MARKS[finding.severity],
            finding.layer,
            text(finding.check),
            text(finding.column),
            text(finding.sentence),
            style="",
        )
        + "</tr>"
        for finding in seen.findings
    )
    return section("What was found", f'<table class="found"><tr>{head}</tr>{rows}</table>')


def _value(seen: Watched) -> str:
    lines = []
    if seen.staleness is not None:
        lines.append(seen.staleness.sentence)
    realised = seen.realised
    if realised is not None:
        lines += [f"{name}: {worth.words}" for name, worth in _worths(seen)]
        if realised.promised is not None:
            lines.append(
                f"promised at the promotion: {realised.promised:+.4g} {realised.unit} a decision"
            )
        if realised.unknown:
            lines.append(f"not known: {realised.unknown}")
        if realised.blind is not None:
            lines.append(realised.blind.sentence)
    return "<ul>" + "".join(f"<li>{text(line)}</li>" for line in lines) + "</ul>" if lines else ""


def _worths(seen: Watched) -> Iterator[tuple[str, Worth]]:
    found = seen.realised
    if found is None:
        return
    named = {
        "earned since the promotion": found.worth,
        "earned lately": found.lately,
        "earned in the window that promoted it": found.at_gate,
        "earned more than what it replaced": found.gain,
        "the same lately": found.gain_lately,
    }
    for name, worth in named.items():
        if worth is not None:
            yield name, worth


def _blind() -> str:
    return "<ul>" + "".join(f"<li>{text(line)}</li>" for line in UNDETECTABLE) + "</ul>"
