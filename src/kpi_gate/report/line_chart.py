"""A drawing of amounts over time: a line each, with what happened marked on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from kpi_gate.report.svg import Axis, axis_over, curve, dot, label, legend, line, svg
from kpi_gate.text import clean

HEIGHT, TOP, BOTTOM = 250, 22, 24
Points = Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Line:
    """One amount over time.

    Attributes:
        name: What it is, and what it came to; empty for a part of another of its style.
        points: (moment, amount), in time order.
        style: Look of the line: `of-` and this is its class.
        marks: (moment, amount, words) of things that happened, drawn as circles.
    """

    name: str
    points: Points
    style: str
    marks: Sequence[tuple[datetime, float, str]] = ()


def line_chart(lines: Sequence[Line], name: str, unit: str) -> Markup | str:
    """Draw lines over time with their names and last amounts; empty where there is nothing.

    Args:
        lines: What to draw; the last lies on top.
        name: What the drawing shows, for whoever cannot see it.
        unit: What the amounts are counted in.
    """
    drawn = [found for found in lines if found.points]
    across = axis_over((t.timestamp() for one in drawn for t, _ in one.points), pad=0.0)
    # zero is part of every sum
    amounts = [0.0, *(value for one in drawn for _, value in one.points)]
    up = axis_over(amounts, 0.06, HEIGHT - BOTTOM, TOP)
    if across is None or up is None:
        return ""
    named = {one.style: one.name for one in drawn if one.name}
    parts = (
        label(0, 14, f"{clean(unit)}, over time (UTC)", "tick"),
        *_heights(up),
        *_dates(across),
        *(part for one in drawn for part in _drawn(one, across, up)),
    )
    said = f"{name}, {clean(unit)}; {'; '.join(named.values())}"
    return svg(HEIGHT, said, parts) + legend(named)


def _drawn(one: Line, across: Axis, up: Axis) -> Iterator[str]:
    places = [(across.at(t.timestamp()), up.at(value)) for t, value in one.points]
    yield curve(places, HEIGHT, f"of-{one.style}")
    for moment, value, words in one.marks:
        yield dot(across.at(moment.timestamp()), up.at(value), 5, "event", words)


def _heights(up: Axis) -> Iterator[str]:
    for value, words in up.ticks(4):
        y = up.at(value)
        yield line(0, y, 100, y, "zero" if value == 0 else "grid")
        yield label(0, y - 3, words, "tick")


def _dates(across: Axis) -> Iterator[str]:
    """Yield the days at the start, in the middle and at the end."""
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        second = across.low + share * (across.high - across.low)
        words = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d}"
        yield label(100 * share, HEIGHT - 6, words, "tick", anchor)
