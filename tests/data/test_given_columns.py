"""Columns as people have them are read alike, or the first wrong row is named with its value."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.data.given_columns import identities, moments, numbers

STORED = {
    "numpy": pd.Series,
    "objects": lambda values: pd.Series(values, dtype=object),
    "nullable": lambda values: pd.Series(values).convert_dtypes(),
    "arrow": lambda values: pd.Series(values).convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda values: pd.Series(values, dtype="category"),
    "decimals": lambda values: pd.Series([Decimal(str(value)) for value in values]),
    "text": lambda values: pd.Series([str(value) for value in values]),
    "dictionary": lambda values: pd.Series(
        pd.array(
            pa.array(values).dictionary_encode(),
            dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.array(values).type)),
        )
    ),
}


def refused(read, values, name="column", **more):
    with pytest.raises(ValueError, match=f"^{name}") as caught:
        read(pd.Series(values, name=name), **more)
    return str(caught.value)


@pytest.mark.parametrize("stored", STORED)
def test_numbers_are_the_same_however_they_are_stored(stored):
    found = numbers(STORED[stored]([1.5, -2.25, 1e-3]))
    assert found.tolist() == [1.5, -2.25, 1e-3]
    assert found.dtype == np.float64


@pytest.mark.parametrize("stored", STORED)
def test_ids_are_the_same_however_they_are_stored(stored):
    assert identities(STORED[stored]([1, 20, 300])).tolist() == ["1", "20", "300"]


@pytest.mark.parametrize("values", [[1.0, 2.0], ["1.0", "2"], [Decimal("1.0"), Decimal(2)]])
def test_a_whole_number_that_came_as_a_float_is_itself(values):
    assert identities(pd.Series(values)).tolist() == ["1", "2"]


@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1), min_size=1, max_size=20))
@settings(max_examples=60)
def test_floats_that_are_exact_are_the_ids_that_they_were(ids):
    floats = pd.Series(ids, dtype=np.float64)
    wanted = [str(one) for one in ids]
    assert identities(floats).tolist() == wanted
    assert identities(pd.Series([f"{one}.0" for one in ids])).tolist() == wanted
    assert identities(pd.Series(ids)).tolist() == wanted


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 2.0**53], "9007199254740992.0 in row 2 is a float beyond 2**53"),
        ([1.0, np.inf], "inf in row 2 is a float beyond 2**53"),
        ([1.0, 2.5, 3.5], "2.5 in row 2 is no whole number; write ids as text"),
        (["1.0", "9007199254740993.0"], "'9007199254740993.0' in row 2 was a float beyond 2**53"),
        (["1e+18", "a"], "'1e+18' in row 1 is a rounded number"),
        (["4.1E+12", "4.2E+12"], "'4.1E+12' in row 1 is a rounded number (a spreadsheet's)"),
    ],
)
def test_an_id_that_a_float_has_merged_is_told(values, words):
    assert words in refused(identities, values)


@pytest.mark.parametrize("word", ["007", "1e5", "a1.0", "00000000-0000", "12E34"])
def test_text_stays_what_it_says(word):
    assert identities(pd.Series([word, "x"])).tolist() == [word, "x"]


@pytest.mark.parametrize(
    "word", [None, "", "  ", "nan", "None", "NULL", "<NA>", "NaT", "#N/A", "NA"]
)
def test_what_says_nothing_is_no_id_and_no_number(word):
    assert identities(pd.Series(["a", word])).isna().tolist() == [False, True]
    assert numbers(pd.Series(["1", word])).isna().tolist() == [False, True]
    times = ["2024-05-01", word, word]
    assert "column is missing in 2 of 3 rows, the first is row 2" in refused(moments, times)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1.5", "1,33"], "'1,33' in row 2 is no number; write a point for decimals"),
        (["1.234,50"], "'1.234,50' in row 1 is no number; write a point for decimals"),
        (["1,234.50"], "write a point for decimals, and nothing between thousands"),
        (["1 234"], "'1 234' in row 1 is no number; write the bare number"),
        (["5 EUR", "6 EUR"], "'5 EUR' in row 1 is no number, as in 2 of 2 rows"),
        (["(5.00)"], "is no number"),
        (["5%"], "without currency, percent sign or blank"),
        (["1_000"], "'1_000' in row 1 is no number"),
        (["x" * 10_000], "is no number"),
        ([True, False], "holds boolean, must hold numbers"),
        ([pd.Timestamp("2024-05-01")], "holds datetime64, must hold numbers"),
        ([pd.Timedelta("1h")], "holds timedelta64, must hold numbers"),
        ([1, "a"], "mixes types"),
    ],
)
def test_what_is_no_number_is_named_with_its_row(values, words):
    message = refused(numbers, values)
    assert words in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "values", [[True, False], ["True", "false"], [1, 0], ["1", "0.0"], [1.0, 0.0]]
)
def test_truth_values_are_ones_and_zeros_where_they_are_asked_for(values):
    assert numbers(pd.Series(values), truths=True).tolist() == [1, 0]


@given(st.lists(st.floats(), max_size=20))
@settings(max_examples=60)
def test_text_gives_back_every_number(values):
    found = numbers(pd.Series([repr(value) for value in values], dtype=str))
    np.testing.assert_array_equal(found, np.array(values, dtype=np.float64))


SPRING = ["2024-03-31T01:59:00+01:00", "2024-03-31T03:01:00+02:00"]
AUTUMN = ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00"]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (SPRING, ["2024-03-31T00:59", "2024-03-31T01:01"]),
        (AUTUMN, ["2024-10-27T00:30", "2024-10-27T01:30"]),
        (
            ["2024-05-01T10:00:00Z", "2024-05-01 10:00:00+0200"],
            ["2024-05-01T10:00", "2024-05-01T08:00"],
        ),
        (["2024-05-01T10:00:00.123456-03"], ["2024-05-01T13:00:00.123456"]),
        (["2024-05-01", "2024-05-02 10:00"], ["2024-05-01", "2024-05-02T10:00"]),
        ([pd.Timestamp("2024-05-01T10:00")], ["2024-05-01T10:00"]),
        ([pd.Timestamp("2024-05-01T10:00", tz="Asia/Tokyo")], ["2024-05-01T01:00"]),
        ([pd.Timestamp("2024-05-01").date()], ["2024-05-01"]),
    ],
)
def test_times_are_read_as_utc(values, wanted):
    expected = [pd.Timestamp(word, tz="UTC") for word in wanted]
    assert moments(pd.Series(values, name="t")).tolist() == expected
    objects = pd.Series([pd.Timestamp(value).to_pydatetime() for value in values], dtype=object)
    assert moments(objects).tolist() == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["2024-05-01", "13/05/2024"], "'13/05/2024' in row 2 is no time; which of its numbers is"),
        (
            ["01.05.2024 10:00"],
            "which of its numbers is the day cannot be told: write year-month-day",
        ),
        (["5-1-24"], "which of its numbers is the day cannot be told"),
        (["May 1, 2024"], "'May 1, 2024' in row 1 is no time; write year-month-day"),
        (["2024-05-01 10:00 CET"], "is no time"),
        (["2024-02-30"], "'2024-02-30' in row 1 is no time"),
        (["1714567890"], "'1714567890' in row 1 is a bare number, which could be any unit of time"),
        (["20240501", "20240502"], "is a bare number, which could be any unit of time; write year"),
        (["45413.53"], "is a bare number"),
        (["2024"], "is a bare number"),
        ([1714567890], "holds integer such as 1714567890, must hold times"),
        ([1.7e9], "holds floating such as 1700000000.0"),
        ([True], "holds boolean"),
        (
            ["2024-05-01T10:00", "2024-05-01T10:00Z"],
            "2024-05-01T10:00Z in row 2 has one, 2024-05-01",
        ),
    ],
)
def test_what_is_no_moment_is_named_with_its_row(values, words):
    assert words in refused(moments, values)


@given(st.lists(st.datetimes(timezones=st.timezones()), min_size=1, max_size=10))
@settings(max_examples=60)
def test_an_offset_makes_every_time_one_moment(times):
    whole = [time for time in times if not time.utcoffset().total_seconds() % 60]
    found = moments(pd.Series([time.isoformat() for time in whole], dtype=str))
    assert found.tolist() == [pd.Timestamp(time).tz_convert("UTC") for time in whole]
