"""The page: whole, self-contained, with every section that there are facts for."""

import pytest
from sample_decisions import DECISIONS, Balance, read

from kpi_gate.decision.verdict import SliceGain
from kpi_gate.report.decision_page import page


@pytest.fixture(params=DECISIONS, ids=lambda name: name.replace(" ", "-"))
def decision(request):
    return DECISIONS[request.param]


def test_page_is_whole_and_fetches_nothing(decision):
    html = page(decision)
    tags = Balance(html).tags
    assert not {"script", "link", "img", "iframe", "object"} & set(tags)
    assert "http" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_page_shows_every_section_that_there_are_facts_for():
    words = read(page(DECISIONS["promote"]))
    for title in (
        "Gain against its threshold",
        "From the metric to the money",
        "Parts of the money",
        "What would change this verdict",
        "checks did not fail",
        "Slices",
        "Calibration",
        "Variants considered",
        "What this does not tell",
        "Lineage",
    ):
        assert title in words
    for fact in (
        "Toy: whom to call",
        "worth a release",
        "AUC ↑",
        "all rows ✓",
        "2024-06-01 until 2024-08-01",
    ):
        assert fact in words
    bare = read(page(DECISIONS["promote bare"]))
    assert "Variants" not in bare
    assert "Calibration" not in bare
    assert "Parts of the money" not in bare


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("promote", "The gate is open"),
        ("hold", "decisions would show the gain with 80% power"),
        ("reject", "no number of decisions helps"),
        ("reject by guardrail", "it is not the number of decisions that stands in the way"),
        ("experiment", "An experiment (A/B test) that shows the KPI itself rise"),
        ("one unit", "One unit alone shows no scatter"),
        ("refused", "More decisions do not help"),
        ("no rows", "No gain was measured"),
    ],
)
def test_page_says_what_would_change_the_verdict(name, words):
    assert words in read(page(DECISIONS[name]))


@pytest.mark.parametrize("junk", [None, 3, "text", [], [None], {"candidate": 3}, [[1, 2], "x"]])
def test_notes_of_the_wrong_shape_are_left_out(junk):
    notes = dict.fromkeys(("metrics", "calibration", "variants", "chosen", "limits", "title"), junk)
    decision = DECISIONS["promote"].model_copy(update={"notes": notes})
    Balance(page(decision))


def test_missing_level_is_named_so():
    gain = SliceGain(
        column="region", level="None", rows=9, events=3, estimate=0.1, lower=None, tested=False
    )
    decision = DECISIONS["promote"].model_copy(update={"slices": (gain,)})
    assert "region = (missing)" in read(page(decision))


def test_a_long_list_of_slices_is_cut_and_says_so():
    gain = DECISIONS["promote"].slices[0]
    decision = DECISIONS["promote"].model_copy(update={"slices": (gain,) * 75})
    assert "45 further levels are not shown" in read(page(decision))
