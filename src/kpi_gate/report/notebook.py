"""The head of the decision page, for a cell of a notebook: readable in light and in dark."""

import re

from kpi_gate.decision.verdict import Decision
from kpi_gate.report import decision_sections
from kpi_gate.report.decision_page import header
from kpi_gate.report.document import FIGURES, section

# paper and ink are set together: whatever surrounds the cell, one is read on the other
LIGHT = """--ink: #1f2933; --soft: #5f6b76; --rule: #dde2e7; --paper: #fff; --wash: #f5f7f9;
  --candidate: #0072b2; --champion: #a3acb5; --bad: #b8420a; --bad-wash: #fdf3ee;
  --worth: #eaf3f9; --low: #9ec9e2; color-scheme: light;"""
DARK = """--ink: #e4e8ec; --soft: #a5afb9; --rule: #3a434c; --paper: #171b1f; --wash: #242a30;
  --candidate: #56b4e9; --champion: #8b98a5; --bad: #f39a6c; --bad-wash: #3a2419;
  --worth: #16324a; --low: #2f5f80; color-scheme: dark;"""
PARTS = """
header { border-left: 6px solid var(--tone); padding-left: 14px; }
header p, section { margin: 6px 0 0; }
h1 { margin: 2px 0 0; font-size: 22px; color: var(--ink); }
h2 { margin: 12px 0 4px; font-size: 14px; color: var(--ink); }
.title, .note, .reason, th { color: var(--soft); font-weight: 400; }
.lead { font-size: 15px; }
.chip { display: inline-block; margin-right: 6px; padding: 1px 8px; background: var(--wash);
  border-radius: 9px; font-size: 12px; color: var(--soft); }
.ok, .chip.ok { color: var(--candidate); }
.bad, .chip.bad, .warn { color: var(--bad); font-weight: 600; }
svg { display: block; max-width: 100%; height: auto; }
table { border-collapse: collapse; }
table tr { background: var(--paper); color: var(--ink); }
td, th { padding: 2px 10px 2px 0; text-align: left; }
"""
ROOT = ".kpi-gate-head"


def _inside(css: str) -> str:
    """Let rules hold within the cell alone: a notebook has tables and drawings of its own."""

    def scoped(found: re.Match[str]) -> str:
        return ", ".join(f"{ROOT} {name.strip()}" for name in found[0].split(","))

    return re.sub(r"(?m)^[^\s{}][^{}]*(?= \{)", scoped, css)


STYLE = f"""
{ROOT} {{ {LIGHT} max-width: 900px; padding: 12px 16px; background: var(--paper);
  color: var(--ink); font: 13px/1.4 system-ui, sans-serif; font-variant-numeric: tabular-nums; }}
@media (prefers-color-scheme: dark) {{ {ROOT} {{ {DARK} }} }}
[data-jp-theme-light="true"] {ROOT}, .vscode-light {ROOT} {{ {LIGHT} }}
[data-jp-theme-light="false"] {ROOT}, .vscode-dark {ROOT} {{ {DARK} }}
{_inside(PARTS + FIGURES)}"""


def head(decision: Decision) -> str:
    """Render the verdict with its sentence, the gain drawn, and the checks that failed."""
    failed = decision_sections.check_rows(decision.failed)
    columns = '<th></th><th>check</th><th class="n">value</th><th class="n">bound</th><th></th>'
    table = f"<table><tr>{columns}</tr>{failed}</table>" if failed else ""
    body = (header(decision), decision_sections.gain(decision), section("Failed checks", table))
    return f'<div class="{ROOT[1:]}"><style>{STYLE}</style>{"".join(body)}</div>'
