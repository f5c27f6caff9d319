"""A drawing of amounts over time."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest

from kpi_gate.report.line_chart import HEIGHT, Line, line_chart

START = datetime(2024, 1, 1, tzinfo=UTC)


def points(*values):
    return [(START + timedelta(days=day), value) for day, value in enumerate(values)]


def drawn(*lines):
    found = str(line_chart(lines, "amounts", "EUR"))
    svg, _, legend = found.partition("<ul")
    return ET.fromstring(svg), ET.fromstring(f"<ul{legend}")  # noqa: S314  (our own)


def places(svg):
    return [
        [tuple(map(float, place.split(","))) for place in line.get("points").split()]
        for line in svg.iter("polyline")
    ]


def test_nothing_to_draw_is_nothing():
    assert line_chart([], "x", "EUR") == ""
    assert line_chart([Line("a", [], "gate")], "x", "EUR") == ""


@pytest.mark.parametrize(
    "values",
    [(5.0,), (0.0, 0.0), (-3.0, -3.0), (1e14, -1e14), (1e-9, 2e-9), (1e6, 1e6 + 1e-6, 2e6)],
)
def test_every_point_lies_inside_at_any_width(values):
    svg, _ = drawn(Line("a", points(*values), "gate"))
    assert (svg.get("width"), svg.get("height")) == ("100%", str(HEIGHT))
    (line,) = places(svg)
    assert len(line) == len(values)
    assert all(0 <= x <= 100 and 0 <= y <= HEIGHT for x, y in line)
    words = [found.text for found in svg.iter("text")]
    assert "nan" not in " ".join(words)


def test_more_is_higher_and_later_is_further_right():
    ((first, second, third),) = places(drawn(Line("a", points(0.0, 10.0, -10.0), "gate"))[0])
    assert first[0] < second[0] < third[0]
    assert second[1] < first[1] < third[1]


def test_its_unit_its_days_and_each_style_once_are_named():
    lines = [Line("", points(0.0, 1.0), "bounds"), Line("bounds: 2", points(0.0, 2.0), "bounds")]
    svg, legend = drawn(*lines, Line("gate: 3", points(0.0, 3.0), "gate"))
    words = [found.text for found in svg.iter("text")]
    assert "EUR, over time (UTC)" in words
    assert {"2024-01-01", "2024-01-02"} <= set(words)
    assert ["".join(one.itertext()) for one in legend] == ["bounds: 2", "gate: 3"]
    assert "amounts, EUR; bounds: 2; gate: 3" in svg.get("aria-label")


def test_marks_are_circles_with_words_and_words_are_never_markup():
    line = Line("<b>", points(0.0, 1.0), "gate", marks=[(START, 0.0, "<i>on & off")])
    text = str(line_chart([line], '"><script>', "<u>"))
    assert re.findall("<circle[^>]*><title>([^<]*)", text) == ["&lt;i&gt;on &amp; off"]
    assert "<script>" not in text
    assert "<b>" not in text
    assert "<u>" not in text
