"""The section on labels: its words, its two curves, and what is broken."""

import pytest

from kpi_gate.report.labels_section import labels_section

CURVE = {"ages_days": [3.0, 14.0], "shares": [0.4, 1.0]}
TOLD = {
    "sentence": "95% of the outcomes are known after 14.0 days, 14 are declared",
    "curve": CURVE,
    "recent": CURVE,
    "recent_days": 56.0,
}


def test_it_says_when_outcomes_are_known_and_draws_both_curves():
    html = labels_section(TOLD, "; the gate window ends 2024-06-17")
    assert f"{TOLD['sentence']}; the gate window ends 2024-06-17." in html
    assert "events of the last 56 days" in html
    assert html.count("<polyline") == 4, "and a sample of each"


def test_nothing_known_is_no_section():
    assert labels_section(None) == ""


@pytest.mark.parametrize(
    "broken", [None, {}, "no curve", {"ages_days": ["x", None], "shares": [0.1, float("nan")]}]
)
def test_broken_curves_are_left_out_and_words_are_escaped(broken):
    html = labels_section({**TOLD, "curve": broken, "recent": broken, "sentence": "<b>known</b>"})
    assert "&lt;b&gt;known" in html
    assert "<svg" not in html
