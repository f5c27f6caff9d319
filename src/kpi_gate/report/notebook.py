"""The head of the decision page, for a cell of a notebook: readable in light and in dark."""

import re

from markupsafe import Markup

from kpi_gate.decision.verdict import Decision
from kpi_gate.report.decision_page import head_values
from kpi_gate.report.html import fill


def head(decision: Decision) -> str:
    """Render the verdict with its sentence, the gain drawn, and the checks that failed."""
    return fill("notebook.html", **head_values(decision), inside=_inside)


def _inside(css: str) -> Markup:
    """Let rules hold within the cell alone: a notebook has tables and drawings of its own."""

    def scoped(found: re.Match[str]) -> str:
        return ", ".join(f".kpi-gate-head {name.strip()}" for name in found[0].split(","))

    return Markup(re.sub(r"(?m)^[^\s{}][^{}]*(?= \{)", scoped, css))  # noqa: S704  (our own rules)
