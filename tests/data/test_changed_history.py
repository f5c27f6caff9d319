"""What was known at the last tick and is another now is counted, by column and by day."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.data.history import HistoryChange, compare_history

COLUMNS = {"late": ("outcome", "label_time", "spent"), "values": ("margin",), "features": ("age",)}


def rows_of(size=40, known=30):
    event = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(size), unit="h")
    label = pd.Series(event + pd.Timedelta(days=2)).where(np.arange(size) < known)
    return pd.DataFrame(
        {
            "unit": [f"v{number}" for number in range(size)],
            "event_time": event,
            "label_time": label,
            "outcome": np.where(np.arange(size) < known, 1.0, np.nan),
            "spent": np.where(np.arange(size) < known, 9.0, np.nan),
            "margin": 5.0,
            "age": 40.0,
        }
    )


def test_the_same_rows_and_new_ones_are_no_change():
    found = compare_history(rows_of(), rows_of(60), **COLUMNS)
    assert (found.changed, found.vanished, found.share, found.days) == (0, 0, 0.0, {})
    assert (found.rows, found.known) == (40, 30)


def test_an_outcome_that_became_known_is_no_change_and_one_that_is_lost_is():
    assert compare_history(rows_of(), rows_of(known=35), **COLUMNS).changed == 0
    found = compare_history(rows_of(), rows_of(known=27), **COLUMNS)
    assert found.columns == {"outcome": 3, "label_time": 3, "spent": 3}
    assert found.share == pytest.approx(3 / 30)
    assert found.days == {"2024-01-02": {"changed": 3, "vanished": 0}}


@settings(max_examples=25)
@given(flipped=st.sets(st.integers(0, 29)), gone=st.sets(st.integers(30, 39)))
def test_every_changed_row_is_counted_once(flipped, gone):
    now = rows_of()
    now.loc[list(flipped), ["outcome", "spent"]] = 0.0
    now = now.drop(index=list(gone)).sample(frac=1, random_state=1)
    found = compare_history(rows_of(), now, **COLUMNS)
    assert (found.changed, found.vanished) == (len(flipped), len(gone))
    assert found.share == pytest.approx(len(flipped) / 30)
    assert sum(day["changed"] for day in found.days.values()) == len(flipped)
    assert sum(day["vanished"] for day in found.days.values()) == len(gone)


def test_values_are_compared_on_all_rows_and_features_are_only_told():
    now = rows_of()
    now.loc[35, "margin"] = 6.0
    now.loc[[1, 2], "age"] = np.nan
    found = compare_history(rows_of(), now, **COLUMNS)
    assert found.columns == {"margin": 1}
    assert found.share == pytest.approx(1 / 40)
    assert found.features == {"age": 2}
    assert "margin of v35 at 2024-01-02 11:00, 5.0 then and 6.0 now" in found.sentence()


def test_what_was_not_compared_is_not_called_unchanged():
    assert HistoryChange(checked=False).sentence().startswith("not checked")
