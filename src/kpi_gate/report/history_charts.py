"""Drawings of a history: counts, champions and alarms in time, promised and realised money."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.report.history_wording import named
from kpi_gate.report.line_chart import Line, line_chart
from kpi_gate.report.svg import Axis, axis_over, bar, bars, label, line, svg
from kpi_gate.text import clean, shorten, total
from kpi_gate.watch.history.alarms import Alarm
from kpi_gate.watch.history.result import Measured, Reign

_Points = list[tuple[datetime, float]]
ROW, MOST_ROWS, MOST_LETTERS = 40, 12, 38
JUDGED: Mapping[str, str] = {"true": "✓", "false": "✗", "open": "?"}


def count_bars(counts: Mapping[str, int], name: str) -> Markup | str:
    """Draw counts as bars under their words; empty where there is nothing."""
    rows = [
        (f"{shorten(clean(word).replace('_', ' '), MOST_LETTERS)}: {count:,}", ((count, "high"),))
        for word, count in counts.items()
    ]
    return bars(rows, name)


def reign_chart(reigns: Sequence[Reign]) -> Markup | str:
    """Draw who was in use when, the newest last; empty where nothing was decided."""
    shown = reigns[-MOST_ROWS:]
    axis = _times(moment for one in shown for moment in (one.start, one.end))
    if axis is None:
        return ""
    marks, told = _days(axis, ROW * len(shown)), []
    for index, one in enumerate(shown):
        y, words = index * ROW, f"{named(one.version)}: {one.start:%Y-%m-%d} to {one.end:%Y-%m-%d}"
        left, right = axis.at(one.start.timestamp()), axis.at(one.end.timestamp())
        style = "champion" if one.version == BASELINE else "candidate"
        marks += [label(0, y + 17, words), bar(left, right, y + 22, 12, style)]
        told.append(words)
    return svg(ROW * len(shown) + 24, f"Who was in use when: {'; '.join(told)}", marks)


def alarm_strip(alarms: Sequence[Alarm]) -> Markup | str:
    """Draw each alarm from its first run to its last, a row for each check and column."""
    axis = _times(moment for one in alarms for moment in (one.first, one.last))
    if axis is None:
        return ""
    latest = {_about(one): one.last for one in sorted(alarms, key=lambda one: one.last)}
    rows = sorted(list(latest)[-MOST_ROWS:])
    marks = _days(axis, ROW * len(rows))
    for index, about in enumerate(rows):
        y, own = index * ROW, [one for one in alarms if _about(one) == about]
        judged = "".join(JUDGED[one.judged] for one in own[-8:])
        marks.append(label(0, y + 17, f"{shorten(about, MOST_LETTERS - 10)} {judged}"))
        for one in own:
            left, right = axis.at(one.first.timestamp()), axis.at(one.last.timestamp())
            marks.append(bar(left, max(right, left + 1.5), y + 22, 12, one.judged))
    return svg(ROW * len(rows) + 24, "Alarms in time, by check and column", marks)


def _times(moments: Iterable[datetime]) -> Axis | None:
    return axis_over((moment.timestamp() for moment in moments), pad=0.02)


def _days(axis: Axis, bottom: float) -> list[str]:
    """Return the line of time with its first and last day."""
    first, last = (f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d}" for t in (axis.low, axis.high))
    return [
        line(0, bottom, 100, bottom, "axis"),
        label(0, bottom + 17, first, "tick"),
        label(100, bottom + 17, last, "tick", "end"),
    ]


def _about(alarm: Alarm) -> str:
    return f"{alarm.check} {alarm.column}".strip().replace("_", " ")


def money_chart(series: Sequence[Measured], unit: str) -> Markup | str:
    """Draw promised and realised money, summed over champions; empty where none was measured.

    Args:
        series: What each monitor run measured since the promotion of its champion, in time order.
        unit: What the money is counted in.
    """
    realised, promised, bounds = _Points(), _Points(), (_Points(), _Points())
    told: dict[tuple[str, str], float] = {}
    marks: list[tuple[datetime, float, str]] = []
    sums, current = {"realised": 0.0, "promised": 0.0}, ""
    for one in series:
        if one.decisions is None:
            continue
        start = one.since or one.as_of
        if one.champion != current:
            current = one.champion
            marks.append((start, sums["realised"], f"{clean(current)} from {start:%Y-%m-%d}"))
            for points, name in ((realised, "realised"), (promised, "promised")):
                points.append((start, sums[name]))
            for points in bounds:
                points.append((start, sums["realised"]))
        for name, points in (("realised", realised), ("promised", promised)):
            value = getattr(one, name)
            if value is not None:
                earned = value * one.decisions
                sums[name] += earned - told.get((current, name), 0.0)
                told[current, name] = earned
                points.append((one.as_of, sums[name]))
        for points, end in zip(bounds, (one.lower, one.upper), strict=True):
            if end is not None:
                more = (end - one.realised) * one.decisions
                points.append((one.as_of, sums["realised"] + more))
    lines = [
        Line("", bounds[0], "bounds"),
        Line("bounds of the champion in use", bounds[1], "bounds"),
    ]
    ends = {name: f"{name}: {total(value)}" for name, value in sums.items()}
    lines += [
        Line(ends["promised"], promised, "promised"),
        Line(ends["realised"], realised, "realised", marks),
    ]
    return line_chart(lines, "Promised and realised money", unit)
