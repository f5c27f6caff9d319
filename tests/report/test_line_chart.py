"""A drawing of amounts over time."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from kpi_gate.report.line_chart import ABOVE, Line, line_chart

START = datetime(2024, 1, 1, tzinfo=UTC)


def points(*values):
    return [(START + timedelta(days=day), value) for day, value in enumerate(values)]


def drawn(*lines):
    found = line_chart(lines, "amounts")
    return ET.fromstring(found)  # noqa: S314  (our own)


def places(svg):
    return [
        [tuple(map(float, place.split(","))) for place in line.get("points").split()]
        for line in svg.iter("polyline")
    ]


def test_nothing_to_draw_is_nothing():
    assert line_chart([], "x") == ""
    assert line_chart([Line("a", [], "#000")], "x") == ""


@pytest.mark.parametrize(
    "values",
    [(5.0,), (0.0, 0.0), (-3.0, -3.0), (1e14, -1e14), (1e-9, 2e-9), (1e6, 1e6 + 1e-6, 2e6)],
)
def test_every_point_lies_inside(values):
    svg = drawn(Line("a", points(*values), "#000"))
    _, _, width, height = map(float, svg.get("viewBox").split())
    (line,) = places(svg)
    assert len(line) == len(values)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in line)
    words = [found.text for found in svg.iter("text")]
    assert "nan" not in " ".join(words)


def test_more_is_higher_and_later_is_further_right():
    ((first, second, third),) = places(drawn(Line("a", points(0.0, 10.0, -10.0), "#000")))
    assert first[0] < second[0] < third[0]
    assert second[1] < first[1] < third[1]


def test_names_at_one_height_are_moved_apart():
    svg = drawn(*(Line(name, points(0.0, 1.0), "#000") for name in "abc"))
    heights = sorted(float(found.get("y")) for found in svg.iter("text") if found.text in "abc")
    assert [b - a for a, b in pairwise(heights)] == [ABOVE, ABOVE]


def test_marks_are_circles_with_words_and_words_are_never_markup():
    line = Line("<b>", points(0.0, 1.0), "#123456", "2 3", marks=[(START, 0.0, "<i>on & off")])
    text = line_chart([line], '"><script>')
    assert re.findall("<circle[^>]*><title>([^<]*)", text) == ["&lt;i&gt;on &amp; off"]
    assert "stroke-dasharray: 2 3" in text
    assert "<script>" not in text
    assert "<b>" not in text
