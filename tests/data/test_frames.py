"""The same values give the same table, whatever they were stored as; what is none is named."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from io import BytesIO
from uuid import UUID

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kpi_gate.data.frames import FrameError, plain

KINDS = {
    "unit": "identity",
    "item": "identity",
    "event_time": "time",
    "label_time": "time",
    "outcome": "outcome",
    "observed": "truth",
    "taste": "number",
    "visits": "number",
    "region": "category",
    "size": "category",
}


def as_decimals(rows):
    numbers = {
        name: [None if pd.isna(value) else Decimal(str(value)) for value in rows[name]]
        for name in ("taste", "visits", "outcome")
    }
    return rows.assign(**numbers)


def as_python(rows):
    """Every value as a database driver would hand it over."""
    values = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in rows}
    for name in ("event_time", "label_time"):
        values[name] = [None if v is None else v.to_pydatetime() for v in values[name]]
    return pd.DataFrame({name: pd.Series(list(v), dtype=object) for name, v in values.items()})


def as_dictionaries(rows):
    """Arrow's dictionaries: text and identities."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    for name in ("unit", "region"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].dictionary_encode())
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def in_lisbon(rows):
    times = {n: rows[n].dt.tz_convert("Europe/Lisbon") for n in ("event_time", "label_time")}
    return rows.assign(**times)


def as_iso_text(rows):
    return rows.assign(
        **{
            name: [None if pd.isna(v) else v.isoformat() for v in in_lisbon(rows)[name]]
            for name in ("event_time", "label_time")
        }
    )


BACKENDS = {
    "numpy": lambda rows: rows,
    "nullable": lambda rows: rows.convert_dtypes(),
    "pyarrow": lambda rows: rows.convert_dtypes(dtype_backend="pyarrow"),
    "arrow table": lambda rows: pa.Table.from_pandas(rows, preserve_index=False),
    "arrow dictionary": as_dictionaries,
    "polars": polars.from_pandas,
    "polars lazy": lambda rows: polars.from_pandas(rows).lazy(),
    "decimal": as_decimals,
    "arrow decimal": lambda rows: pa.Table.from_pandas(as_decimals(rows)),
    "python": as_python,
    "identities as categories": lambda rows: rows.astype({"unit": "category", "item": "category"}),
    "narrow": lambda rows: rows.astype({"size": "int16"}),
    "float identities": lambda rows: rows.astype({"item": float}),
    "nanoseconds": lambda rows: rows.assign(event_time=rows["event_time"].dt.as_unit("ns")),
    "another zone": in_lisbon,
    "iso text": as_iso_text,
    "truth values": lambda rows: rows.assign(outcome=rows["outcome"] == 1),
    "nullable truth": lambda rows: rows.assign(outcome=(rows["outcome"] == 1).astype("boolean")),
    "yes and no": lambda rows: rows.assign(outcome=np.where(rows["outcome"] == 1, "yes", "No")),
    "text index": lambda rows: rows.set_index(rows["unit"].rename("key")),
}
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def tables(draw):
    size = draw(st.integers(1, 6))

    def many(values):
        return draw(st.lists(values, min_size=size, max_size=size))

    event = pd.Series(many(MOMENTS), dtype="datetime64[us, UTC]")
    doubles = st.none() | st.floats(-1e6, 1e6).map(lambda x: round(x, 6))
    return pd.DataFrame(
        {
            "unit": many(st.text("abc07é", min_size=1, max_size=4)),
            "item": np.array(many(st.integers(0, 2**53 - 1)), dtype="int64"),
            "event_time": event,
            "label_time": event + pd.Timedelta(days=2),
            "outcome": np.array(many(st.sampled_from([0.0, 1.0]))),
            "observed": np.array(many(st.booleans())),
            "taste": pd.Series(many(doubles), dtype=float),
            "visits": pd.Series(many(st.none() | st.integers(0, 99)), dtype=float),
            "region": pd.Series(many(st.none() | st.sampled_from(["north", "süd"])), dtype="str"),
            "size": np.array(many(st.integers(0, 9)), dtype="int64"),
        }
    )


def stored(rows):
    content = BytesIO()
    rows.to_parquet(content, index=False, compression="zstd")
    return content.getvalue()


@settings(
    max_examples=6,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # shrinking a table takes minutes
)
@given(rows=tables())
def test_the_same_values_give_the_same_bytes(rows):
    wanted = plain(rows, KINDS)
    for backend, store in BACKENDS.items():
        found = plain(store(rows), KINDS)
        pd.testing.assert_frame_equal(found, wanted, obj=backend)
        assert stored(found) == stored(wanted), backend
    again = pd.read_parquet(BytesIO(stored(wanted)))
    pd.testing.assert_frame_equal(plain(again, KINDS), wanted)


def test_a_model_reads_doubles_text_and_its_own_categories():
    rows = pd.DataFrame({"n": [1, None], "flag": [True, False], "c": ["b", "a"], "k": ["b", "a"]})
    kinds = {"n": "number", "flag": "number", "c": "category", "k": "category"}
    found = plain(rows.convert_dtypes().astype({"k": "category"}), kinds)
    assert found["n"].dtype == np.float64
    assert found["flag"].dtype == bool
    assert found["c"].dtype == "str"
    assert list(found["k"].cat.categories) == ["a", "b"]


def test_identities_that_are_long_or_missing_stay_exact():
    long = [2**60 + 1, 2**60 + 2]
    assert list(plain(pd.DataFrame({"unit": long}), KINDS)["unit"]) == long
    holed = pd.DataFrame({"unit": pd.array([2**60 + 1, None], dtype="Int64")})
    assert plain(holed, KINDS)["unit"].iloc[0] == str(2**60 + 1)
    uuids = [UUID(int=7), UUID(int=8)]
    assert list(plain(pd.DataFrame({"unit": uuids}), KINDS)["unit"]) == list(map(str, uuids))


@pytest.mark.parametrize("days", [["2024-01-31", None], [date(2024, 1, 31), None]])
def test_a_day_is_the_day_in_utc(days):
    found = plain(pd.DataFrame({"event_time": days}), {"event_time": "time"})["event_time"]
    assert found.iloc[0] == pd.Timestamp("2024-01-31", tz="UTC")
    assert (found.dtype, found.isna().tolist()) == ("datetime64[us, UTC]", [False, True])


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("unit", [1.0, 2.0**53], r"unit: 9007199254740992.0 in row 1 is a float beyond 2\*\*53"),
        ("unit", [1.0, 1.5], "unit: 1.5 in row 1 is a float that is no whole number"),
        ("event_time", pd.to_datetime(["2024-01-01"]), r"event_time has no time zone \(datetime64"),
        ("event_time", [datetime(2024, 1, 1)], "event_time has no time zone"),  # noqa: DTZ001
        ("event_time", [1_700_000_000], "event_time holds numbers such as 1700000000"),
        ("event_time", [time(10)], "event_time holds values such as datetime.time"),
        ("event_time", ["2024-01-01T10:00:00Z", "2024-01-01T10:00"], "in row 1 has no offset"),
        ("event_time", ["yesterday"], "'yesterday' in row 0 has no offset from UTC"),
        ("event_time", ["2024-13-01T10:00:00Z"], "in row 0 is no time"),
        ("event_time", ["2024-01-01", "01.02.2024"], "'01.02.2024' in row 1 has no offset"),
        (
            "event_time",
            [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1)],  # noqa: DTZ001
            "row 1 the datetime .* without a zone",
        ),
        (
            "outcome",
            ["stayed", "left", "stayed", None, "stayed "],
            r"'left' and 'stayed'.* counts as 1: `positive: left` \(25 %\) or `positive: stayed` "
            r"\(75 %\)",
        ),
        ("outcome", ["a", "b", "c"], "holds 3 levels: 'a', 'b', 'c', must hold 0 and 1"),
        ("outcome", ["yes", "0"], "holds '0' and 'yes'"),
        ("taste", [0.5, "sweet", 0.3], "row 0 holds the float '0.5', row 1 the str 'sweet'"),
        ("taste", pd.period_range("2024", periods=1, freq="D"), "taste holds period"),
        ("taste", pd.IntervalIndex.from_breaks([0, 1]), "taste holds interval"),
        ("taste", [1 + 2j], "taste holds complex128"),
        ("region", [b"north"], "region holds values of the type bytes"),
        ("region", [["north"]], "region holds values of the type list"),
        ("region", [{"a": 1}], "region holds values of the type dict"),
        ("extra", pd.array([[1]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), "extra holds list<"),
        ("extra", pd.array([b"a"], dtype=pd.ArrowDtype(pa.binary())), "extra holds binary of Arr"),
    ],
)
def test_what_cannot_be_read_is_named(column, values, words):
    with pytest.raises(FrameError, match=words):
        plain(pd.DataFrame({column: values}), KINDS)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "of the type builtins.NoneType, must be a pandas.DataFrame"),
        (np.ones((2, 2)), "of the type numpy.ndarray"),
        ([{"unit": "a"}], "of the type builtins.list"),
        (pd.DataFrame({0: [1]}), "its column 0 has no text as its name"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "its column 'a' is there twice"),
        (pd.DataFrame({("a", "b"): [1]}), "2 levels of names"),
        (pd.DataFrame({"unit": ["a"]}).set_index("unit"), "'unit' is in its index, .*reset_index"),
    ],
)
def test_what_is_no_table_is_named(found, words):
    with pytest.raises(FrameError, match=words):
        plain(found, KINDS)


def test_every_column_that_cannot_be_read_is_named():
    rows = pd.DataFrame({"event_time": [1], "region": [["a"]]})
    with pytest.raises(FrameError, match=r"event_time .*; region ") as told:
        plain(rows, KINDS)
    assert told.value.check == "times_have_a_zone"


@pytest.mark.parametrize(
    ("values", "positive", "wanted"),
    [
        (["churned", "stayed", None], "churned", [1.0, 0.0, np.nan]),
        (["Churned", "stayed "], "churned", [1.0, 0.0]),
        ([1, 2], 2, [0.0, 1.0]),
        (["yes", "no"], True, [1.0, 0.0]),  # YAML reads `positive: yes` as true
        (["yes", "no"], False, [0.0, 1.0]),
        (["stayed"], "churned", [0.0]),
        ([7, 0], None, [7.0, 0.0]),  # a rule of its own refuses it, row by row
        ([None, None], None, [np.nan, np.nan]),
        (["f", "t"], None, [0.0, 1.0]),
    ],
)
def test_which_level_counts_as_one(values, positive, wanted):
    found = plain(pd.DataFrame({"outcome": values}), KINDS, positive)["outcome"]
    np.testing.assert_array_equal(found.to_numpy(), wanted)


def test_a_level_that_nobody_has_is_refused():
    with pytest.raises(FrameError, match=r"`validation\.positive` says 'gone'"):
        plain(pd.DataFrame({"outcome": ["a", "b"]}), KINDS, "gone")


def test_no_rows_are_a_table_too():
    found = plain(pd.DataFrame(columns=["unit", "event_time", "outcome", "taste"]), KINDS)
    assert found["event_time"].dtype == "datetime64[us, UTC]"
    assert found["taste"].dtype == np.float64
    assert found.empty
