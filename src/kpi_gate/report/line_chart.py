"""A drawing of amounts over time: a line each, named at its end, marked where things happen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from kpi_gate.report.svg import WIDTH, Axis, axis_over, label, polyline, svg
from kpi_gate.report.svg import line as rule

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 290, 66, 92, 12, 28
ABOVE = 13  # pixels between two names at the right edge
Points = Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Line:
    """One amount over time.

    Attributes:
        name: Written at its end; empty for a part of another line.
        points: (moment, amount), in time order.
        colour: Such as `#0072b2`.
        dash: SVG dash pattern; empty for a solid line.
        width: In pixels.
        marks: (moment, amount, words) of things that happened, drawn as circles.
    """

    name: str
    points: Points
    colour: str
    dash: str = ""
    width: float = 2
    marks: Sequence[tuple[datetime, float, str]] = ()


def line_chart(lines: Sequence[Line], name: str) -> str:
    """Draw lines over time; empty where there is nothing to draw.

    Args:
        lines: What to draw; the last lies on top.
        name: What the drawing shows, for whoever cannot see it.
    """
    drawn = [line for line in lines if line.points]
    moments = [moment.timestamp() for line in drawn for moment, _ in line.points]
    across = axis_over(moments, LEFT, WIDTH - RIGHT, pad=0)
    up = axis_over([v for line in drawn for _, v in line.points], HEIGHT - BOTTOM, TOP)
    if across is None or up is None:
        return ""
    parts = (
        *_heights(up),
        *_dates(across),
        *(part for line in drawn for part in _drawn(line, across, up)),
        *_names(drawn, across, up),
    )
    return svg(WIDTH, HEIGHT, name, parts)


def _drawn(line: Line, across: Axis, up: Axis) -> Iterator[str]:
    dash = f"; stroke-dasharray: {line.dash}" if line.dash else ""
    style = f'style="stroke: {line.colour}; stroke-width: {line.width}{dash}"'
    yield polyline(((across.at(t.timestamp()), up.at(value)) for t, value in line.points), style)
    for moment, value, words in line.marks:
        place = f'cx="{across.at(moment.timestamp()):.1f}" cy="{up.at(value):.1f}"'
        fill = f'style="fill: #fff; stroke: {line.colour}; stroke-width: 2.5"'
        yield f'<circle {place} r="5" {fill}><title>{escape(words)}</title></circle>'


def _names(lines: Sequence[Line], across: Axis, up: Axis) -> Iterator[str]:
    """Yield each name at the end of its line; names that would meet are moved apart."""
    last = -float("inf")
    named = (line for line in lines if line.name)
    for line in sorted(named, key=lambda found: up.at(found.points[-1][1])):
        last = max(up.at(line.points[-1][1]) + 4, last + ABOVE)
        x = across.at(line.points[-1][0].timestamp()) + 8
        style = f'style="fill: {line.colour}"'
        yield f'<text x="{x:.1f}" y="{last:.1f}" {style}>{escape(line.name)}</text>'


def _heights(up: Axis) -> Iterator[str]:
    for value, words in up.ticks():
        y = up.at(value)
        yield rule(LEFT, y, WIDTH - RIGHT, y, "zero" if value == 0 else "grid")
        yield label(LEFT - 6, y + 4, words, "tick", "end")


def _dates(across: Axis) -> Iterator[str]:
    foot = HEIGHT - BOTTOM
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        second = across.low + share * (across.high - across.low)
        x = across.at(second)
        yield rule(x, foot, x, foot + 4, "axis")
        words = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d}"
        yield label(x, HEIGHT - 8, words, "tick", "middle")
