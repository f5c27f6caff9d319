"""A decision as one self-contained HTML page: the review surface in MLflow, and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.report import decision_details, decision_sections, maturity, metric_chain_table
from kpi_gate.report.document import TONES, document, text
from kpi_gate.report.wording import booked, earns, rival, why
from kpi_gate.text import clean

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision


def _title(decision: Decision) -> str:
    """Return the title of the page: the use case's own words where there are some."""
    words = clean(decision.notes.get("title") or "")
    name = "" if decision.lineage is None else clean(decision.lineage.use_case)
    return words or name or clean(decision.kpi)


def _first_letter_up(words: str) -> str:
    return words[:1].upper() + words[1:]


def _lead(decision: Decision) -> str:
    """Return the verdict in words: why it is not PROMOTE, then what was measured."""
    measured = f"{_first_letter_up(earns(decision))}; {booked(decision)}."
    if decision.verdict == "PROMOTE":
        lines = [f'<p class="lead">{text(measured)}</p>']
        if decision.approval == "required":
            lines.append(
                "<p><b>It waits for a reviewer's approval:</b> see the tags of the version.</p>"
            )
        return "".join(lines)
    lines = [f'<p class="lead">{text(_first_letter_up(why(decision)))}.</p>']
    if decision.gain is not None and decision.verdict == "INVALID":
        lines.append('<p class="warn">The numbers below must not be used.</p>')
    elif decision.gain is not None:
        lines.append(f"<p>{text(measured)}</p>")
    return "".join(lines)


def header(decision: Decision) -> str:
    """Return the head of the page: the verdict, its reasons, and how each rule ended."""
    as_of = str(decision.notes.get("as_of") or "")[:10]
    if decision.lineage is not None:
        as_of = f"{decision.lineage.as_of:%Y-%m-%d}"
    day = f" · as of {text(as_of)} UTC" if as_of else ""
    tone = TONES.get(decision.verdict.value, "#1f2933")
    verdict = text(decision.verdict.value.replace("_", " "))
    asked = f"{_title(decision)} · candidate against {rival(decision)}"
    return (
        f'<header style="--tone: {tone}"><div class="title">{text(asked)}{day}</div>'
        f"<h1>{verdict}</h1>{_lead(decision)}{decision_sections.rules(decision)}</header>"
    )


def page(decision: Decision) -> str:
    """Render the decision as one HTML page without script or outside resource."""
    body = [
        header(decision),
        decision_sections.gain(decision),
        decision_sections.change(decision),
        metric_chain_table.render(decision),
        decision_sections.parts(decision),
        decision_sections.checks(decision),
        decision_details.slices(decision),
        '<div class="columns">',
        decision_details.calibration(decision),
        decision_details.variants(decision),
        "</div>",
        maturity.render(decision),
        decision_details.limits(decision),
        decision_details.lineage(decision),
    ]
    return document(f"{decision.verdict.value}: {_title(decision)}", body)
