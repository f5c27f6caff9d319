"""A decision as one self-contained HTML page: the review surface in MLflow, and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.decision import page_details, page_maturity, page_sections, page_translation
from kpi_gate.decision.page_sections import text
from kpi_gate.decision.wording import booked, clean, earns, rival, why

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision

# blue against vermilion (Okabe and Ito 2008) is told apart with every colour vision, and no
# colour stands alone: each comes with a word, a mark or a place
STYLE = """
:root { --ink: #1f2933; --soft: #5f6b76; --rule: #dde2e7; --paper: #fff; --wash: #f5f7f9;
  --candidate: #0072b2; --champion: #a3acb5; --bad: #b8420a; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 20px 24px 32px; max-width: 900px; background: var(--paper);
  color: var(--ink); font: 13px/1.4 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial,
  sans-serif; font-variant-numeric: tabular-nums; }
header { border-left: 6px solid var(--tone); padding: 2px 0 2px 16px; }
header p { margin: 6px 0 0; }
.title { color: var(--soft); }
h1 { margin: 2px 0 0; font-size: 24px; line-height: 1.2; color: var(--tone); }
.lead { font-size: 16px; line-height: 1.4; }
.warn { color: var(--bad); font-weight: 600; }
section { margin-top: 18px; }
h2 { margin: 0 0 6px; padding-bottom: 3px; font-size: 14px; border-bottom: 1px solid var(--rule); }
h3 { margin: 8px 0 4px; font-size: 13px; }
.note { font-weight: 400; font-size: 12px; color: var(--soft); }
p, ul { margin: 4px 0; }
ul { padding-left: 18px; }
svg { display: block; max-width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; }
th { font-weight: 400; font-size: 12px; color: var(--soft); text-align: left; }
td, th { padding: 2px 10px 2px 0; vertical-align: middle; overflow-wrap: anywhere; }
.n { text-align: right; white-space: nowrap; }
.sum td { border-top: 1px solid var(--rule); font-weight: 600; }
.translation td { white-space: normal; }
.columns { display: flex; gap: 28px; flex-wrap: wrap; }
.columns section { flex: 1 1 340px; min-width: 0; }
.checks td { padding-top: 1px; padding-bottom: 1px; vertical-align: baseline; }
.checks td:nth-child(2) { white-space: nowrap; }
.checks .rule td { padding-top: 6px; }
.checks .reason { color: var(--soft); }
.failed td, .failed .reason { color: var(--bad); background: #fdf3ee; }
.ok { color: var(--candidate); }
.chip { display: inline-block; margin: 0 6px 0 0; padding: 1px 8px; background: var(--wash);
  border-radius: 9px; font-size: 12px; color: var(--soft); }
.chip.ok { color: var(--candidate); }
.chip.bad { color: var(--bad); background: #fdf3ee; font-weight: 600; }
.bad, .failed td:nth-child(2) { font-weight: 600; }
.origin th { width: 130px; }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 8px; }
.key.candidate { background: var(--candidate); }
.key.champion { background: var(--champion); }
text { font-size: 12px; fill: var(--ink); paint-order: stroke; stroke: #fff; stroke-width: 3px; }
text.tick { fill: var(--soft); font-size: 11px; }
text.end { fill: var(--soft); }
text.strong { font-weight: 700; }
line { stroke: var(--soft); }
line.grid { stroke: var(--rule); }
line.axis { stroke: var(--champion); }
line.zero { stroke: var(--soft); stroke-dasharray: 3 3; }
line.threshold { stroke: var(--bad); stroke-width: 2; }
line.interval { stroke: var(--candidate); stroke-width: 6; stroke-linecap: round; opacity: .45; }
line.thin { stroke-width: 2; opacity: .7; }
line.estimate { stroke: var(--ink); stroke-width: 2; }
rect.worth { fill: #eaf3f9; }
rect.low { fill: #9ec9e2; }
rect.high, rect.candidate, circle.candidate, .dot { fill: var(--candidate); }
rect.champion, circle.champion { fill: var(--champion); }
.booked { fill: #fff; stroke: var(--candidate); stroke-width: 2.5; }
polyline { fill: none; stroke-width: 2; }
polyline.candidate { stroke: var(--candidate); }
polyline.champion { stroke: var(--champion); stroke-dasharray: 6 3; }
@media print {
  svg, tr, li, header { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  body { padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
TONES = {
    "PROMOTE": "#005a8c",
    "HOLD": "#7a5c00",
    "INSUFFICIENT_EVIDENCE": "#7a5c00",
    "AB_REQUIRED": "#5b4a9e",
    "REJECT": "#b8420a",
    "INVALID": "#b8420a",
}


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


def _header(decision: Decision) -> str:
    as_of = str(decision.notes.get("as_of") or "")[:10]
    if decision.lineage is not None:
        as_of = f"{decision.lineage.as_of:%Y-%m-%d}"
    day = f" · as of {text(as_of)} UTC" if as_of else ""
    tone = TONES.get(decision.verdict.value, "#1f2933")
    verdict = text(decision.verdict.value.replace("_", " "))
    asked = f"{_title(decision)} · candidate against {rival(decision)}"
    return (
        f'<header style="--tone: {tone}"><div class="title">{text(asked)}{day}</div>'
        f"<h1>{verdict}</h1>{_lead(decision)}{page_sections.rules(decision)}</header>"
    )


def page(decision: Decision) -> str:
    """Render the decision as one HTML page without script or outside resource."""
    body = [
        _header(decision),
        page_sections.gain(decision),
        page_sections.change(decision),
        page_translation.render(decision),
        page_sections.parts(decision),
        page_sections.checks(decision),
        page_details.slices(decision),
        '<div class="columns">',
        page_details.calibration(decision),
        page_details.variants(decision),
        "</div>",
        page_maturity.render(decision),
        page_details.limits(decision),
        page_details.lineage(decision),
    ]
    title = text(f"{decision.verdict.value}: {_title(decision)}")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body></html>\n"
    )
