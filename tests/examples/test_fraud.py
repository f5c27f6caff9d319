"""The fraud world is the published one, the log hides what the rule blocked, and nothing leaks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kpi_gate.data.snapshot import mask_future
from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.examples.sources.simulated_payments import (
    HIGH_AMOUNT,
    REPLACED,
    START,
    SWITCH,
    bank_log,
    simulate,
)
from kpi_gate.usecase import discovery

pytestmark = pytest.mark.slow

AS_OF = datetime(2018, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
fraud = discovery.load("fraud")


@pytest.fixture(scope="module")
def calm():
    return simulate(500, 1_000, 130, drift=False, seed=3)


@pytest.fixture(scope="module")
def drifting():
    return simulate(500, 1_000, 130, drift=True, seed=3)


@pytest.fixture(scope="module")
def raw(calm, tmp_path_factory):
    """Lay a small world out as `fetch` lays the whole one."""
    folder = tmp_path_factory.mktemp("raw")
    log = bank_log(calm, fraud.baseline(calm), 0.05, 3)
    for month, rows in log.groupby(log["time"].dt.strftime("%Y-%m")):
        rows.to_parquet(folder / f"{month}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def rows(raw):
    return fraud.load(raw, AS_OF)


def days(payments):
    return ((payments["time"] - START) / DAY).to_numpy()


# --- the published world ---


def test_honest_payments_are_as_the_handbook_says(calm):
    # 500 customers, two payments a day each on average; a tenth falls out of the day
    assert len(calm) == pytest.approx(500 * 2 * 130, rel=0.1)
    assert calm["time"].is_monotonic_increasing
    assert calm["time"].min() >= START
    honest = calm[calm["kind"] == 0]
    assert honest["amount"].between(0.01, HIGH_AMOUNT).all()
    assert honest["amount"].mean() == pytest.approx(53.6, rel=0.1)  # U(5, 100), a little cut off
    hour = honest["time"].dt.hour
    assert hour.mean() == pytest.approx(11.5, abs=0.3)
    assert ((hour < 6).mean()) < 0.15


def test_each_kind_of_fraud_is_as_the_handbook_says(calm):
    kinds = calm.groupby("kind").size()
    assert set(kinds.index) == {0, 1, 2, 3}
    assert (calm.loc[calm["kind"] == 1, "amount"] > HIGH_AMOUNT).all()
    assert (calm.loc[calm["amount"] > HIGH_AMOUNT, "kind"] > 0).all()
    late = calm[days(calm) > 30]
    hacked = late[late["kind"] == 2]
    # 2 a day for 28 days: 56 of 1,000 terminals at a time
    assert len(hacked) / len(late) == pytest.approx(56 / 1_000, rel=0.35)
    leaked = late[late["kind"] == 3]
    # 3 a day for 14 days: 42 of 500 cards, a third of their payments
    assert len(leaked) / len(late) == pytest.approx(42 / 500 / 3, rel=0.35)
    assert leaked["amount"].mean() > 3 * late.loc[late["kind"] == 0, "amount"].mean()


def test_the_drift_begins_on_its_day_and_changes_only_fraud(calm, drifting):
    before = days(calm) < SWITCH
    pd.testing.assert_frame_equal(calm[before], drifting[days(drifting) < SWITCH])
    after = drifting[days(drifting) >= SWITCH + 1]
    leaked = after[after["kind"] == 3]
    assert (leaked["time"].dt.hour < 6).all()
    steady = calm[(days(calm) >= SWITCH + 1) & (calm["kind"] == 3)]
    assert leaked["amount"].mean() < 0.6 * steady["amount"].mean()
    assert len(calm) == len(drifting)


def test_terminals_of_every_age_are_there_in_any_two_weeks(calm):
    age = calm["terminal_age"]
    assert age.between(0, REPLACED, inclusive="left").all()
    for _, part in calm.groupby(days(calm) // 14):
        young, middle = (part["terminal_age"] < 30).mean(), part["terminal_age"].between(30, 90)
        assert young == pytest.approx(30 / REPLACED, rel=0.4)
        assert middle.mean() == pytest.approx(60 / REPLACED, rel=0.4)


def test_the_same_seed_is_the_same_world(calm):
    pd.testing.assert_frame_equal(simulate(500, 1_000, 130, drift=False, seed=3), calm)
    assert not simulate(500, 1_000, 130, drift=False, seed=4).equals(calm)


# --- what the bank knows ---


def test_what_the_rule_blocked_has_no_outcome_but_for_an_explored_share(rows):
    blocked = fraud.baseline(rows) > 0
    assert (rows["propensity"] == np.where(blocked, 0.05, 1.0)).all()
    assert rows.loc[~blocked, "observed"].all()
    assert rows.loc[blocked, "observed"].mean() == pytest.approx(0.05, abs=0.03)
    hidden = ~rows["observed"]
    assert rows.loc[hidden, ["outcome", "label_time"]].isna().all(axis=None)
    assert rows.loc[~hidden, ["outcome", "label_time"]].notna().all(axis=None)
    assert "is_fraud" not in rows


def test_a_hidden_truth_changes_nothing_that_is_loaded(raw, rows, tmp_path):
    for path in raw.glob("*.parquet"):
        log = pd.read_parquet(path)
        flipped = log["is_fraud"] ^ ~log["observed"]
        log.assign(is_fraud=flipped).to_parquet(tmp_path / path.name, index=False)
    pd.testing.assert_frame_equal(fraud.load(tmp_path, AS_OF), rows)


def test_features_know_nothing_of_what_comes_later(raw, rows):
    early = fraud.load(raw, AS_OF - 20 * DAY)
    pd.testing.assert_frame_equal(early, rows.head(len(early)), check_categorical=False)


def test_features_by_hand(raw, rows):
    row = rows.iloc[len(rows) * 3 // 4]
    log = pd.concat(map(pd.read_parquet, sorted(raw.glob("*.parquet"))))
    at, mine = row["event_time"], log[log["customer"] == row["unit"]]
    week = mine[(mine["time"] > at - 7 * DAY) & (mine["time"] <= at)]
    assert row["customer_payments_7d"] == pytest.approx(len(week), abs=1)
    where = log.loc[(log["time"] == at) & (log["customer"] == row["unit"]), "terminal"].iloc[0]
    there = log[(log["terminal"] == where) & (log["time"] < at - 7 * DAY)]
    month = there[there["time"] >= at - 37 * DAY]
    assert row["terminal_payments_30d"] == pytest.approx(len(month), abs=1)
    seen = month[month["observed"]]
    if len(seen):
        assert row["terminal_risk_30d"] == pytest.approx(seen["is_fraud"].mean())


# --- what is refused ---


def refusals(spoilt):
    report = validate_rows(mask_future(spoilt, AS_OF), fraud, AS_OF, None)
    return {failure.column: failure.reason for failure in report.failures}, report.bad_rows


def test_good_payments_pass(rows):
    assert refusals(rows)[0] == {}


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("amount", -3.0, "1 of"),
        ("currency", "USD", "such as 'USD'"),
        ("currency", None, "no nulls|not be null"),
        ("propensity", np.nan, "no nulls"),
        ("propensity", 0.0, "a probability in"),
        ("observed", False, ""),
        ("label_time", pd.Timestamp("2018-03-01", tz="UTC"), "not before event_time"),
    ],
)
def test_a_bad_payment_is_refused_and_held_back(rows, column, value, words):
    spoilt, place = rows.copy(), int(np.flatnonzero(rows["observed"])[100])
    if column in ("observed", "currency"):
        spoilt[column] = spoilt[column].astype(object)
    spoilt.iloc[place, spoilt.columns.get_loc(column)] = value
    reasons, bad = refusals(spoilt)
    told = " ".join(reasons.values())
    assert reasons, column
    for word in filter(None, words.split("|")[:1]):
        assert word in told or words.split("|")[-1] in told
    assert place in bad.index


def test_a_batch_in_cents_is_refused(rows):
    recent = rows["event_time"] > AS_OF - 31 * DAY
    in_cents = rows.assign(amount=rows["amount"].where(~recent, rows["amount"] * 100))
    assert "median" in " ".join(refusals(in_cents)[0].values())


def test_the_policy_holds_to_what_reviewers_manage(rows):
    from kpi_gate.evaluation.scored_model import actions
    from kpi_gate.run.candidate import policy_for

    settings = fraud.settings.model_copy(
        update={"policy": fraud.settings.policy.model_copy(update={"most": 5})}
    )
    case = replace(fraud, settings=settings)
    chosen = actions(policy_for(settings), case, np.full(len(rows), 0.99), rows)
    assert fraud.measures["blocks_a_day"](chosen, rows) == pytest.approx(5)
