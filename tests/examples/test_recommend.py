from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kpi_gate.data.snapshot import mask_future
from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.evaluation.valuation import estimate, row_values
from kpi_gate.examples.recommend import NOTHING_TO_SHOW, USE_CASE, catalogue_coverage, repeat_share
from kpi_gate.examples.sources import complete_journey
from kpi_gate.learning.policy import Policy
from kpi_gate.learning.scoring import act
from kpi_gate.usecase.refusal import Refusal

pytestmark = pytest.mark.slow

AS_OF = datetime(2017, 6, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    complete_journey.fetch(folder, every=50)
    return folder


@pytest.fixture(scope="module")
def rows(raw):
    return USE_CASE.load(raw, AS_OF)


def validate(rows, as_of=AS_OF):
    return validate_rows(mask_future(rows, as_of), USE_CASE, as_of, None)


def test_a_week_begins_on_monday_where_the_household_lives(rows):
    local = rows["event_time"].dt.tz_convert("America/New_York")
    assert (local.dt.dayofweek == 0).all()
    assert (local.dt.hour == 0).all()
    assert not rows.duplicated(["unit", "item", "event_time"]).any()
    known = rows["label_time"] <= AS_OF
    assert known.equals(rows["outcome"].notna())
    assert 0 < known.mean() < 1


def test_outcome_and_features_are_what_the_receipts_say(raw, rows):
    lines = complete_journey.read_lines(raw, AS_OF)
    week = (lines["day"] + 3) // 7
    known = rows[rows["outcome"].notna()]
    for row in known.sample(20, random_state=7).itertuples():
        now = (complete_journey.local_days(*_moment(row.event_time)) + 3).item() // 7
        own = lines["household"] == row.unit
        same = lines["category"] == row.item
        bought = set(week[own & same])
        past = [now - week for week in bought if now - 8 <= week < now]
        assert row.outcome == (now in bought)
        assert row.weeks_since == min(past)
        assert row.bought_weeks_8w == len(past)
        assert row.bought_weeks_4w == sum(ago <= 4 for ago in past)
        spent = lines["sales"][own & same & week.between(now - 8, now - 1)].sum()
        assert row.spend_8w_usd == pytest.approx(spent, rel=1e-5)
        last = lines[same & (week == now - 1)]
        price = last["sales"].sum() + last["discount"].sum()
        assert row.discount_share_1w == pytest.approx(
            last["discount"].sum() / max(price, 0.01), rel=1e-5
        )


def _moment(moment):
    return pd.Series([moment]), pd.Series(["America/New_York"], dtype="category")


def test_nothing_is_shown_that_is_no_goods(rows):
    assert set(rows["item"]).isdisjoint(NOTHING_TO_SHOW)
    assert rows["item"].nunique() > 100


def test_too_short_a_history_gives_no_rows(raw):
    assert USE_CASE.load(raw, datetime(2017, 2, 20, tzinfo=UTC)).empty


def test_five_are_shown_by_model_and_by_habit(rows):
    groups = [rows["unit"], rows["event_time"]]
    settings = USE_CASE.settings
    policy = Policy(settings=settings.policy, parameters=settings.base_values())
    score = np.random.default_rng(7).random(len(rows))
    for shown in (USE_CASE.baseline(rows), act(policy, USE_CASE.value, score, rows)):
        slots = pd.Series(shown).groupby(groups, observed=True).agg(["sum", "size"])
        assert (slots["sum"] == slots["size"].clip(upper=5)).all()


def test_habit_is_what_was_bought_most_often():
    rows = pd.DataFrame(
        {
            "unit": "h1",
            "event_time": pd.Timestamp("2017-05-01 04:00", tz="UTC"),
            "bought_share_26w": [0.1, 0.5, 0.2, 0.2, 0.9, 0.4, 0.2],
            "weeks_since": [1, 8, 2, 1, 1, 1, 3],
        }
    )
    assert USE_CASE.baseline(rows).tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_the_value_is_a_take_rate_per_recommendation_shown():
    rows = pd.DataFrame({"outcome": [1.0, 0.0, 1.0, 1.0]})
    champion, candidate = np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 1, 1])
    values = tuple(row_values(USE_CASE, rows, side, {}) for side in (champion, candidate))
    found = estimate(USE_CASE, rows, (champion, candidate), values, {})
    assert [side.tolist() for side in found.bases] == [[1, 1, 0, 0], [1, 0, 1, 1]]
    assert found.champion.sum() / found.bases[0].sum() == 1 / 2
    assert found.candidate.sum() / found.bases[1].sum() == 1


def test_coverage_and_repeats_by_hand():
    rows = pd.DataFrame({"item": ["A", "B", "A", "C"], "weeks_since": [1.0, 2, 1, 1]})
    assert catalogue_coverage(np.array([1.0, 0, 1, 0]), rows) == pytest.approx(1 / 3)
    assert repeat_share(np.array([1.0, 1, 0, 0]), rows) == 0.5
    assert repeat_share(np.zeros(4), rows) == 0.0


def test_money_stays_unlinked_until_experiments_have_shown_it():
    assert USE_CASE.settings.objective.kpi_link == "required"
    assert set(USE_CASE.settings.value.values()) == {"unlinked"}


def test_good_rows_pass(rows):
    report = validate(rows)
    assert report.passed, report.failures


def put(column, value):
    def spoil(rows):
        values = rows[column].astype(object) if isinstance(value, str) else rows[column].copy()
        values.iloc[5] = value
        return rows.assign(**{column: values})

    return spoil


def early(rows):
    labels = rows["label_time"].copy()
    labels.iloc[5] = rows["event_time"].iloc[5] - timedelta(days=1)
    return rows.assign(label_time=labels)


FAULTS = {
    "two time zones": (put("time_zone", "America/Chicago"), "time_zone: expected one time_zone"),
    "empty slot": (put("item", None), "item: expected no nulls; 1 of ", "such as null"),
    "wrong currency": (put("currency", "EUR"), "currency: expected", "1 of ", "such as 'EUR'"),
    "no currency": (put("currency", None), "currency: expected values to not be null; 1 of "),
    "negative amount": (put("spend_8w_usd", -3.0), "spend_8w_usd: ", "1 of ", "such as -3.0"),
    "outcome before its event": (early, "label_time: expected a moment not before event_time; 1"),
    "shown twice": (
        lambda rows: pd.concat([rows, rows.iloc[[3]]]),
        "unit: expected one row for each unit, item and event_time, or a column decision_id; 2 of ",
    ),
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
        if path.stem == "2017-05":
            last = lines["sold_at"] >= datetime(2017, 5, 15, tzinfo=UTC)
            lines["sales"] = lines["sales"].where(~last, lines["sales"] * 100)
        lines.to_parquet(tmp_path / path.name)
    report = validate(USE_CASE.load(tmp_path, AS_OF))
    (reason,) = {f.reason for f in report.failures if "mean" in f.reason}
    assert reason.startswith("spend_8w_usd: expected mean to be between (min_value 4")


def test_a_product_without_a_category_is_refused(raw, tmp_path):
    for path in raw.glob("*.parquet"):
        table = pd.read_parquet(path)
        if path.stem == "2017-05":
            table["product_id"] = [1, *table["product_id"][1:]]
        table.to_parquet(tmp_path / path.name)
    with pytest.raises(Refusal, match=r"product_id: 1 of .* lines .* such as 1 of household h"):
        USE_CASE.load(tmp_path, AS_OF)
