"""A table with one row a decision is the same however it is stored, or the wrong row is named."""

from decimal import Decimal

import pandas as pd
import pytest

from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.table import read_table

REQUIRED = ("unit", "event_time", "value")
PLAIN = pd.DataFrame(
    {
        "unit": [1, 2, 3],
        "event_time": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"], utc=True),
        "value": [1.5, 2.25, -3.0],
        "observed": [True, False, True],
    }
)
STORED = {
    "plain": lambda rows: rows,
    "nullable": lambda rows: rows.convert_dtypes(),
    "arrow": lambda rows: rows.convert_dtypes(dtype_backend="pyarrow"),
    "categories": lambda rows: rows.astype({"unit": "category", "value": "category"}),
    "decimals": lambda rows: rows.assign(value=[Decimal(str(value)) for value in rows["value"]]),
    "floats": lambda rows: rows.astype({"unit": "float64"}),
    "text": lambda rows: rows.assign(event_time=rows["event_time"].map(str)).astype(str),
    "local time": lambda rows: rows.assign(
        event_time=rows["event_time"].dt.tz_convert("Asia/Tokyo")
    ),
    "no zone": lambda rows: rows.assign(event_time=rows["event_time"].dt.tz_localize(None)),
    "days": lambda rows: rows.assign(event_time=rows["event_time"].dt.date),
    "in the index": lambda rows: rows.set_index(["unit", "event_time"]),
    "an index of its own": lambda rows: rows.set_axis([7, 7, 9]),
}


def written(folder, rows, suffix=".parquet"):
    path = folder / f"rows{suffix}"
    if suffix.lower() == ".csv":
        rows.to_csv(path, index=not isinstance(rows.index, pd.RangeIndex))
    else:
        rows.to_parquet(path)
    return path


def message(path):
    with pytest.raises(ConfigurationError) as caught:
        read_table(path, REQUIRED, ("value", "observed"))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".CSV"])
@pytest.mark.parametrize("stored", STORED)
def test_a_table_is_the_same_however_it_is_stored(tmp_path, stored, suffix):
    path = written(tmp_path, STORED[stored](PLAIN), suffix)
    found = read_table(path, REQUIRED, ("value", "observed")).reset_index(drop=True)
    assert found["unit"].tolist() == ["1", "2", "3"]
    assert found["event_time"].tolist() == PLAIN["event_time"].tolist()
    assert found["value"].tolist() == [1.5, 2.25, -3.0]
    assert found["observed"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rows.csv.gz", "must end in .parquet or .csv; unpack it first"),
        ("rows.zip", "must end in .parquet or .csv; unpack it first"),
        ("rows.xlsx", "must end in .parquet or .csv"),
        ("rows.parquet", "is no Parquet by its content; a text table must end in .csv"),
        ("rows", "must end in .parquet or .csv"),
    ],
)
def test_a_file_is_what_its_name_says(tmp_path, name, words):
    (tmp_path / name).write_text("unit,event_time,value\n")
    assert words in message(tmp_path / name)


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "rows.parquet").mkdir()
    assert "is a folder, must be a plain file" in message(tmp_path / "rows.parquet")
    assert "there is no such file" in message(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"unit": ["a", "nan", "None"]}, "unit is missing in 2 of 3 rows, the first is row 2"),
        ({"unit": [1.0, None, 3.0]}, "unit is missing in 1 of 3 rows, the first is row 2"),
        ({"row_id": [1.0, 2.0, 2.0**60]}, "1.152921504606847e+18"),
        ({"event_time": ["2024-05-01", None, "x"]}, "event_time: 'x' in row 3 is no time"),
        ({"value": ["1", "2", "3,5"]}, "value: '3,5' in row 3 is no number; write a point"),
        ({"observed": ["yes", "no", "yes"]}, "observed: 'yes' in row 1 is no number"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_value_that_cannot_be_is_named_with_its_row(tmp_path, columns, words, suffix):
    assert words in message(written(tmp_path, PLAIN.assign(**columns), suffix))
