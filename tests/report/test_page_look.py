"""How pages look, as far as that can be told without a browser; the rest is asked of Chromium."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from sample_decisions import Balance
from sample_pages import LONG, PAGES, PLACES

from benchmarks.accessibility import LEAST_TEXT, look
from benchmarks.browser import browser, chromium
from kpi_gate import report
from kpi_gate.report.decision_wording import RULES

TEMPLATES = Path(report.__file__).parent / "templates"
SCHEMES = {
    name: dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", (TEMPLATES / file).read_text("utf-8")))
    for name, file in (("light", "light.css"), ("dark", "dark.css"))
}
WORDS = ("ink", "soft", "blue", "amber", "violet", "red")
ON_A_WASH = (("ink", "wash"), ("soft", "wash"), ("blue", "wash"), ("red", "red-wash"))
DRAWN = ("candidate", "champion", "low", "green", "gold", "orange", "pink", "sky", "red")


class Page(HTMLParser):
    """The elements of a page with what they stand in."""

    def __init__(self, html):
        super().__init__()
        self.elements, self._open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self._open)))
        if tag not in ("meta", "br"):
            self._open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self._open)))

    def handle_endtag(self, tag):
        self._open.pop()

    def all(self, *tags):
        return [(attrs, around) for tag, attrs, around in self.elements if tag in tags]


@pytest.fixture(params=PAGES, ids=lambda name: name.replace(" ", "-"))
def page(request):
    Balance(PAGES[request.param])
    return Page(PAGES[request.param])


def test_a_reader_that_is_no_eye_finds_its_way(page):
    assert page.all("html")[0][0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("h1", "main", "header")] == [1, 1, 1]
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(later - sooner <= 1 for sooner, later in pairwise(levels)), levels
    for attrs, around in page.all("svg"):
        inside = any(tag == "svg" for tag, _ in around)
        assert inside or attrs.get("aria-hidden") or len(attrs["aria-label"]) > 10
        assert inside or attrs.get("aria-hidden") or attrs["role"] == "img"
    assert all(attrs.get("scope") in {"col", "row"} for attrs, _ in page.all("th"))


def test_it_is_one_file_with_no_script_and_no_dead_link(page):
    assert not page.all("script", "link", "img", "iframe", "object", "base", "form")
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs, _ in page.all("a"):
        address = attrs["href"]
        assert address in PLACES.values() or address.removeprefix("#") in ids
    assert not any(name.startswith("on") for _, attrs, _ in page.elements for name in attrs)


def test_what_is_wide_scrolls_within_itself(page):
    for _, around in page.all("table"):
        name, box = around[-1]
        assert (name, box["class"], box["tabindex"]) == ("div", "box", "0")
        assert box["aria-label"]
    for attrs, around in page.all("svg"):
        assert any(tag == "svg" for tag, _ in around) or attrs.get("width", "100%") == "100%"


def test_what_failed_comes_first_and_what_passed_is_folded():
    page = Page(PAGES["decision insufficient"])
    marks = [
        (attrs.get("class", ""), any(tag == "details" for tag, _ in around))
        for attrs, around in page.all("li")
        if any(outer.get("class", "").startswith("checks") for _, outer in around)
    ]
    assert ("failed", False) in marks
    assert ("failed", True) not in marks
    assert ("", False) not in marks
    assert marks.index(("failed", False)) < marks.index(("", True))


@pytest.mark.parametrize("term", ["shrinkage", "caps", "effective units"])
def test_terms_are_explained_on_the_page_where_they_stand(term):
    html = PAGES["decision hold"]
    assert f"<dt>{term}</dt><dd>" in html


def test_each_rule_of_the_gate_is_explained_above_its_checks():
    html = PAGES["decision hold"]
    for rule, meaning in RULES.items():
        assert f"<h3>{rule} {meaning}</h3>" in html or f"nothing was checked under {rule}" in html


def test_psi_is_explained_beside_what_has_not_drifted():
    html = PAGES["monitor"]
    assert "not drifted" in html
    assert "<dt>PSI</dt><dd>Population stability index" in html


def test_places_are_links_only_where_there_is_an_address():
    html = PAGES["decision promote"]
    for place in PLACES.values():
        assert (f'href="{place}"' in html) == place.startswith(("http", "../"))
        assert place in html


def channel(value):
    share = int(value, 16) / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(colour):
    plain = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (channel(plain[i : i + 2]) for i in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast_is_that_of_wcag_aa(scheme):
    colours = SCHEMES[scheme]
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    for word, paper in (*((word, "paper") for word in WORDS), *ON_A_WASH):
        assert contrast(colours[word], colours[paper]) >= 4.5, (word, paper)
    for mark in DRAWN:
        assert contrast(colours[mark], colours["paper"]) >= 3, mark
    assert set(SCHEMES["light"]) == set(SCHEMES["dark"])


def test_no_text_is_smaller_than_it_may_be():
    for path in TEMPLATES.glob("*.css"):
        sizes = re.findall(r"font(?:-size)?: ([\d.]+)px", path.read_text("utf-8"))
        assert all(float(size) >= LEAST_TEXT for size in sizes), path.name


def test_every_colour_that_is_used_is_there_in_both_schemes():
    used = {
        name
        for path in TEMPLATES.iterdir()
        for name in re.findall(r"var\(--([a-z-]+)\)", path.read_text("utf-8"))
    }
    assert used - {"tone"} <= set(SCHEMES["light"])


@pytest.mark.slow
@pytest.mark.skipif(chromium() is None, reason="there is no chromium on the path")
def test_chromium_sees_no_page_too_wide_or_too_small(tmp_path):
    with browser() as tab:
        bad = tmp_path / "bad.html"
        bad.write_text(f"<p style='font-size:9px'>{LONG.replace('_', 'x') * 9}</p>", "utf-8")
        assert len(look(tab, bad, 360, dark=False).faults("bad", 360)) == 2
        for name, html in PAGES.items():
            path = tmp_path / f"{name}.html"
            path.write_text(html, encoding="utf-8")
            for width, opened in ((360, True), (420, False), (1200, False), (1600, True)):
                seen = look(tab, path, width, dark=opened, opened=opened)
                assert seen.faults("" if opened else name, width) == [], (name, width)
