"""Which rows a look is at: the newest day or week, and the good periods before it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from kpi_gate.watch.context import cut

END = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NONE = frozenset()


def rows_of(a_day, days=60):
    """Return rows evenly over each day, the first of them at midnight; the newest day is last."""
    start = END - days * DAY
    times = [start + (k // a_day) * DAY + (k % a_day) * DAY / a_day for k in range(days * a_day)]
    return pd.DataFrame(
        {"event_time": pd.to_datetime(times, utc=True), "number": np.arange(len(times))}
    )


def test_a_day_is_a_batch_and_each_good_day_a_period_from_midnight_on():
    found = cut(rows_of(40), END + timedelta(hours=6), 28, NONE)
    assert (found.length, found.window.start, found.window.end) == (1, END - DAY, END)
    assert list(found.batch["number"]) == list(range(59 * 40, 60 * 40))
    periods = found.periods()
    assert [len(period) for period in periods] == [40] * 28
    assert all(period["event_time"].dt.date.nunique() == 1 for period in periods)
    assert periods[-1]["event_time"].min() == END - 2 * DAY
    assert periods[0]["event_time"].min() == END - 29 * DAY


def test_where_days_have_few_rows_a_week_is_a_batch():
    found = cut(rows_of(10), END + timedelta(hours=6), 28, NONE)
    assert (found.length, found.window.start, len(found.batch)) == (7, END - 7 * DAY, 70)
    assert [len(period) for period in found.periods()[1:]] == [70] * 7


def test_days_in_quarantine_are_no_good_days_and_do_not_spoil_a_week_of_looks():
    bad = frozenset({(END - 3 * DAY).date(), (END - 10 * DAY).date()})
    week = cut(rows_of(10), END, 28, bad)
    assert len(week.batch) == 60
    assert [len(period) for period in week.periods()[-2:]] == [70, 60]
    daily = cut(rows_of(40), END, 28, bad)
    assert len(daily.periods()) == 26
    again = cut(rows_of(40), END, 28, frozenset({(END - DAY).date()}))
    assert len(again.batch) == 40, "the day itself is looked at, whatever is known of it"
    whole = frozenset((END - k * DAY).date() for k in range(1, 8))
    assert len(cut(rows_of(10), END, 28, whole).batch) == 70


def test_no_rows_are_an_empty_batch():
    found = cut(rows_of(40).head(0), END, 28, NONE)
    assert (len(found.batch), found.periods()) == (0, [])
