"""The record of all use cases as one self-contained page: what was decided, and what came of it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from kpi_gate.report.charts import digits
from kpi_gate.report.document import TONES, document, section, text
from kpi_gate.report.history_charts import JUDGED, alarm_strip, count_bars, gain_chart
from kpi_gate.report.history_wording import duration, lead, many, named, share
from kpi_gate.text import places, shorten, total
from kpi_gate.watch.history.alarms import RULE, Alarm
from kpi_gate.watch.history.result import History, Promotion

Row = TypeVar("Row")
SHOWN = 40  # of the newest alarms, promotions and rollbacks
CELLS = """
td { vertical-align: top; } td, th { overflow-wrap: break-word; }
td.free { overflow-wrap: anywhere; min-width: 150px; } svg + table { margin-top: 10px; }
.case { margin-top: 34px; padding-top: 4px; }
.case > h2 { font-size: 18px; border-bottom: 2px solid var(--soft); }
.case section h2 { border: 0; margin-bottom: 2px; } .all td { border-top: 1px solid var(--rule);
  padding-top: 4px; padding-bottom: 4px; } .all td:last-child { width: 40%; }
a { color: var(--candidate); }
"""
NOTES = (
    "Everything here is read from the ledger, whose chain of hashes was whole. What it does not "
    "say is not known.",
    "Promised is the gain after shrinkage, as booked at the promotion. Realised is the gain per "
    "decision over the side that was replaced, since the promotion, as the last monitor run of "
    "that champion measured it from outcomes that were due. Kept is the realised gain as a share "
    "of the promised one.",
    RULE,
    "Times are UTC. A run for a moment in the past counts from that moment; alarms keep the clock "
    "of the data.",
)


def page(histories: Sequence[History], now: datetime) -> str:
    """Render the histories as one HTML page without script or outside resource.

    Args:
        histories: One a use case, in the order in which they are shown.
        now: Moment of the report, UTC.
    """
    body = (
        _header(histories, now),
        section("Use cases", _overview(histories)),
        *(_case(told, index) for index, told in enumerate(histories)),
        section("How to read this", f"<ul>{''.join(f'<li>{text(n)}</li>' for n in NOTES)}</ul>"),
    )
    return document("Record over time", body, CELLS)


def _header(histories: Sequence[History], now: datetime) -> str:
    decided = sum(sum(told.verdicts.values()) for told in histories)
    promoted = sum(len(told.promotions) for told in histories)
    undone = sum(len(told.rollbacks) for told in histories)
    judged = {word: sum(told.judged(word) for told in histories) for word in JUDGED}
    words = (
        f"{many(decided, 'decision')}, {many(promoted, 'promotion')}, {many(undone, 'rollback')}; "
        f"{many(sum(judged.values()), 'alarm')}: {judged['true']:,} true, {judged['false']:,} "
        f"false, {judged['open']:,} open."
    )
    title = f"{many(len(histories), 'use case')} · {now:%Y-%m-%d %H:%M} UTC"
    return (
        f'<header style="--tone: #0072b2"><div class="title">{title}</div>'
        f'<h1>RECORD OVER TIME</h1><p class="lead">{words}</p></header>'
    )


def _table(head: str, rows: Iterable[Sequence[str]], css: str, style: str = "") -> str:
    """Return a table of cells that are safe already; `head` and `css` are separated by bars."""
    classes = css.split("|")
    top = "".join(
        f'<th class="{kind}">{text(word)}</th>'
        for word, kind in zip(head.split("|"), classes, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}">{cell}</td>' for cell, kind in zip(row, classes, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f'<table class="{style}"><tr>{top}</tr>{body}</table>' if body else ""


def _overview(histories: Sequence[History]) -> str:
    rows = (
        (
            f'<a href="#case-{index}"><b>{text(shorten(told.use_case, 24))}</b></a>',
            text(named(told.champion)),
            f"{sum(told.verdicts.values()):,}",
            f"{len(told.promotions):,}",
            f"{len(told.rollbacks):,}",
            share(told.kept),
            " / ".join(f"{told.judged(word):,}" for word in JUDGED),
            text(lead(told)),
        )
        for index, told in enumerate(histories)
    )
    head = "|champion|decisions|promotions|rollbacks|kept|alarms true / false / open|"
    found = _table(head, rows, "||n|n|n|n|n|free", "all")
    return found or "<p>There is no use case, and the ledger is empty.</p>"


def _case(told: History, index: int) -> str:
    parts = (
        f"<p>{text(lead(told))}</p>",
        section("Decisions by verdict", count_bars(told.verdicts, TONES, "Decisions by verdict")),
        section(
            "Promised against realised",
            gain_chart(told.series) + _promotions(told),
            "gain per decision, since each promotion",
        ),
        section("From data to production", _lead(told), "medians"),
        section("Rollbacks", _rollbacks(told)),
        section("Retrain or skip", count_bars(told.choices, {}, "Choices by rule")),
        section("Alarms", alarm_strip(told.alarms) + _alarms(told), _looked(told)),
    )
    title = "" if told.title == told.use_case else f' <span class="note">{text(told.title)}</span>'
    return (
        f'<div class="case" id="case-{index}"><h2>{text(told.use_case)}{title}</h2>'
        f"{''.join(filter(None, parts))}</div>"
    )


def _promotions(told: History) -> str:
    rows = (
        (
            f"{one.at:%Y-%m-%d}",
            f"<b>{text(named(one.version))}</b>",
            text(named(one.replaced)),
            _amount(one.promised),
            _amount(one.booked, whole=True),
            _realised(one),
            _amount(one.earned, whole=True),
            share(one.kept),
            "; ".join(_remarks(one)),
        )
        for one in _newest(told.promotions)
    )
    head = "moved|version|in place of|promised|over the horizon|realised|earned so far|kept|"
    return _table(head, rows, "n|||n|n|n|n|n|free") + _older(told.promotions)


def _realised(one: Promotion) -> str:
    if one.realised is None:
        return "–"
    bounds, decimals = "no bounds", None
    if one.lower is not None and one.upper is not None:
        decimals = places((one.upper - one.lower) / 2, 2)
        bounds = f"{digits(one.lower, decimals)} to {digits(one.upper, decimals)}"
    until = "" if one.measured is None else f", {one.measured:%Y-%m-%d}"
    amount = digits(one.realised, decimals, sign=True)
    return f'<b>{amount}</b><br><span class="note">{bounds}{until}</span>'


def _remarks(one: Promotion) -> Iterator[str]:
    yield text(one.unit)
    if one.forced:
        yield f'<b class="bad">forced</b>: {text(one.forced)}'
    if one.taken_back:
        yield '<b class="bad">rolled back</b>'


def _amount(value: float | None, *, whole: bool = False) -> str:
    if value is None:
        return "–"
    return total(value, sign=True).replace("-", "−") if whole else digits(value, sign=True)


def _lead(told: History) -> str:
    rows = (
        (text(part.part), f"<b>{text(duration(part.days))}</b>", f"{part.times:,} times")
        for part in told.lead
        if part.times
    )
    return _table("from|median|measured", rows, "|n|n")


def _rollbacks(told: History) -> str:
    rows = (
        (
            f"{one.at:%Y-%m-%d}",
            text(named(one.taken_back)),
            text(named(one.version)),
            text(one.reason),
        )
        for one in _newest(told.rollbacks)
    )
    return _table("when|taken back|in use again|reason", rows, "n|||free") + _older(told.rollbacks)


def _looked(told: History) -> str:
    if not told.runs:
        return ""
    return f"{many(told.runs, 'monitor run')}; {many(len(told.quarantined), 'day')} in quarantine"


def _alarms(told: History) -> str:
    if told.runs and not told.alarms:
        return "<p>No run raised one.</p>"
    rows = (
        (
            f"{one.first:%Y-%m-%d}",
            f"{one.runs:,}",
            text(shorten(f"{one.check} {one.column}".strip(), 40)),
            text(one.severity),
            _judged(one),
            f'{text(one.sentence)} <span class="note">{text(one.because)}</span>',
        )
        for one in _newest(told.alarms)
    )
    table = _table(
        "first|runs|check|severity|judged|what it said, and what judged it", rows, "n|n||||free"
    )
    return table + _older(told.alarms)


def _judged(alarm: Alarm) -> str:
    colour, mark = JUDGED[alarm.judged]
    colour = "#5f6b76" if alarm.judged == "false" else colour  # grey words need more contrast
    return f'<b style="color: {colour}; white-space: nowrap">{mark} {alarm.judged}</b>'


def _newest(rows: Sequence[Row]) -> Iterator[Row]:
    return reversed(rows[-SHOWN:])


def _older(rows: Sequence[object]) -> str:
    hidden = len(rows) - SHOWN
    return f'<p class="note">{hidden:,} older ones are in the ledger.</p>' if hidden > 0 else ""
