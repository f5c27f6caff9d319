"""One self-contained HTML document: its frame, its colours, and the parts that every page has."""

from collections.abc import Iterable
from html import escape

from kpi_gate.text import clean

# blue against vermilion (Okabe and Ito 2008) is told apart with every colour vision, and no
# colour stands alone: each comes with a word, a mark or a place
_PAGE = """
:root { --ink: #1f2933; --soft: #5f6b76; --rule: #dde2e7; --paper: #fff; --wash: #f5f7f9;
  --candidate: #0072b2; --champion: #a3acb5; --bad: #b8420a;
  --bad-wash: #fdf3ee; --worth: #eaf3f9; --low: #9ec9e2; }
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
h2 { margin: 0 0 6px; padding-bottom: 3px; font-size: 14px;
  border-bottom: 1px solid var(--rule); }
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
.failed td, .failed .reason { color: var(--bad); background: var(--bad-wash); }
.ok { color: var(--candidate); }
.chip { display: inline-block; margin: 0 6px 0 0; padding: 1px 8px; background: var(--wash);
  border-radius: 9px; font-size: 12px; color: var(--soft); }
.chip.ok { color: var(--candidate); }
.chip.bad { color: var(--bad); background: var(--bad-wash); font-weight: 600; }
.bad, .failed td:nth-child(2) { font-weight: 600; }
.origin th { width: 130px; }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 8px; }
.key.candidate { background: var(--candidate); }
.key.champion { background: var(--champion); }
@media print {
  svg, tr, li, header { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  body { padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
FIGURES = """
text { font-size: 12px; fill: var(--ink); paint-order: stroke; stroke: var(--paper);
  stroke-width: 3px; }
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
rect.worth { fill: var(--worth); }
rect.low { fill: var(--low); }
rect.high, rect.candidate, circle.candidate, .dot { fill: var(--candidate); }
rect.champion, circle.champion { fill: var(--champion); }
.booked { fill: var(--paper); stroke: var(--candidate); stroke-width: 2.5; }
polyline { fill: none; stroke-width: 2; }
polyline.candidate { stroke: var(--candidate); }
polyline.champion { stroke: var(--champion); stroke-dasharray: 6 3; }
"""
STYLE = _PAGE + FIGURES
TONES = {
    "PROMOTE": "#005a8c",
    "HOLD": "#7a5c00",
    "INSUFFICIENT_EVIDENCE": "#7a5c00",
    "AB_REQUIRED": "#5b4a9e",
    "REJECT": "#b8420a",
    "INVALID": "#b8420a",
}


def document(title: str, body: Iterable[str], style: str = "") -> str:
    """Return a whole page without script or outside resource.

    Args:
        title: Its title, not yet escaped.
        body: Its parts, already safe; empty ones are left out.
        style: Rules of this page beside those of every page.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}{style}</style></head>\n<body>\n"
        + "\n".join(filter(None, body))
        + "\n</body></html>\n"
    )


def text(words: object) -> str:
    """Escape a text for the page."""
    return escape(clean(words))


def cells(*values: object, kind: str = "td", style: str = "n") -> str:
    """Return cells that are already safe: the first is text, the others numbers."""
    first, *rest = values
    return f"<{kind}>{first}</{kind}>" + "".join(
        f'<{kind} class="{style}">{v}</{kind}>' for v in rest
    )


def section(title: str, body: str, note: str = "") -> str:
    """Return a section with its heading; `note` says how to read it."""
    if not body:
        return ""
    aside = f' <span class="note">{text(note)}</span>' if note else ""
    return f"<section><h2>{text(title)}{aside}</h2>{body}</section>"
