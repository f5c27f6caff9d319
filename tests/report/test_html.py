"""Templates: whatever they show is cleaned and escaped, and nothing that is missing is shown."""

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from kpi_gate.report.html import digits, fill, or_dash

LABELS = {"sentence": "known", "figure": "", "recent": "recent events"}


def test_words_are_escaped_and_cleaned_and_markup_is_not():
    shown = fill("labels.html", **{**LABELS, "sentence": "<b>\x1b[31m'on'\n&"})
    assert "<p>&lt;b&gt; [31m&#39;on&#39; &amp;.</p>" in shown
    assert "<p><b>on</b>.</p>" in fill("labels.html", **{**LABELS, "sentence": Markup("<b>on</b>")})


def test_what_is_not_there_is_an_error():
    with pytest.raises(UndefinedError, match="'sentence' is undefined"):
        fill("labels.html", figure="", recent="")


def test_a_section_without_a_body_is_left_out():
    assert "Labels" in fill("labels.html", **LABELS)
    html = fill("drift.html", report=Drift(), shown=(), figures=())
    assert "no rows" in html
    assert "<table" not in html


class Drift:
    columns = ()
    sentence = "no rows"


def test_numbers_have_a_real_minus_sign_and_what_is_none_is_a_dash():
    assert (digits(-0.5), digits(2, 1, sign=True), digits(None)) == ("−0.5", "+2.0", "not known")
    assert (or_dash(None), or_dash(-1, 0)) == ("–", "−1")
