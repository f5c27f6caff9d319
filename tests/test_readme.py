"""The README is short and leads on; what it and the documentation name is there."""

import re

from benchmarks.readme import NOTES, PAGES, README, ROOT, fill, tree
from kpi_gate.decision.stats.calibration import BUILT_IN
from kpi_gate.decision.verdict import Verdict

TEXT = README.read_text(encoding="utf-8")
LINES = TEXT.splitlines()
MOST_LINES, FIRST_PICTURE, FIRST_SCREEN, NOTEBOOK = 200, 15, 30, 8


def test_it_is_short_and_shows_before_it_tells():
    assert len(LINES) <= MOST_LINES
    assert "docs/pictures/verdict.png" in "\n".join(LINES[:FIRST_PICTURE])
    first = "\n".join(LINES[:FIRST_SCREEN])
    assert all(word in first for word in ("flow.svg", "make demo", "make ui", "```python"))
    python = TEXT.partition("```python\n")[2].partition("```")[0]
    assert len([line for line in python.splitlines() if line]) <= NOTEBOOK


def test_every_heading_is_in_the_contents_and_leads_there():
    headings = re.findall(r"^## (.+)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.M)
    anchors = [re.sub(r"[^\w -]", "", found).lower().replace(" ", "-") for found in headings]
    contents = TEXT.partition("Contents: ")[2].partition("\n\n")[0]
    assert re.findall(r"\(#([^)]+)\)", contents) == anchors
    words = " ".join(headings).lower()
    for sought in ("see it work", "own use case", "schedule", "review", "verdicts", "production"):
        assert sought in words


def test_verdicts_and_rules_stand_in_one_table():
    table = TEXT.partition("## Verdicts")[2].partition("\n\n## ")[0]
    for verdict in Verdict:
        assert f"| {verdict} ({verdict.exit_code}) |" in table
    assert all(f"**V{number}**" in table for number in range(6))


def test_it_warns_of_the_button_that_asks_no_gate():
    assert "*Promote model*" in TEXT


def test_the_tree_is_the_tree():
    page = PAGES["tree"].read_text(encoding="utf-8")
    assert fill(page, "tree", tree()) == page, "run `python -m benchmarks.readme tree`"


def test_every_printed_section_has_its_place_and_is_filled():
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        assert re.search(rf"<!-- {name} -->\n```\n.+?\n```\n<!-- /{name} -->", text, re.S), name


def test_what_the_tree_names_is_there():
    assert [name for name in NOTES if not (ROOT / name).exists()] == []


def test_the_table_of_promises_names_tests_that_are_there():
    text = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`([\w/]+(?:\.py|/))`", text.partition("\n|---|---|\n")[2].partition("\n\n")[0]
    )
    assert len(named) > 30
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []


def test_every_measure_is_named_where_guardrails_are_told():
    text = (ROOT / "docs/how-to/guardrails.md").read_text(encoding="utf-8")
    assert [measure for measure in BUILT_IN if f"`{measure}`" not in text] == []


def test_every_link_of_the_readme_leads_to_a_file():
    links = re.findall(r"\]\((?!#)([^)]+)\)", TEXT)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


def test_every_picture_is_small():
    pictures = [path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".svg")]
    assert pictures
    assert [path.name for path in pictures if not 0 < path.stat().st_size < 300_000] == []
