"""Numbers are written with the digits that they are worth."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.text import ended, number, percent, places


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.49123, "0.4912"),
        (0.02, "0.02"),
        (-0.0, "0"),
        (26_701.4, "26,701"),
        (1e-9, "1e-09"),
        (float("nan"), "not known"),
        (None, "not known"),
        (True, "not known"),
        (10**400, "not known"),
    ],
)
def test_number_has_four_significant_digits(value, written):
    assert number(value) == written


def test_numbers_keep_their_form():
    assert number(-0.001, 2) == "0.00"
    assert number(0.5, 2, sign=True) == "+0.50"
    assert (percent(0.99999), percent(1.0), percent(0.123), percent(None)) == (
        ">99.9%",
        "100%",
        "12.3%",
        "not known",
    )
    assert (places(0.23, 2), places(1_200.0, 2), places(float("inf"))) == (2, 0, 2)


@settings(max_examples=200, database=None)
@given(st.text(alphabet="ab ()'.,;:!?…\n"))
def test_a_sentence_ends_with_one_mark(words):
    told = ended(words)
    assert ended(told) == told
    assert not re.search(r"[\s.,;:!?…]{2,}$", told)
    assert bool(told) == bool(re.search(r"[ab()']", words))
    assert not told or told[-1] in ".!?…"
    assert words.startswith(told[:-1])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("so", "so."),
        ("so..", "so."),
        ("cents?.", "cents?"),
        ("cut...", "cut…"),
        ("a (b?)", "a (b?)."),
    ],
)
def test_the_mark_that_says_most_is_kept(words, told):
    assert ended(words) == told
