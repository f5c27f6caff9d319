"""The self-test as one page: each adversary, what the gate had to decide, and what it decided."""

from kpi_gate.proof.selftest import SelfTest
from kpi_gate.render import render
from kpi_gate.report.html import fill

SIGNS = {"right": "✓", "wrong": "✗", "not tried": "–"}
STYLES = {"right": "ok", "wrong": "bad", "not tried": ""}


@render.register(SelfTest)
def page(result: SelfTest, form: str = "html") -> str:
    """Render the answers of the gate; `html` is the one form."""
    lead = f"{result.sentence().capitalize()}."
    return fill("selftest.html", result=result, lead=lead, signs=SIGNS, styles=STYLES)
