"""A decision as text: one sentence, a table for the terminal, Markdown. The page is in `page`."""

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from textwrap import wrap

from kpi_gate.decision import metric_chain
from kpi_gate.decision.verdict import Check, Decision
from kpi_gate.render import render
from kpi_gate.report.decision_brief import brief, headline, lead, money_sentence, run_name
from kpi_gate.report.decision_page import notebook_head, page
from kpi_gate.report.decision_wording import (
    RULES,
    booked,
    earns,
    gain_places,
    gap,
    looked,
    need,
    rival,
    waiting,
    why,
)
from kpi_gate.report.kpi_link import as_shown, is_unlinked, link_lines
from kpi_gate.report.metric_notes import calibration_note, metric_notes
from kpi_gate.report.next_step import ask
from kpi_gate.text import clean, ended, finite, number, percent, shorten, total

WIDTH = 100
MARKDOWN_LIMIT = 4_600  # with what is added to it: MLflow keeps a description in a VARCHAR(5000)


def one_line(decision: Decision) -> str:
    """Render what a console shows of a decision."""
    gain = decision.gain
    told = []
    if gain is not None and decision.verdict != "INVALID":
        digits = gain_places(gain)
        much = f"{number(gain.estimate, digits, sign=True)} {clean(decision.unit)} per decision"
        between = f"{number(gain.lower, digits)} to {number(gain.upper, digits)}"
        told = [much if gain.lower is None else f"{much} ({between})"]
    if decision.failed:
        told.append(f"failed: {', '.join(check.name for check in decision.main_reasons)}")
    return f"Decision({': '.join(filter(None, (decision.verdict.value, '; '.join(told))))})"


def sentence(decision: Decision) -> str:
    """Say the verdict in one sentence, with its money or its main reasons.

    Every verdict but PROMOTE says the reasons first, then what was measured.
    """
    head = f"{decision.verdict.value}: "
    if decision.verdict == "PROMOTE":
        wait = "; waits for a reviewer's approval" if decision.approval == "required" else ""
        return f"{head}{earns(decision)}; {booked(decision)}{wait}."
    if decision.gain is None:
        unit = clean(decision.unit)
        return f"{head}{ended(why(decision))} No gain was measured, no {unit} is booked."
    if decision.verdict == "INVALID":
        measured = f"{number(decision.gain.estimate, gain_places(decision.gain), sign=True)}"
        return (
            f"{head}{ended(why(decision))} The measured {measured} {clean(decision.unit)} per "
            "decision must not be used."
        )
    measured = earns(decision)
    return f"{head}{ended(why(decision))} {measured[0].upper()}{measured[1:]}; {booked(decision)}."


def reason(decision: Decision) -> str:
    """Render only the why of a decision, for a table of several."""
    return earns(decision) if decision.verdict == "PROMOTE" else why(decision)


def _gain_lines(decision: Decision) -> Iterator[tuple[str, str]]:
    """Yield (what, how much) of the gain; nothing where none was measured."""
    gain = decision.gain
    if gain is None:
        return
    digits, unit = gain_places(gain, 3), clean(decision.unit)
    side = f"one-sided bounds at {percent(decision.confidence)}"
    lower, upper = number(gain.lower, digits), number(gain.upper, digits)
    bounds = f"{lower} to {upper}, {side}" if finite(gain.lower) is not None else "no interval"
    chance = percent(gain.p_above_threshold)
    yield "gain per decision", f"{number(gain.estimate, digits, sign=True)} {unit} ({bounds})"
    yield (
        "a release needs",
        f"more than {number(gain.threshold)} {unit}; P(gain exceeds it) {chance}",
    )
    yield "after shrinkage", f"{number(gain.shrunk, digits, sign=True)} {unit}"
    yield (
        f"over {clean(decision.horizon)}",
        f"{total(decision.money, sign=True)} {unit} after a switch cost of "
        f"{total(decision.switch_cost)} ({number(decision.horizon_decisions, 0)} decisions)",
    )
    words = metric_chain.sentence(decision)
    if words:
        yield "in the KPI's language", words
    for word, told in metric_notes(decision):
        yield word.lower(), told
    if worth := calibration_note(decision):
        yield "calibration", worth
    if gain.uncapped is not None:
        yield "with caps lifted", f"{number(gain.uncapped, digits, sign=True)} {unit}"
    if decision.refit is not None:
        yield "what is promoted", clean(decision.refit.sentence)
    yield from link_lines(decision)
    yield (
        "compared on",
        f"{number(gain.rows, 0)} decisions of {number(gain.units, 0)} units; "
        f"{percent(gain.changed)} differ from {rival(decision)}",
    )


def _origin(decision: Decision) -> str:
    """Return the line that says which decision this is."""
    words = [f"decision {clean(decision.decision_id)}"]
    if decision.lineage is not None:
        lineage = decision.lineage
        words += [
            clean(lineage.use_case),
            f"as of {lineage.as_of:%Y-%m-%d} UTC",
            f"gate window {lineage.window}",
            f"snapshot {clean(lineage.snapshot)}",
        ]
    else:
        known = ("use_case", "as_of", "snapshot")
        words += [clean(decision.notes[name]) for name in known if decision.notes.get(name)]
    return ", ".join(words)


def table(decision: Decision) -> str:
    """Render the whole decision as plain text of at most 100 columns; what failed comes first."""
    decision = as_shown(decision)
    lines = wrap(sentence(decision), WIDTH, break_on_hyphens=False)
    lines.append("")
    for what, much in _gain_lines(decision):
        lines += wrap(
            f"  {what:<24}{much}",
            WIDTH,
            subsequent_indent=" " * 26,
            break_on_hyphens=False,
        )
    lines += ["", f"  {'':<6}{'rule':<6}{'check':<28}reason"]
    for check in sorted(decision.checks, key=lambda check: not check.failed):
        lines += _check_lines(check)
    if decision.verdict != "PROMOTE":
        wanted = f"What would change it: {ask(decision)}"
        words = " ".join(filter(None, (need(decision), waiting(decision), looked(decision))))
        lines += ["", *wrap(wanted, WIDTH, break_on_hyphens=False)]
        lines += ["", *wrap(words, WIDTH, break_on_hyphens=False)]
    lines += ["", *wrap(_origin(decision), WIDTH, break_on_hyphens=False)]
    return "\n".join(lines)


def _check_lines(check: Check) -> list[str]:
    mark = {"ok": "ok", "failed": "FAIL", "not checked": "-"}[check.state]
    name = wrap(clean(check.name), 26, break_on_hyphens=False) or [""]
    reason = wrap(clean(check.reason), WIDTH - 42, break_on_hyphens=False) or [""]
    heads = [f"  {mark:<6}{check.rule:<6}", *[" " * 14] * (max(len(name), len(reason)) - 1)]
    lines = zip_longest(heads, name, reason, fillvalue="")
    return [f"{head}{word:<28}{words}".rstrip() for head, word, words in lines]


def _cell(text: object) -> str:
    """Escape a text for a cell of a Markdown table: no column, no tag and no link of its own."""
    safe = clean(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    return safe.replace("|", "\\|").replace("](", "]\\(")


def _row(*cells: object) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _state(check: Check) -> str:
    return "FAILED" if check.failed else "advisory" if is_unlinked(check) else check.state


def _check_rows(checks: tuple[Check, ...]) -> list[str]:
    return [
        _row(
            _state(check),
            check.rule,
            check.name,
            "" if check.value is None else number(check.value),
            "" if check.bound is None else number(check.bound),
            check.reason,
        )
        for check in checks
    ]


def _money_rows(decision: Decision) -> list[str]:
    """Return the parts of the money as rows of a Markdown table; none without parts."""
    sides = [decision.parts.get(side, {}) for side in ("champion", "candidate")]
    names = list(dict.fromkeys(name for side in sides for name in side))
    if not names:
        return []
    unit = clean(decision.unit)
    rows = [_row(name, *(number(side.get(name)) for side in sides)) for name in names]
    return ["", _row(f"{unit} per decision", rival(decision), "candidate"), "|---|--:|--:|", *rows]


def markdown(decision: Decision) -> str:
    """Render the decision as Markdown that fits MLflow's description of a model version.

    The verdict, its money and what would change it come first, then what failed, then numbers. What
    passed is counted: the page lists it. Where it would be too long, the parts of the money go
    first, and only then is cut.
    """
    decision = as_shown(decision)
    head, _, why_so = headline(decision).partition(": ")
    top = [f"**{head}**: {_cell(why_so)}"]
    asked = ask(decision)
    for name, said in (("Money", money_sentence(decision)), ("What would change it", asked)):
        top += ["", f"**{name}**: {_cell(said)}"] if said else []
    title = ["", _row("", "rule", "check", "value", "bound", "reason"), "|---|---|---|--:|--:|---|"]
    failed = _check_rows(decision.failed)
    left = _check_rows(tuple(check for check in decision.checks if check.passed is None))
    passed = sum(check.passed is True for check in decision.checks)
    words = f"{passed} check{'' if passed == 1 else 's'} passed"
    counted = [_row("ok", "", words, "", "", "listed on the page")] if passed else []
    gain = [_row(what, much) for what, much in _gain_lines(decision)]
    numbers = ["", _row("what", "how much"), "|---|---|", *gain] if gain else []
    more = [_cell(say(decision)) for say in (need, waiting, gap)]
    end = ["", " ".join(filter(None, more)), "", _cell(_origin(decision))]
    rules = ["", "; ".join(f"{rule} {words}" for rule, words in RULES.items())]
    for lines in (
        [*top, *title, *failed, *left, *counted, *numbers, *_money_rows(decision), *end, *rules],
        [*top, *title, *failed, *left, *counted, *numbers, *end],
        [*top, *title, *failed, *counted, *end],
    ):
        text = "\n".join(lines)
        if len(text) <= MARKDOWN_LIMIT:
            return text
    return shorten(text, MARKDOWN_LIMIT)


@render.register(Decision)
def show(decision: Decision, form: str, places: Mapping[str, str] | None = None) -> str:
    """Render a decision in one of its forms; only the page says where to look further."""
    forms: dict[str, Callable[[Decision], str]] = {
        "repr": one_line,
        "sentence": sentence,
        "reason": reason,
        "ask": ask,
        "text": table,
        "brief": brief,
        "run name": run_name,
        "lead": lead,
        "markdown": markdown,
        "html": lambda decision: page(decision, places),
        "head": notebook_head,
    }
    return str(forms[form](decision))  # a page is markup, which escapes what is put beside it
