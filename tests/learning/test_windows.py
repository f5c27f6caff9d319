from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from kpi_gate.learning.window_settings import WindowSettings
from kpi_gate.learning.windows import (
    known_before,
    mature_before,
    plan_windows,
    within,
    without_gate,
)

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2024, 12, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = {
    "label_delay_days": 14,
    "tune_days": 28,
    "tune_min_rows": 100,
    "gate_min_days": 28,
    "gate_max_days": 120,
    "gate_min_rows": 200,
    "train_last_rows": [1_000, None],
}


def rules(**changes):
    return WindowSettings.model_validate({**RULES, **changes})


def events(a_day=10, days=330, start=FIRST):
    step = pd.Timedelta(days=1) / a_day if a_day else pd.Timedelta(days=1)
    return pd.Series(pd.date_range(start, periods=int(a_day * days), freq=step, tz="UTC"))


def frame(event_time):
    return pd.DataFrame({"event_time": event_time})


def count(event_time, window):
    return int(within(frame(event_time), window).sum())


def test_windows_follow_each_other_and_labels_are_mature():
    planned = plan_windows(events(), rules(), AS_OF)
    assert planned.gate.end == datetime(2024, 11, 17, tzinfo=UTC)
    assert planned.gate.days == 28
    assert planned.tune.end == planned.gate.start
    assert planned.train.end == planned.tune.start
    assert planned.train.start == FIRST


def test_the_gate_window_is_longer_where_rows_are_few_and_never_too_long():
    scarce = events(a_day=4)
    planned = plan_windows(scarce, rules(), AS_OF)
    assert count(scarce, planned.gate) >= 200
    assert 50 <= planned.gate.days <= 51
    assert plan_windows(events(a_day=1), rules(), AS_OF).gate.days == 120


def test_the_gate_window_reaches_back_to_its_days_where_one_day_has_all_the_rows():
    burst = pd.Series(pd.date_range(datetime(2024, 11, 1, tzinfo=UTC), periods=900, freq="min"))
    before = pd.Series(pd.date_range(datetime(2024, 9, 1, tzinfo=UTC), periods=10, freq="2D"))
    rows = pd.concat([before, burst], ignore_index=True)
    assert rows[within(frame(rows), plan_windows(rows, rules(), AS_OF).gate)].dt.date.nunique() == 1
    planned = plan_windows(rows, rules(), AS_OF, gate_days=5)
    assert rows[within(frame(rows), planned.gate)].dt.date.nunique() == 5
    assert plan_windows(rows, rules(gate_max_days=30), AS_OF, gate_days=5).gate.days == 30


def test_the_gate_window_is_fresh():
    fresh = AS_OF - 30 * DAY
    planned = plan_windows(events(), rules(), AS_OF, fresh)
    assert planned.gate.start == fresh
    nothing = plan_windows(events(), rules(), AS_OF, AS_OF)
    assert nothing.gate.days == 0


def test_the_tune_window_reaches_back_to_its_rows():
    scarce = events(a_day=2)
    planned = plan_windows(scarce, rules(gate_min_rows=50), AS_OF)
    known = scarce[scarce < planned.gate.start - 14 * DAY]
    assert count(known, planned.tune) >= 100


@given(
    a_day=st.sampled_from([1, 3, 40]),
    days=st.integers(1, 330),
    delay=st.integers(0, 60),
    minimum=st.integers(1, 60),
    fresh=st.none() | st.integers(0, 400),
)
@examples(max_examples=60)
def test_windows_never_overlap_nor_reach_the_future(a_day, days, delay, minimum, fresh):
    asked = rules(label_delay_days=delay, gate_min_days=minimum, gate_min_rows=100)
    fresh_from = None if fresh is None else FIRST + fresh * DAY
    planned = plan_windows(events(a_day, days), asked, AS_OF, fresh_from)
    assert planned.train.start <= planned.train.end == planned.tune.start
    assert planned.tune.start <= planned.tune.end == planned.gate.start <= planned.gate.end
    assert fresh_from is None or planned.gate.start >= fresh_from
    assert planned.gate.days == 0 or planned.gate.end <= AS_OF - delay * DAY
    assert planned.gate.days <= 120


def test_only_counts_are_looked_at():
    later = events() + pd.Timedelta(microseconds=1)
    assert plan_windows(events(), rules(), AS_OF).gate == plan_windows(later, rules(), AS_OF).gate
    backwards = events()[::-1].reset_index(drop=True)
    assert plan_windows(backwards, rules(), AS_OF) == plan_windows(events(), rules(), AS_OF)


def test_a_window_is_half_open_and_an_unknown_label_is_not_known():
    moments = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"], utc=True)
    rows = pd.DataFrame({"event_time": moments, "label_time": [moments[0], moments[2], pd.NaT]})
    planned = plan_windows(events(), rules(), AS_OF)
    window = planned.gate.model_copy(update={"start": moments[0], "end": moments[2]})
    assert within(rows, window).tolist() == [True, True, False]
    assert known_before(rows, moments[2]).tolist() == [True, False, False]


def test_young_rows_whose_outcome_came_early_are_not_mature():
    event = events(a_day=2, days=60)
    early = np.arange(len(event)) % 2 == 0
    label = event + np.where(early, DAY, 14 * DAY)
    rows = pd.DataFrame({"event_time": event, "label_time": label})
    moment = FIRST + 40 * DAY
    assert rows[known_before(rows, moment)]["event_time"].max() >= moment - 2 * DAY
    mature = rows[mature_before(rows, moment, 14)]
    assert mature["event_time"].max() < moment - 14 * DAY
    assert early[mature.index].mean() == pytest.approx(0.5)
    punctual = rows.assign(label_time=event + 14 * DAY)
    same = mature_before(punctual, moment, 14) == known_before(punctual, moment)
    assert same.all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"gate_max_days": 27},
        {"label_delay_days": -1},
        {"label_delay_days": np.nan},
        {"tune_days": 0},
        {"gate_min_rows": 0},
        {"train_last_rows": []},
        {"train_last_rows": [0]},
        {"more": 1},
    ],
)
def test_lengths_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        rules(**wrong)


@given(
    delay=st.floats(0, 40),
    hour=st.integers(0, 23),
    a_day=st.integers(1, 20),
)
@examples(max_examples=40)
def test_a_training_without_a_gate_window_learns_all_that_is_mature(delay, hour, a_day):
    rows = pd.DataFrame({"event_time": events(a_day)})
    rows["label_time"] = rows["event_time"] + pd.Timedelta(days=delay)
    chosen = rules(label_delay_days=delay)
    held = plan_windows(rows["event_time"], chosen, AS_OF.replace(hour=hour))
    whole = without_gate(rows["event_time"], chosen, held)
    assert whole.gate.start == whole.gate.end <= AS_OF.replace(hour=hour) + DAY / 24 / 3600
    learnt = rows[mature_before(rows, whole.gate.start, whole.label_delay_days)]
    assert (learnt["event_time"] < held.gate.end).all()
    assert len(learnt) == (rows["event_time"] < held.gate.end).sum()
    assert whole.tune.end == whole.gate.start
