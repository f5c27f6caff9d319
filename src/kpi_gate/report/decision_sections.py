"""Sections of the decision page that argue the verdict; each is empty where there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.decision.evidence import ROUNDING
from kpi_gate.decision.metric_chain import per_decision
from kpi_gate.report.charts import (
    Estimate,
    axis_over,
    digits,
    gain_figure,
    pair_bars,
    tornado,
)
from kpi_gate.report.document import cells, section, text
from kpi_gate.report.wording import (
    RULES,
    gain_places,
    gap,
    in_words,
    looked,
    nearest,
    need,
    rival,
    waiting,
)
from kpi_gate.text import clean, finite, percent, places, total

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kpi_gate.decision.verdict import Check, Decision

MOST_CORNERS = 10


def gain(decision: Decision) -> str:
    """Draw the gain against its threshold."""
    found = decision.gain
    if found is None:
        return section("Gain against its threshold", "<p>No gain was measured.</p>")
    rows = [
        Estimate("measured", found.estimate, found.lower, found.upper),
        Estimate("after shrinkage", found.shrunk, booked=True),
    ]
    if finite(found.uncapped) is not None and found.uncapped is not None:
        rows.append(Estimate("caps lifted", found.uncapped))
    unit = clean(decision.unit)
    body = gain_figure(rows, found.threshold, unit, gain_places(found, 3))
    interval = f"one-sided bounds at {percent(decision.confidence)} each"
    if found.lower is None:
        interval = "one unit alone has no interval"
    note = f"candidate minus {rival(decision)}, {unit} per decision; {interval}"
    return section("Gain against its threshold", body or "<p>It cannot be drawn.</p>", note)


def _three(old: object, new: object, decimals: int, change: float | None = None) -> list[str]:
    """Write champion, candidate and their difference; what is missing is a dash."""
    before, after = finite(old), finite(new)
    if before is not None and after is not None:
        change = after - before
        if abs(change) <= ROUNDING * max(abs(before), abs(after)):
            change = 0.0
    sides = ["–" if side is None else digits(side, decimals) for side in (before, after)]
    return [*sides, "–" if change is None else f"<b>{digits(change, decimals, sign=True)}</b>"]


def parts(decision: Decision) -> str:
    """List the parts of the money of both sides, with bars."""
    champion, candidate = (decision.parts.get(side, {}) for side in ("champion", "candidate"))
    names = list(dict.fromkeys([*champion, *candidate]))
    axis = axis_over([0.0, *champion.values(), *candidate.values()], 4, 330, pad=0.0)
    if not names or axis is None:
        return ""
    decimals = places(max(abs(v) for v in (axis.low, axis.high)))
    rows = []
    for name in names:
        old, new = finite(champion.get(name)), finite(candidate.get(name))
        row = cells(text(name.replace("_", " ")), *_three(old, new, decimals))
        rows.append(f"<tr>{row}<td>{pair_bars(old, new, axis)}</td></tr>")
    if len(names) > 1:
        row = cells("sum", *_three(*per_decision(decision), decimals))
        rows.append(f'<tr class="sum">{row}<td></td></tr>')
    key = '<span class="key champion"></span>champion <span class="key candidate"></span>candidate'
    head = cells("", "champion", "candidate", "change", kind="th")
    body = f"<table><tr>{head}<th>{key}</th></tr>{''.join(rows)}</table>"
    return section("Parts of the money", body, f"{clean(decision.unit)} per decision")


def _check_row(check: Check) -> str:
    mark = {
        "ok": '<td class="ok">✓</td>',
        "failed": '<td class="bad">✗</td>',
        "not checked": '<td title="not checked">–</td>',
    }[check.state]
    shown = ["" if v is None else digits(v) for v in (check.value, check.bound)]
    style = ' class="failed"' if check.failed else ""
    name = text(check.name.replace("_", " "))
    return (
        f'<tr{style}>{mark}<td>{name}</td><td class="n">{shown[0]}</td>'
        f'<td class="n">{shown[1]}</td><td class="reason">{text(check.reason)}</td></tr>'
    )


def check_rows(checks: Iterable[Check]) -> str:
    """List checks as rows of a table: mark, name, value, bound, reason."""
    return "".join(map(_check_row, checks))


def rules(decision: Decision) -> str:
    """Say in one line how each rule ended."""
    chips = []
    for rule, meaning in RULES.items():
        of_rule = [check for check in decision.checks if check.rule == rule]
        states = {check.state for check in of_rule}
        mark, style = (
            ("✗", "bad") if "failed" in states else ("✓", "ok") if "ok" in states else ("–", "")
        )
        words = f"{rule} {meaning.split(':')[0]} {mark}"
        chips.append(f'<span class="chip {style}" title="{text(meaning)}">{text(words)}</span>')
    return f'<p class="rules">{"".join(chips)}</p>'


def checks(decision: Decision) -> str:
    """List every check under the rule that it belongs to."""
    numbers = '<th class="n">value</th><th class="n">bound</th>'
    rows = [f"<tr><th></th><th>check</th>{numbers}<th>reason</th></tr>"]
    for rule, meaning in RULES.items():
        of_rule = [check for check in decision.checks if check.rule == rule]
        if of_rule:
            rows.append(f'<tr class="rule"><td colspan="5"><b>{rule}</b> {text(meaning)}</td></tr>')
            rows.append(check_rows(of_rule))
    missing = [rule for rule in RULES if all(check.rule != rule for check in decision.checks)]
    silent = (
        f'<p class="note">Nothing was checked under {", ".join(missing)}.</p>' if missing else ""
    )
    passed, every = sum(check.state == "ok" for check in decision.checks), len(decision.checks)
    note = f"{passed} of {every} passed"
    return section("Checks", f'<table class="checks">{"".join(rows)}</table>{silent}', note)


def _margins(decision: Decision) -> list[str]:
    """Say what must become different: the failed checks, or for PROMOTE what it stands on."""
    words = map(in_words, decision.failed)
    lines = [f"<li>Must change: {text(reason)}</li>" for reason in words]
    found = decision.gain
    if found is not None and decision.verdict == "PROMOTE":
        # a dearer switch also raises the threshold that the lower bound must exceed
        least = min(v for v in (found.shrunk, finite(found.lower)) if v is not None)
        most = total(least * decision.horizon_decisions)
        lines.append(
            f"<li>A switch cost above about {most} {text(decision.unit)} would make it HOLD.</li>"
        )
    near = [f"{in_words(check)} ({check.rule})" for check in nearest(decision)]
    if near and decision.verdict == "PROMOTE":
        items = "".join(f"<li>{text(words)}</li>" for words in near)
        lines.append(f"<li>It stands nearest to its bounds here:<ul>{items}</ul></li>")
    if decision.verdict == "AB_REQUIRED":
        lines.insert(0, "<li>An experiment (A/B test) that shows the KPI itself rise.</li>")
    return lines


def change(decision: Decision) -> str:
    """Say and draw what would change the verdict."""
    said = (say(decision) for say in (gap, need, waiting, looked))
    lines = [f"<li>{text(words)}</li>" for words in said if words]
    body = f"<ul>{''.join([*_margins(decision), *lines])}</ul>"
    known = {
        clean(name): (low, high)
        for name, (low, high) in decision.corners.items()
        if finite(low) is not None and finite(high) is not None
    }
    ranked = sorted(known, key=lambda name: -abs(known[name][1] - known[name][0]))[:MOST_CORNERS]
    found = decision.gain
    if found is not None and finite(found.estimate) is not None and ranked:
        strongest = {name.replace("_", " "): known[name] for name in ranked}
        body += (
            f"<h3>Gain if one value parameter is at its low or high end "
            f'<span class="note">{text(decision.unit)} per decision</span></h3>'
            f"{tornado(strongest, found.estimate, found.threshold, gain_places(found, 3))}"
        )
    return section("What would change this verdict", body)
