"""Sums and shares are said with the digits that they are worth."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.report.numbers import money, money_range, over, share


@pytest.mark.parametrize(
    ("value", "lower", "upper", "written"),
    [
        (7_272.4, 6_617, 7_931, "7,300 EUR (6,600 to 7,900)"),
        (230.1, -1_214, 1_443, "230 EUR (-1,200 to 1,400)"),
        (0.0203, -0.0411, 0.1032, "0.020 EUR (-0.04 to 0.10)"),
        (3.1, -1_214, 1_443, "0 EUR (-1,200 to 1,400)"),
        (0, -5, 5, "0 EUR (-5 to 5)"),
        (230.1, None, 300, "230 EUR"),
        (230.1, 230.1, 230.1, "230 EUR"),
        (float("nan"), 1, 2, "not known"),
    ],
)
def test_a_sum_has_the_digits_that_its_interval_allows(value, lower, upper, written):
    assert money_range(value, lower, upper, "EUR") == written


@pytest.mark.parametrize(
    ("value", "beside", "written"),
    [
        (0.592, 0.95, "59 %"),
        (0.948, 0.95, "94.8 %"),
        (0.95, 0.95, "95 %"),
        (0.9999, None, ">99.9 %"),
        (0.0001, None, "<0.1 %"),
        (0.995, None, "99.5 %"),
        (1, None, "100 %"),
        (None, None, "not known"),
    ],
)
def test_a_share_is_told_apart_from_its_bound_and_from_certainty(value, beside, written):
    assert share(value, beside=beside) == written


def test_a_horizon_follows_its_sum():
    assert (over("a year"), over("the campaign")) == ("a year", "over the campaign")


numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, database=None)
@given(numbers, numbers, numbers)
def test_any_number_can_be_said(value, lower, upper):
    said = money_range(value, lower, upper, "EUR", sign=True)
    assert re.match(r"[-+]?[\d,.e+-]+ EUR", said)
    assert money(value, "EUR").endswith(" EUR")
