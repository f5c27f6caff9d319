"""Drawings of a link: releases with the line through them, its slope, what it needs, what fits."""

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from kpi_gate.decision.link_history import Release
from kpi_gate.decision.link_report import INTERVAL, LinkReport
from kpi_gate.report.line_chart import Line, line_chart
from kpi_gate.report.svg import Axis, axis_over, curve, dot, label, legend, line, scale, svg
from kpi_gate.text import clean, number, shorten

HEIGHT, TOP, BOTTOM = 300, 24, 258
ROW, MOST_ROWS, MOST_LETTERS = 40, 12, 34
UNUSUAL = 2.0  # standard deviations from which on a release is worth a look


def scatter(told: LinkReport) -> Markup | str:
    """Draw releases by offline gain and online lift with 90 % intervals, and the line learnt."""
    across = axis_over([0.0, *(v for one in told.releases for v in _ends(one, "offline"))])
    lifts = [v for one in told.releases for v in _ends(one, "online")]
    up = axis_over([0.0, *lifts], 0.06, BOTTOM, TOP)
    if not told.releases or across is None or up is None:
        return ""
    unit = clean(told.unit)
    marks = [label(0, 14, f"KPI lift, {unit} a decision", "tick"), *scale(across, TOP, BOTTOM)]
    for value, words in up.ticks(5):
        marks.append(line(0, up.at(value), 100, up.at(value), "zero" if value == 0 else "grid"))
        marks.append(label(0, up.at(value) - 3, words, "tick"))
    marks += _line(told, across, up)
    marks += [mark for one in told.releases for mark in _release(one, across, up)]
    marks.append(label(50, HEIGHT - 6, f"offline gain, {unit} a decision", "tick", "middle"))
    said = f"{len(told.releases)} releases by offline gain and KPI lift; {told.sentence}"
    return svg(HEIGHT, said, marks) + legend({"candidate": "line learnt", "bounds": "its 90 %"})


def _ends(one: Release, what: str) -> tuple[float, float]:
    middle, half = getattr(one, what), INTERVAL * getattr(one, f"{what}_error")
    return middle - half, middle + half


def _line(told: LinkReport, across: Axis, up: Axis) -> Iterator[str]:
    """Yield the line and the ends of its interval, as far as they lie within the drawing."""
    for place, style in ((1, "of-bounds"), (3, "of-bounds"), (2, "of-candidate")):
        points = [
            (across.at(row[0]), up.at(row[place]))
            for row in told.band
            if across.low <= row[0] <= across.high and up.low <= row[place] <= up.high
        ]
        yield curve(points, HEIGHT, style)


def _release(one: Release, across: Axis, up: Axis) -> Iterator[str]:
    x, y = across.at(one.offline), up.at(one.online)
    left, right = (across.at(end) for end in _ends(one, "offline"))
    low, high = (up.at(end) for end in _ends(one, "online"))
    yield line(left, y, right, y, "interval thin")
    yield line(x, low, x, high, "interval thin")
    yield dot(x, y, 5, "dot" if one.randomised else "event", named(one))


def named(one: Release) -> str:
    """Name a release: its version, its decision, and when it was measured."""
    when = f"{one.ended:%Y-%m-%d}" if one.ended is not None else ""
    return " ".join(filter(None, (clean(one.version), clean(one.decision)[:6], when)))


def slopes(told: LinkReport) -> Markup | str:
    """Draw how likely each slope was before any release, and is now."""
    both = {"champion": told.prior_density, "candidate": told.slope_density}
    across = axis_over([0.0, *(x for points in both.values() for x, _ in points)])
    up = axis_over([0.0, *(y for points in both.values() for _, y in points)], 0.04, 200, 10)
    if across is None or up is None:
        return ""
    marks = scale(across, 10, 200)
    for style, points in both.items():
        places = [(across.at(x), up.at(y)) for x, y in points]
        marks.append(curve(places, 240, f"of-{style}"))
    unit = clean(told.unit)
    words = f"{unit} online for each offline {unit}"
    marks.append(label(50, 234, words, "tick", "middle"))
    named_by = {"champion": "before any release", "candidate": "now"}
    return svg(240, f"How likely each slope is, {words}: before any release, and now", marks) + (
        legend(named_by)
    )


def required(told: LinkReport) -> Markup | str:
    """Draw how the required gain changed; where none sufficed the line is broken."""
    pieces: list[list[Any]] = [[]]  # of (moment, gain)
    for moment, gain in (*told.required_then, (told.as_of, told.required_gain)):
        if gain is None:
            pieces.append([])
        else:
            pieces[-1].append((moment, gain))
    drawn = [piece for piece in pieces if piece]
    if not drawn:
        return ""
    named_last = f"required offline gain: {number(drawn[-1][-1][1], sign=True)}"
    lines = [
        Line(
            named_last if piece is drawn[-1] else "",
            piece,
            "candidate",
            [(at, gain, f"{at:%Y-%m-%d}: {number(gain)}") for at, gain in piece],
        )
        for piece in drawn
    ]
    return line_chart(lines, "Offline gain that was required", f"{clean(told.unit)} a decision")


def residuals(told: LinkReport) -> Markup | str:
    """Draw how far the newest releases lie from what the others let expect."""
    shown = list(zip(told.releases, told.residuals, strict=True))[-MOST_ROWS:]
    axis = axis_over([-3.0, 3.0, *(far for _, far in shown)])
    if not shown or axis is None:
        return ""
    bottom = 8.0 + ROW * len(shown)
    marks = scale(axis, 0, bottom)
    marks += [
        line(axis.at(end), 0, axis.at(end), bottom, "threshold") for end in (-UNUSUAL, UNUSUAL)
    ]
    said = []
    for row, (release, far) in enumerate(shown):
        words = f"{shorten(named(release), MOST_LETTERS)}: {number(far, 1, sign=True)}"
        marks += [
            label(0, ROW * row + 17, words),
            dot(axis.at(far), ROW * row + 28, 5, "dot" if release.randomised else "event"),
        ]
        said.append(words)
    words = "standard deviations from what the others let expect"
    marks.append(label(50, bottom + 36, words, "tick", "middle"))
    return svg(bottom + 42, f"Residuals, {words}: {'; '.join(said)}", marks)
