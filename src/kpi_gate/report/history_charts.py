"""Small drawings of a history: counts as bars, alarms in time, promised against realised."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from kpi_gate.report.line_chart import Line, line_chart
from kpi_gate.report.svg import WIDTH, axis_over, bar, label, line, svg
from kpi_gate.text import clean, number, shorten
from kpi_gate.watch.history.alarms import Alarm
from kpi_gate.watch.history.result import Measured

ROW, LEFT, RIGHT, FOOT = 22, 200, 60, 24
MOST_ROWS, MOST_LETTERS = 12, 28
# judgement: colour and mark; no colour stands alone (Okabe and Ito 2008)
JUDGED: Mapping[str, tuple[str, str]] = {
    "true": ("#b8420a", "✓"),
    "false": ("#a3acb5", "✗"),
    "open": ("#e69f00", "?"),
}


def count_bars(counts: Mapping[str, int], colours: Mapping[str, str], name: str) -> str:
    """Draw counts as bars with their numbers; empty where there is nothing."""
    axis = axis_over([0, *counts.values()], LEFT, WIDTH / 2 + LEFT / 2, pad=0)
    if not counts or axis is None:
        return ""
    marks = []
    for index, (word, count) in enumerate(counts.items()):
        y, end = index * ROW, axis.at(count)
        shown = shorten(clean(word).replace("_", " "), MOST_LETTERS)
        marks += [
            label(LEFT - 10, y + 15, shown, anchor="end"),
            _coloured_bar(LEFT, end, y, colours.get(word, "#5f6b76")),
            label(end + 6, y + 15, f"{count:,}"),
        ]
    return svg(WIDTH, ROW * len(counts) + 4, name, marks)


def alarm_strip(alarms: Sequence[Alarm]) -> str:
    """Draw each alarm from its first run to its last, a row for each check and column."""
    seconds = [moment.timestamp() for one in alarms for moment in (one.first, one.last)]
    axis = axis_over(seconds, LEFT, WIDTH - RIGHT, pad=0.02)
    if not alarms or axis is None:
        return ""
    latest = {_about(one): one.last for one in sorted(alarms, key=lambda one: one.last)}
    rows = sorted(list(latest)[-MOST_ROWS:])
    bottom = ROW * len(rows) + 4
    marks = [line(LEFT, bottom, WIDTH - RIGHT, bottom, "axis")]
    for place, anchor in ((axis.low, "start"), (axis.high, "end")):
        day = f"{datetime.fromtimestamp(place, UTC):%Y-%m-%d}"
        marks.append(label(axis.at(place), bottom + 16, day, "tick", anchor))
    for index, about in enumerate(rows):
        y = index * ROW
        marks.append(label(LEFT - 10, y + 15, shorten(about, MOST_LETTERS), anchor="end"))
        for one in alarms:
            if _about(one) == about:
                left, right = axis.at(one.first.timestamp()), axis.at(one.last.timestamp())
                colour, mark = JUDGED[one.judged]
                marks.append(_coloured_bar(left - 3, right + 3, y, colour))
                marks.append(label(right + 5, y + 15, mark, "tick"))
    return svg(WIDTH, bottom + FOOT, "Alarms in time, by check and column", marks)


def _coloured_bar(left: float, right: float, y: float, colour: str) -> str:
    drawn = bar(left, right, y + 4, 14, "candidate")
    return f'<g style="--candidate: {colour}">{drawn}</g>'


def _about(alarm: Alarm) -> str:
    return f"{alarm.check} {alarm.column}".strip().replace("_", " ")


def gain_chart(series: Sequence[Measured]) -> str:
    """Draw the promised and the realised gain at each monitor run; empty for fewer than two."""
    if len(series) < 2:
        return ""
    stretches = [list(runs) for _, runs in groupby(series, key=lambda one: one.champion)]
    lines = []
    for stretch in stretches:
        first, realised = stretch[0], _points(stretch, "realised")
        start = (first.as_of, first.realised, f"{clean(first.champion)}: {number(first.realised)}")
        named = stretch is stretches[-1]  # a line is named once
        lines += [
            Line("bounds" if named else "", _points(stretch, "lower"), "#8fb8d6", "2 3", 1.2),
            Line("", _points(stretch, "upper"), "#8fb8d6", "2 3", 1.2),
            Line("promised" if named else "", _points(stretch, "promised"), "#d55e00", "7 3", 2),
            Line("realised" if named else "", realised, "#0072b2", "", 2.5, [start]),
        ]
    return line_chart(lines, "Promised and realised gain per decision at each monitor run")


def _points(series: Iterable[Measured], name: str) -> list[tuple[datetime, float]]:
    return [(one.as_of, getattr(one, name)) for one in series if getattr(one, name) is not None]
