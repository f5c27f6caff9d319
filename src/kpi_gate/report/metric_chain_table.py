"""The translation table of the decision page: from the model's metric to the KPI, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.decision import metric_chain
from kpi_gate.report.charts import digits
from kpi_gate.report.document import cells, section, text
from kpi_gate.report.wording import rival
from kpi_gate.text import clean, number, percent, places, total

if TYPE_CHECKING:
    from kpi_gate.decision.metric_chain import Step
    from kpi_gate.decision.verdict import Decision

WHOLE = ("KPI", "money")


def render(decision: Decision) -> str:
    """Set side by side what the model, the counts that people know and the KPI gain."""
    found = metric_chain.steps(decision)
    if not found or decision.gain is None:
        return ""
    before, rows = "", []
    for step in found:
        rows.append(_row(step, new=step.station != before))
        before = step.station
    missing = metric_chain.unlinked(decision)
    if missing:
        words = f"unlinked: no experiment has shown {' or '.join(missing)} yet"
        rows.append(f'<tr class="sum"><td>money</td><td colspan="5">{text(words)}</td></tr>')
    head = cells("", "", "champion", "candidate", "change", "interval of the change", kind="th")
    chance = (
        f"P(gain > {number(decision.gain.threshold)}) is {percent(decision.gain.p_above_threshold)}"
    )
    booked = f"after shrinkage and switch cost {total(decision.money, sign=True)}"
    foot = text(f"{booked} {clean(decision.unit)} {clean(decision.horizon)}; {chance}")
    traps = "".join(f'<li class="bad">{text(words)}</li>' for words in metric_chain.traps(decision))
    body = (
        f"<p><b>{text(metric_chain.sentence(decision))}</b></p>"
        f'<table class="translation"><tr>{head}</tr>{"".join(rows)}</table>'
        f'<p class="note">{foot}</p>' + (f"<h3>The trap</h3><ul>{traps}</ul>" if traps else "")
    )
    side = f"one-sided bounds at {percent(decision.confidence)}"
    note = f"candidate against {rival(decision)}; {side}"
    return section("From the metric to the money", body, note)


def _row(step: Step, *, new: bool) -> str:
    known = [v for v in (step.champion, step.candidate, step.change) if v is not None]
    size = max(map(abs, known), default=0.0)
    decimals = 0 if step.station in WHOLE and size >= 100 else places(size)
    numbers = ["–" if v is None else digits(v, decimals) for v in (step.champion, step.candidate)]
    change = "–" if step.change is None else f"<b>{digits(step.change, decimals, sign=True)}</b>"
    bounds = (
        f"{digits(step.lower, decimals)} to {digits(step.upper, decimals)}"
        if step.lower is not None and step.upper is not None
        else ""
    )
    style = ' class="sum"' if step.station == "KPI" else ""
    station = text(step.station) if new else ""
    return (
        f"<tr{style}><td>{station}</td><td>{text(step.name)}</td>"
        + "".join(f'<td class="n">{v}</td>' for v in (*numbers, change, bounds))
        + "</tr>"
    )
