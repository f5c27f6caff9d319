from datetime import UTC, datetime

import pandas as pd
import pytest

from kpi_gate.examples.sources import complete_journey

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def write_raw(folder, lines):
    """Write lines of (household, moment in UTC, product, sales) and a catalogue of 1 to 3."""
    catalogue = {"product_id": [1, 2, 3], "department": "GROCERY", "category": ["A", "B", None]}
    pd.DataFrame(catalogue).to_parquet(folder / "products.parquet")
    table = pd.DataFrame(lines, columns=["household", "sold_at", "product_id", "sales"])
    table = table.assign(
        sold_at=pd.to_datetime(table["sold_at"], utc=True),
        discount=0.5,
        time_zone="America/New_York",
        currency="USD",
    )
    for month, rows in table.groupby(table["sold_at"].dt.strftime("%Y-%m")):
        rows.to_parquet(folder / f"{month}.parquet")


LINES = [
    ("h1", "2017-03-12 06:30", 1, 2.0),  # 1:30 before clocks go forward at two
    ("h1", "2017-03-13 03:59", 2, 3.0),  # 23:59 of the same day after it
    ("h2", "2017-03-13 04:00", 1, 4.0),
    ("h2", "2017-04-02 12:00", 1, 5.0),
]


def test_a_day_begins_at_midnight_where_the_household_lives(tmp_path):
    write_raw(tmp_path, LINES)
    lines = complete_journey.read_lines(tmp_path, LATER)
    days = pd.to_datetime(lines["day"], unit="D").dt.strftime("%m-%d")
    assert days.tolist() == ["03-12", "03-12", "03-13", "04-02"]
    assert lines["category"].tolist() == ["A", "B", "A", "A"]


def test_nothing_is_read_from_the_future(tmp_path):
    write_raw(tmp_path, LINES)
    assert len(complete_journey.read_lines(tmp_path, datetime(2017, 3, 13, 4, tzinfo=UTC))) == 2
    assert complete_journey.read_lines(tmp_path, datetime(2017, 3, 1, tzinfo=UTC)).empty
    assert complete_journey.read_lines(tmp_path, datetime(2016, 3, 1, tzinfo=UTC)).empty


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("product_id", 9, "product_id: 1 of 3 lines are of a product without a category, such"),
        ("product_id", 3, "product_id: 1 of 3 lines are of a product without a category, such"),
        ("sales", -1.0, "sales: 1 of 3 lines are no amount of 0 or more, such as -1.0 of"),
        ("sales", None, "sales: 1 of 3 lines are no amount of 0 or more, such as nan of"),
        ("discount", -0.5, "discount: 1 of 3 lines are no amount of 0 or more, such as -0.5 of"),
        ("currency", "EUR", "currency: 1 of 3 lines are not in USD, such as EUR of household h1"),
        ("time_zone", "Asia/Tokyo", "time_zone: 2 of 3 lines are of a household in two time zones"),
        ("household", None, "household: 1 of 3 lines are of nobody"),
    ],
)
def test_a_wrong_line_is_refused_with_column_count_and_example(tmp_path, column, value, message):
    write_raw(tmp_path, LINES[:3])
    path = tmp_path / "2017-03.parquet"
    lines = pd.read_parquet(path)
    lines[column] = [value, *lines[column][1:]]
    lines.to_parquet(path)
    with pytest.raises(ValueError, match=message):
        complete_journey.read_lines(tmp_path, LATER)


def decisions(tmp_path, as_of, day):
    write_raw(tmp_path, LINES)
    lines = complete_journey.read_lines(tmp_path, as_of)
    rows = pd.DataFrame({"unit": ["h1"], "day": [day], "outcome": [1.0]})
    return complete_journey.date_decisions(rows, lines, 7, as_of)


def test_a_decision_is_due_at_midnight_where_the_household_lives(tmp_path):
    day = pd.Timestamp("2017-03-08").toordinal() - pd.Timestamp(0).toordinal()
    (row,) = decisions(tmp_path, LATER, day).itertuples()
    assert row.event_time == pd.Timestamp("2017-03-08 05:00", tz="UTC")
    assert row.label_time == pd.Timestamp("2017-03-15 04:00", tz="UTC")
    assert row.outcome == 1
    assert (row.time_zone, row.currency) == ("America/New_York", "USD")


def test_an_outcome_is_blank_until_it_is_known(tmp_path):
    day = pd.Timestamp("2017-03-08").toordinal() - pd.Timestamp(0).toordinal()
    (row,) = decisions(tmp_path, datetime(2017, 3, 15, 3, tzinfo=UTC), day).itertuples()
    assert pd.isna(row.outcome)


def test_what_is_over_but_was_not_delivered_says_nothing(tmp_path):
    day = pd.Timestamp("2017-03-28").toordinal() - pd.Timestamp(0).toordinal()
    assert decisions(tmp_path, LATER, day).empty


def test_the_file_is_the_one_that_was_looked_at(tmp_path, monkeypatch):
    monkeypatch.setitem(complete_journey.SHA256, "products", "0" * 16)
    with pytest.raises(ValueError, match="sha256 begins 09210f88a318b1a3, must be 0000"):
        complete_journey.fetch(tmp_path)


def test_a_missing_carrier_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(complete_journey, "CARRIER", "not_installed")
    with pytest.raises(FileNotFoundError, match="run `make install`"):
        complete_journey.fetch(tmp_path)
