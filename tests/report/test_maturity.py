from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from kpi_gate.report.maturity import render

CURVE = {"ages_days": [3.0, 14.0], "shares": [0.4, 1.0]}
TOLD = {
    "sentence": "95% of the outcomes are known after 14.0 days, 14 are declared",
    "curve": CURVE,
    "recent": CURVE,
    "recent_days": 56.0,
}


def decision(**changes):
    end = datetime(2024, 6, 17, tzinfo=UTC)
    lineage = SimpleNamespace(window=SimpleNamespace(end=end))
    return SimpleNamespace(notes={"maturity": {**TOLD, **changes}}, lineage=lineage)


def test_it_says_when_outcomes_are_known_and_where_the_window_ends():
    html = render(decision())
    assert f"{TOLD['sentence']}; the gate window ends 2024-06-17." in html
    assert "events of the last 56 days" in html
    assert html.count("<polyline") == 2


def test_a_decision_without_it_has_no_section():
    assert render(SimpleNamespace(notes={}, lineage=None)) == ""


@pytest.mark.parametrize(
    "broken", [None, {}, "no curve", {"ages_days": ["x", None], "shares": [0.1, float("nan")]}]
)
def test_broken_curves_are_left_out_and_words_are_escaped(broken):
    html = render(decision(curve=broken, recent=broken, sentence="<b>known</b>"))
    assert "&lt;b&gt;known" in html
    assert "<svg" not in html
