"""A decision as one self-contained HTML page: the review surface in MLflow, and on paper."""

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from kpi_gate.decision import metric_chain
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.report import decision_sections, decision_wording
from kpi_gate.report.decision_brief import headline, money_sentence
from kpi_gate.report.decision_charts import Estimate, calibration_figure, gain_figure, tornado
from kpi_gate.report.decision_wording import RULES, gain_places, rival, rival_in_short
from kpi_gate.report.html import fill
from kpi_gate.report.kpi_link import UNLINKED, as_shown, is_unlinked, link_lines
from kpi_gate.report.labels_section import labels_section
from kpi_gate.report.metric_notes import calibration_note, metric_notes
from kpi_gate.report.numbers import share
from kpi_gate.report.reviewer_step import TONES, means, reviewer_step
from kpi_gate.text import clean, ended, finite, sequence, total

MOST_CORNERS = 10
LONGEST_LEAD = 220
GUESS = re.compile(r"\((probably [^()]+)\)")  # what validation says of a failure


def page(decision: Decision, places: Mapping[str, str] | None = None) -> str:
    """Render the decision as one HTML page without script or outside resource.

    Args:
        decision: The decision.
        places: Where to look further, by name: an address, or words.
    """
    decision = as_shown(decision)
    window = decision.lineage and decision.lineage.window
    calibrated = decision_sections.calibration(decision)
    return fill(
        "decision.html",
        **_head(decision),
        other=rival_in_short(decision),
        where=places or {},
        dearest_switch=_dearest_switch(decision),
        tornado=_tornado(decision),
        chain=metric_chain,
        metric_notes=list(metric_notes(decision)),
        calibration_note=calibration_note(decision),
        steps=metric_chain.steps(decision),
        step_places=decision_sections.step_places,
        parts=list(decision_sections.parts(decision)),
        silent=[rule for rule in RULES if all(check.rule != rule for check in decision.checks)],
        slices=decision_sections.slices(decision),
        calibrated=calibrated,
        calibration=calibration_figure(calibrated),
        variants=decision_sections.variants(decision),
        labels=labels_section(
            decision.notes.get("maturity"),
            f"; the gate window ends {window.end:%Y-%m-%d}" if window else "",
        ),
        limits=sequence(decision.notes.get("limits")),
        link=link_lines(decision),
        origin=decision_sections.origin(decision),
    )


def notebook_head(decision: Decision) -> str:
    """Render the verdict with its sentence, the gain drawn, and the checks that failed.

    For a cell of a notebook: readable in light and in dark.
    """
    return fill("notebook.html", **_head(as_shown(decision)), inside=_inside)


def _inside(css: str) -> Markup:
    """Let rules hold within the cell alone: a notebook has tables and drawings of its own."""

    def scoped(found: re.Match[str]) -> str:
        return ", ".join(f".kpi-gate-head {name.strip()}" for name in found[0].split(","))

    return Markup(re.sub(r"(?m)^[^\s{}][^{}]*(?= \{)", scoped, css))  # noqa: S704  (our own rules)


def _head(decision: Decision) -> dict[str, Any]:
    """Return what `decision_head.html` shows."""
    as_of, use_case = str(decision.notes.get("as_of") or "")[:10], ""
    if decision.lineage is not None:
        as_of, use_case = f"{decision.lineage.as_of:%Y-%m-%d}", decision.lineage.use_case
    return {
        "d": decision,
        "words": decision_wording,
        "tone": TONES[decision.verdict],
        "means": means(decision),
        # the use case's own words where there are some
        "title": clean(decision.notes.get("title") or "") or clean(use_case) or decision.kpi,
        "as_of": as_of,
        "money": _money(decision),
        "lead": _lead(decision),
        # of what is wrong the failed checks say all, once
        "ask": "" if decision.verdict is Verdict.INVALID else decision.ask,
        "next_step": reviewer_step(decision),
        "rules": [_rule(decision, rule, meaning) for rule, meaning in RULES.items()],
        **_gain(decision),
    }


def _money(decision: Decision) -> str:
    """Say the one sum of money with its interval."""
    if decision.verdict is Verdict.INVALID and decision.gain is not None:
        return "No sum of money: what was measured must not be used"
    told = money_sentence(decision).replace("-", "−").removesuffix(".")
    return _first_letter_up(told) or "No sum of money: no gain was measured"


def _first_letter_up(words: str) -> str:
    return words[:1].upper() + words[1:]


def _lead(decision: Decision) -> str:
    """Say why in one sentence; where that is long, the failed checks below say it."""
    told = headline(decision).removeprefix(f"{decision.verdict}: ")
    if len(told) > LONGEST_LEAD:
        lead, _, reason = told.partition(": ")
        guess = GUESS.search(reason)
        named = f": {reason.partition(':')[0]} is {guess[1]}" if guess else ""
        told = f"{ended(f'{lead}{named}')} What failed is below."
    return _first_letter_up(told)


def _rule(decision: Decision, rule: str, meaning: str) -> tuple[str, ...]:
    """Return a rule, its meaning in full and in short, its mark, its style and what came of it."""
    checks, short = [c for c in decision.checks if c.rule == rule], meaning.partition(":")[0]
    states = {check.state for check in checks}
    if "failed" in states:
        return rule, meaning, short, "✗", "bad", "failed"
    if "ok" in states:
        return rule, meaning, short, "✓", "ok", "passed"
    if any(map(is_unlinked, checks)):
        return rule, meaning, UNLINKED, "–", "", "no history of offline and online money"
    return rule, meaning, short, "–", "", "not checked"


def _gain(decision: Decision) -> dict[str, Markup | str]:
    """Return the gain drawn against its threshold, and how to read it."""
    found, unit = decision.gain, clean(decision.unit)
    if found is None:
        return {"gain_figure": "", "gain_note": ""}
    rows = [
        *([Estimate("expected before", sum(found.prior) / 2, *found.prior)] if found.prior else []),
        Estimate("measured", found.estimate, found.lower, found.upper),
        Estimate("after shrinkage", found.shrunk, booked=True),
    ]
    if found.uncapped is not None and finite(found.uncapped) is not None:
        rows.append(Estimate("caps lifted", found.uncapped))
    interval = f"one-sided bounds at {share(decision.confidence)} each"
    if found.lower is None:
        interval = "one unit alone has no interval"
    figure = gain_figure(rows, found.threshold, unit, gain_places(found, 3))
    note = f"candidate minus {rival(decision)}, {unit} per decision; {interval}"
    return {"gain_figure": figure, "gain_note": note}


def _dearest_switch(decision: Decision) -> str:
    """Return the switch cost from which on there would be no release."""
    found = decision.gain
    if found is None:
        return ""
    # a dearer switch also raises the threshold that the lower bound must exceed
    least = min(v for v in (found.shrunk, finite(found.lower)) if v is not None)
    return total(least * decision.horizon_decisions)


def _tornado(decision: Decision) -> Markup | str:
    """Draw what moves the gain most; empty where nothing is known."""
    found = decision.gain
    known = [
        (clean(name).replace("_", " "), ends)
        for name, ends in decision.corners.items()
        if None not in map(finite, ends)
    ]
    if found is None or finite(found.estimate) is None or not known:
        return ""
    strongest = sorted(known, key=lambda item: -abs(item[1][1] - item[1][0]))[:MOST_CORNERS]
    unit, decimals = clean(decision.unit), gain_places(found, 3)
    return tornado(dict(strongest), found.estimate, found.threshold, unit, decimals)
