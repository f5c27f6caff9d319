"""The page: whole, self-contained, with every section that there are facts for."""

import pytest
from sample_decisions import DECISIONS, Balance, read

from kpi_gate.decision.verdict import SliceGain
from kpi_gate.report.decision_page import notebook_head, page
from kpi_gate.report.decision_text import markdown, table


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


@pytest.mark.parametrize("show", [page, notebook_head, table, markdown])
def test_a_link_without_a_history_has_not_passed(show):
    """Of an offline gain no experiment has shown that the KPI follows: the gate may promote."""
    decision = DECISIONS["promote"]
    assert next(check for check in decision.checks if check.rule == "V3").passed
    said = read(show(decision)) if show in (page, notebook_head) else show(decision)
    assert "not linked yet (advisory)" in " ".join(said.split())
    assert "✓ V3" not in said
    assert not [line for line in said.splitlines() if " ok " in line and " V3 " in line]
    if show in (page, notebook_head):
        assert "– V3 not linked yet (advisory)" in said
        assert "✓ V4" in said
        assert "✗ V3 linked to the KPI" in read(show(DECISIONS["experiment"]))


@pytest.mark.parametrize(
    ("name", "auc", "style"),
    [
        ("promote", (0.79, 0.77), "note"),
        ("reject", (0.79, 0.81), "bad"),
        ("promote", (1, 1), "note"),
    ],
)
def test_red_is_for_what_a_reviewer_must_act_on(name, auc, style):
    found = dict(zip(("champion", "candidate"), ({"auc": one} for one in auc), strict=True))
    off = {"factor": 1.6, "change": -0.25}
    decision = DECISIONS[name]
    notes = {**decision.notes, "metrics": found, "miscalibrated": off}
    html = page(decision.model_copy(update={"notes": notes}))
    word = {"note": "Note", "bad": "Beware"}[style]
    assert html.count(f'<p class="{style}">{word}: AUC ') == 1
    assert html.count("Beware") == (style == "bad")
    assert "Equal AUC, less money" not in html
    folded = html.partition("<summary>Step by step</summary>")[2].partition(
        "</details>\n</section>"
    )
    assert "it would earn 0.25 EUR a decision less" in folded[0]
