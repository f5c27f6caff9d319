from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kpi_gate.data.snapshot import mask_future
from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.examples.retention import CYCLE, OFFERS_A_DAY, USE_CASE
from kpi_gate.examples.sources import complete_journey

pytestmark = pytest.mark.slow

AS_OF = datetime(2017, 8, 1, tzinfo=UTC)
MONEY = USE_CASE.settings.base_values()


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    complete_journey.fetch(folder, every=20)
    return folder


@pytest.fixture(scope="module")
def rows(raw):
    return USE_CASE.load(raw, AS_OF)


def validate(rows, as_of=AS_OF):
    return validate_rows(mask_future(rows, as_of), USE_CASE, as_of, None)


def test_a_household_decides_every_28_days_on_a_day_of_its_own(rows):
    local = rows["event_time"].dt.tz_convert("America/New_York")
    assert (local.dt.hour == 0).all()
    days = (local.dt.tz_localize(None) - pd.Timestamp(0)).dt.days
    assert (days.groupby(rows["unit"]).agg(lambda day: (day % CYCLE).nunique()) == 1).all()
    assert days.groupby(rows["unit"]).agg(lambda day: day.is_unique).all()
    assert (days % CYCLE).nunique() == CYCLE


def test_outcome_and_features_are_what_the_receipts_say(raw, rows):
    lines = complete_journey.read_lines(raw, AS_OF)
    known = rows[rows["outcome"].notna()]
    for row in known.sample(20, random_state=7).itertuples():
        own = lines[lines["household"] == row.unit]
        ahead = own["sold_at"].between(row.event_time, row.label_time, inclusive="left")
        assert row.outcome == (not ahead.any())
        midnight = row.event_time.tz_convert("America/New_York")
        start = midnight.tz_localize(None) - timedelta(days=56)
        past = own[own["sold_at"] < row.event_time]
        past = past[past["sold_at"] >= start.tz_localize("America/New_York")]
        visits = past["sold_at"].dt.tz_convert("America/New_York").dt.normalize().unique()
        assert row.visit_days_8w == len(visits)
        assert row.recency_days == (midnight.date() - visits.max().date()).days
        assert row.spend_8w_usd == pytest.approx(past["sales"].sum())
        assert row.lines_8w == len(past)
        assert row.basket_usd == pytest.approx(past["sales"].sum() / len(visits))
        assert row.customer_value == pytest.approx(0.25 * past["sales"].sum() * 365 / 56)


def test_only_who_bought_in_eight_weeks_is_asked(rows):
    assert rows["visit_days_8w"].between(1, 56).all()
    assert rows["recency_days"].between(1, 56).all()
    assert (rows["active_weeks"] <= np.minimum(8, rows["visit_days_8w"])).all()
    assert (rows["longest_silence_days"] >= rows["recency_days"] - 1).all()


@pytest.mark.parametrize(
    ("action", "outcome", "customer", "money"),
    [
        (0, 1, 200, 0.0),
        (1, 1, 200, 0.3 * (200 - 5) - 1),
        (1, 1, 5_000, 0.3 * (1_000 - 5) - 1),
        (1, 0, 200, -5 - 1),
    ],
)
def test_money_by_hand(action, outcome, customer, money):
    columns = {"customer_value": np.array([customer])}
    value = USE_CASE.value.value(np.array([action]), np.array([outcome]), columns, MONEY)
    assert value == pytest.approx([money])


def test_the_rule_of_thumb_asks_the_longest_silent():
    first, second = pd.to_datetime(["2017-05-01 04:00", "2017-05-02 04:00"], utc=True)
    moments = [first] * 30 + [second]
    rows = pd.DataFrame({"recency_days": [*range(10, 40), 20], "event_time": moments})
    offers = USE_CASE.baseline(rows)
    assert set(rows["recency_days"][:30][offers[:30] == 1]) == set(range(40 - OFFERS_A_DAY, 40))
    assert offers[30] == 1
    assert USE_CASE.baseline(rows.assign(recency_days=14)).sum() == 0


def test_good_rows_pass(rows):
    report = validate(rows)
    assert report.passed, report.failures


def put(column, value):
    def spoil(rows):
        values = rows[column].astype(object) if isinstance(value, str) else rows[column].copy()
        values.iloc[5] = value
        return rows.assign(**{column: values})

    return spoil


def move(rows):
    unit = rows["unit"].value_counts().index[0]
    zone = rows["time_zone"].astype(str).where(rows.index != rows.index[rows["unit"] == unit][1])
    return rows.assign(time_zone=zone.fillna("America/Chicago"))


def early(rows):
    labels = rows["label_time"].copy()
    labels.iloc[5] = rows["event_time"].iloc[5] - timedelta(days=1)
    return rows.assign(label_time=labels)


FAULTS = {
    "two time zones": (move, "time_zone: expected one time_zone for each unit;", "America/"),
    "wrong currency": (put("currency", "EUR"), "currency: expected", "1 of ", "such as 'EUR'"),
    "no currency": (put("currency", None), "currency: expected values to not be null; 1 of "),
    "negative amount": (put("spend_8w_usd", -3.0), "spend_8w_usd: ", "1 of ", "such as -3.0"),
    "negative value": (put("customer_value", -3.0), "customer_value: ", "1 of ", "such as -3.0"),
    "outcome before its event": (early, "label_time: expected a moment not before event_time; 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_column_count_and_example(rows, fault):
    spoil, *words = FAULTS[fault]
    report = validate(spoil(rows))
    assert not report.passed
    reasons = [failure.reason for failure in report.failures]
    assert any(all(word in reason for word in words) for reason in reasons), reasons
    assert len(report.bad_rows)


def test_a_week_in_cents_is_refused(raw, tmp_path):
    for path in raw.glob("*.parquet"):
        lines = pd.read_parquet(path)
        if path.stem == "2017-07":
            last = lines["sold_at"] >= datetime(2017, 7, 18, tzinfo=UTC)
            lines["sales"] = lines["sales"].where(~last, lines["sales"] * 100)
        lines.to_parquet(tmp_path / path.name)
    report = validate(USE_CASE.load(tmp_path, AS_OF))
    (reason,) = {f.reason for f in report.failures if "mean" in f.reason}
    assert reason.startswith("spend_8w_usd: expected mean to be between (min_value 150")
    assert len(report.bad_rows)


def test_receipts_that_stopped_coming_are_refused(raw):
    late = datetime(2018, 3, 1, tzinfo=UTC)
    report = validate(USE_CASE.load(raw, late), late)
    assert any("the newest row to be at most 3 days old" in f.reason for f in report.failures)
