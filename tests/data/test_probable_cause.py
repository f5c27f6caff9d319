"""A guess at what a failure comes from: the right one for each kind of fault, and never a claim."""

import numpy as np
import pandas as pd
import pytest

from kpi_gate.data.validation.probable_cause import probable_cause
from kpi_gate.data.validation.rules import BETWEEN, IN_SET, Rule

COUNT = 400
UNIQUE = "expect_compound_columns_to_be_unique"
NOT_NULL = "expect_column_values_to_not_be_null"
MEDIAN = "expect_column_median_to_be_between"
LATER = slice(300, COUNT)


def rows():
    chance = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "event_time": pd.date_range("2024-01-01", periods=COUNT, freq="6h", tz="UTC"),
            "unit": [f"u{i}" for i in range(COUNT)],
            "amount": chance.lognormal(3, 0.8, COUNT),
            "share": chance.random(COUNT),
            "reply": ["yes", "no"] * (COUNT // 2),
        }
    )


def scaled(column, factor, least=0.01, most=1000.0):
    """Rows of which the later ones are in another unit, and those that break the bounds."""
    found = rows()
    found.loc[LATER, column] *= factor
    bad = found.index[~found[column].between(least, most)]
    return found, Rule(BETWEEN, {"min_value": least, "max_value": most}, column, "x"), bad


@pytest.mark.parametrize(
    ("column", "factor", "most", "words"),
    [
        ("amount", 100, 300.0, "100 times too large: cents?"),
        ("amount", 1000, 1000.0, "1,000 times too large: thousandths, such as milliseconds?"),
        ("amount", 0.001, 1000.0, "1,000 times too small: thousands, such as kilometres?"),
        ("amount", -1, 1000.0, "the sign is flipped"),
        ("share", 100, 1.0, "100 times too large: percent instead of a share?"),
    ],
)
def test_another_unit_or_sign_is_told_by_its_factor(column, factor, most, words):
    found, rule, bad = scaled(column, factor, 0.0 if column == "share" else 1.0, most)
    assert words in probable_cause(rule, found, bad)


@pytest.mark.parametrize(("factor", "words"), [(100, "100 times too large"), (-1, "the sign")])
def test_a_median_of_recent_rows_is_held_against_the_others(factor, words):
    found, _, _ = scaled("amount", factor)
    rule = Rule(MEDIAN, {"min_value": 5, "max_value": 100}, "amount", "x", recent=True)
    recent = range(300, COUNT)
    observed = float(found["amount"][LATER].median())
    assert words in probable_cause(rule, found, recent, observed)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda amount: amount.map("{:.2f}".format), "numbers written as text"),
        (lambda amount: amount.map("{:.2f}".format).str.replace(".", ","), "a decimal comma"),
        (lambda amount: amount.map("{:.2f} EUR".format), "a unit or a currency"),
        (lambda amount: "somebody " + amount.astype(str), "another column in the place"),
        (lambda amount: amount / 0, "a division by zero"),
    ],
)
def test_numbers_of_the_wrong_type(values, words):
    found = rows()
    found["amount"] = values(found["amount"])
    rule = Rule(IN_SET, {}, "amount", "finite numbers", helper=found["share"])
    assert words in probable_cause(rule, found, found.index)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda time: time.astype(str), "dates written as text"),
        (lambda time: time.astype("int64"), "since 1970"),
        (lambda time: time.dt.tz_localize(None), "a time zone that was lost"),
    ],
)
def test_times_of_the_wrong_type(values, words):
    found = rows()
    found["event_time"] = values(found["event_time"])
    rule = Rule(IN_SET, {}, "event_time", "times with a time zone, not x", helper=found["share"])
    assert words in probable_cause(rule, found, found.index)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (2 / 24, "another time zone: up to 2 hours ahead"),
        (1 / 24, "up to 1 hour ahead"),
        (365, "dates that are shifted, by up to 365 days"),
    ],
)
def test_times_in_the_future(days, words):
    found, bad = rows(), list(range(390, COUNT))
    age = pd.Series(1.0, found.index)
    age.loc[bad] = -days
    found.loc[bad, "event_time"] = pd.Timestamp("2024-05-20", tz="UTC")
    rule = Rule(BETWEEN, {"min_value": 0}, "event_time", "a moment before as_of, x", helper=age)
    assert words in probable_cause(rule, found, bad)


def test_doubled_rows_and_what_shares_their_key():
    once = rows()
    twice = pd.concat([once, once[:50]], ignore_index=True)
    bad = [*range(50), *range(COUNT, COUNT + 50)]
    rule = Rule(UNIQUE, {}, "unit", "one row for each")
    assert "the same rows twice" in probable_cause(rule, twice, bad)
    other = twice.assign(amount=np.arange(len(twice)))
    assert "a correction that was added" in probable_cause(rule, other, bad)


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("fax", "a level that was never seen: 'fax' in 4 rows; new, or another column?"),
        (" YES ", "'yes' written in another way"),
        ("yess", "'yes' misspelt, or a new level"),
    ],
)
def test_a_level_that_is_not_allowed(level, words):
    found, bad = rows(), [3, 30, 31, 200]
    found.loc[bad, "reply"] = level
    rule = Rule(IN_SET, {"value_set": ["yes", "no"]}, "reply", "x")
    assert words in probable_cause(rule, found, bad)


def test_what_is_not_there():
    found = rows()
    rule = Rule(NOT_NULL, {}, "amount", "no nulls")
    found["amount"] = np.nan
    assert "came empty: all 400 rows" in probable_cause(rule, found, found.index)
    found = rows()
    found.loc[LATER, "amount"] = np.nan
    said = probable_cause(rule, found, range(300, COUNT))
    assert said.endswith("delivered nothing since 2024-03-16")
    gone = Rule("expect_column_to_exist", {}, "Amount_", "the column to exist")
    assert "renamed: there is a column 'amount'" in probable_cause(gone, rows(), [])
    found = rows()
    found.loc[[3, 50, 51, 200], "amount"] = -999
    bounds = Rule(BETWEEN, {"min_value": 0, "max_value": 1e4}, "amount", "x")
    said = probable_cause(bounds, found, [3, 50, 51, 200])
    assert "a word for 'not known': -999" in said


def test_a_guess_is_one_and_none_is_better_than_a_wrong_one():
    single = rows()
    single.loc[7, "amount"] = 7e7  # no power of ten from what is usual
    bounds = Rule(BETWEEN, {"min_value": 0, "max_value": 1e4}, "amount", "x")
    assert probable_cause(bounds, single, [7]) == ""
    assert probable_cause(Rule(NOT_NULL, {}, "amount", "no nulls"), single, [7]) == ""


@pytest.mark.parametrize("kind", [UNIQUE, BETWEEN, IN_SET, NOT_NULL, MEDIAN, "expect_anything"])
@pytest.mark.parametrize("values", [[[1], [1], {}], [None, None, None], ["a", 1, 2.5], []])
def test_no_rows_are_too_strange(kind, values):
    found = pd.DataFrame({"odd": pd.Series(values, dtype=object)})
    rule = Rule(kind, {"min_value": 1, "max_value": 2, "value_set": ["a"]}, "odd", "x")
    said = probable_cause(rule, found, found.index)
    assert said == "" or said.startswith("Probably ")
