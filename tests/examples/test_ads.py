"""The simulated log is what it says, SNIPS finds its truth, and broken rows are refused."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kpi_gate.data.snapshot import mask_future
from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.judge import judge
from kpi_gate.evaluation.scored_model import actions, score
from kpi_gate.evaluation.valuation import estimate, worth
from kpi_gate.examples import ads as module
from kpi_gate.examples.sources.open_bandit import OBJECTIVE
from kpi_gate.examples.sources.simulated_ads import (
    FLOOR_SHARE,
    GROUPS,
    SLOTS,
    START,
    simulate,
    world,
)
from kpi_gate.run.candidate import policy_for
from kpi_gate.usecase import discovery

pytestmark = pytest.mark.slow

DAYS, ADS, SEED = 50, 80, 7
AS_OF = datetime(2024, 2, 20, tzinfo=UTC)
ads = discovery.load("ads")


@pytest.fixture(scope="module")
def truth():
    return world(ADS, DAYS, 45, SEED)


@pytest.fixture(scope="module")
def log(truth):
    return simulate(truth, 3_000, 1_500, SEED)


@pytest.fixture(scope="module")
def rows(log):
    told = module.tell(log)
    delay = timedelta(days=module.DELAY_DAYS)
    return module.with_features(told.assign(label_time=told["event_time"] + delay))


@pytest.fixture(scope="module")
def few(rows):
    return rows[::10].reset_index(drop=True)


def day_of(log):
    return (log["time"] - START).dt.days.to_numpy()


def earned(truth, log, chances):
    """Return what a policy truly earns a slot, serving cost apart."""
    clicks = truth.click_chance(day_of(log), log["group"].to_numpy(), log["slot"].to_numpy())
    return float((chances * clicks * truth.price).sum(axis=1).mean())


def leaning(truth, log, sign):
    """Return a policy that knows the truth and leans to the best, or (-1) to the worst."""
    clicks = truth.click_chance(day_of(log), log["group"].to_numpy(), log["slot"].to_numpy())
    weight = (clicks * truth.price) ** sign
    return 0.3 / ADS + 0.7 * weight / weight.sum(axis=1, keepdims=True)


def of_the_log(log, chances):
    return chances[np.arange(len(log)), log["ad"].to_numpy()]


# --- the world ---


def test_the_log_has_the_shape_of_the_open_bandit_data(log):
    assert log["click"].mean() == pytest.approx(0.0045, rel=0.35)
    assert set(log["ad"]) == set(range(ADS))
    assert set(log["slot"]) == set(SLOTS)
    assert set(log["group"]) == set(range(len(GROUPS)))
    assert log["time"].is_monotonic_increasing
    assert not log.duplicated(["user", "ad", "time"]).any()
    assert log["user"].value_counts().median() > 10


def test_ads_are_drawn_with_the_chance_that_is_logged(truth, log):
    assert truth.propensity.sum(axis=2) == pytest.approx(1)
    assert log["propensity"].min() >= FLOOR_SHARE / ADS
    # under any fixed policy the weights have mean 1, ad by ad
    weight = pd.Series(1 / ADS / log["propensity"]).groupby(log["ad"]).sum() / len(log)
    assert weight.to_numpy() == pytest.approx(1 / ADS, rel=0.15)


def test_clicks_come_with_their_true_chance(truth, log):
    chance = of_the_log(
        log, truth.click_chance(day_of(log), log["group"].to_numpy(), log["slot"].to_numpy())
    )
    for column in ("slot", "group"):
        seen = log["click"].groupby(log[column]).sum()
        expected = pd.Series(chance).groupby(log[column]).sum()
        assert (np.abs(seen - expected) < 4 * np.sqrt(expected)).all()


def test_the_same_seed_is_the_same_log(truth, log):
    pd.testing.assert_frame_equal(simulate(truth, 3_000, 1_500, SEED), log)
    assert not simulate(truth, 3_000, 1_500, SEED + 1).equals(log)


def test_appeal_wanders_unless_the_world_stands_still():
    for half_life, least, most in ((45, 0.35, 0.65), (np.inf, 0.999, 1.001)):
        kept = []
        for seed in range(10):
            appeal = world(ADS, 50, half_life, seed).appeal.mean(axis=1)
            kept.append(np.corrcoef(appeal[0], appeal[45])[0, 1])
        assert least <= np.mean(kept) <= most


# --- what the log says of another policy ---


@pytest.mark.parametrize("sign", [1, -1])
def test_snips_finds_what_a_policy_truly_earns(truth, log, rows, sign):
    policy = leaning(truth, log, sign)
    chance, alike = of_the_log(log, policy), ads.baseline(rows)
    parameters = {"serving_cost": 0.0}
    values = (rows["outcome"] * rows["click_price"]).to_numpy()
    found = estimate(ads, rows, (alike, chance), (values, values), parameters)
    error = found.difference.std() / np.sqrt(len(rows))
    true = earned(truth, log, policy) - earned(truth, log, np.full_like(policy, 1 / ADS))
    assert np.sign(true) == sign
    assert found.difference.mean() == pytest.approx(true, abs=4 * error)
    assert worth(ads, rows, chance, parameters) == pytest.approx(
        earned(truth, log, policy), abs=4 * error
    )
    assert found.diagnostics["effective_share_candidate"] > 0.1


def judged(rows, champion, candidate, tmp_path):
    table = pd.DataFrame(
        {
            "unit": rows["unit"],
            "event_time": rows["event_time"],
            "row_id": np.arange(len(rows)),
            "slot": rows["slot"],
            "reward": rows["outcome"] * rows["click_price"],
            "propensity": rows["propensity"],
            "probability_champion": champion,
            "probability_candidate": candidate,
        }
    )
    table.to_parquet(tmp_path / "rows.parquet", index=False)
    quick = OBJECTIVE.replace("objective:\n", "objective:\n  resamples: 1000\n")
    (tmp_path / "objective.yaml").write_text(quick, encoding="utf-8")
    return judge(tmp_path / "rows.parquet", tmp_path / "objective.yaml")


def test_the_gate_promotes_a_truly_better_policy_and_no_worse_one(truth, log, rows, tmp_path):
    better, worse = (of_the_log(log, leaning(truth, log, sign)) for sign in (1, -1))
    alike = ads.baseline(rows)
    assert judged(rows, alike, better, tmp_path).verdict == Verdict.PROMOTE
    assert judged(rows, alike, worse, tmp_path).verdict == Verdict.REJECT
    assert judged(rows, better, alike, tmp_path).verdict == Verdict.REJECT
    assert judged(rows, better, better, tmp_path).verdict != Verdict.PROMOTE


def test_a_model_learnt_from_the_log_truly_earns_more_and_is_promoted(truth, log, rows, tmp_path):
    past, later = day_of(log) < 38, np.flatnonzero(day_of(log) >= 38)
    model = ads.estimator(ads.settings.model)
    model.fit(rows.loc[past, ads.feature_names], rows.loc[past, "outcome"])
    shown, drawn = rows.iloc[later], log.iloc[later].reset_index(drop=True)
    policy = policy_for(ads.settings)
    scores = score(model, shown, ads.feature_names, ads)
    chance = actions(policy, ads, scores, shown)
    money = scores * module.PRICES - policy.parameters["serving_cost"]
    chances = policy.chances(money)  # of every ad
    assert chance == pytest.approx(of_the_log(drawn, chances))
    assert earned(truth, drawn, chances) > 1.1 * earned(
        truth, drawn, np.full_like(chances, 1 / ADS)
    )
    decision = judged(shown, ads.baseline(shown), chance, tmp_path)
    assert decision.gain.estimate > 0
    assert decision.verdict in (Verdict.PROMOTE, Verdict.INSUFFICIENT_EVIDENCE, Verdict.HOLD)


def test_another_ad_has_its_own_price_and_features(rows):
    told = module.show_instead(rows.head(5), "ad07")
    assert (told["item"] == "ad07").all()
    assert (told["click_price"] == module.PRICES[7]).all()
    again = module.with_features(told.drop(columns=["ad", "group", "ad_in_group"]))
    pd.testing.assert_frame_equal(again[list(told)], told, check_dtype=False)


def test_the_share_of_the_top_ad_is_that_of_the_policy_and_not_of_the_log(rows):
    only = (rows["item"] == "ad03").to_numpy(dtype=float)
    assert module.top_ad_share(only, rows) == pytest.approx(1)
    assert module.top_ad_share(ads.baseline(rows), rows) == pytest.approx(1 / ADS, rel=0.15)


# --- what is refused ---


def refusals(spoilt):
    report = validate_rows(mask_future(spoilt, AS_OF), ads, AS_OF, None)
    return {failure.column: failure.reason for failure in report.failures}, report.bad_rows


def test_a_good_log_passes(few):
    assert refusals(few)[0] == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("propensity", np.nan),
        ("propensity", 0.0),
        ("propensity", -0.1),
        ("propensity", 1.25),  # a percentage
        ("item", "ad80"),
        ("item", None),
        ("slot", np.nan),
        ("slot", 4),
        ("user_group", None),
        ("click_price", -0.4),
        ("click_price", 40.0),
        ("click_price", np.nan),
        ("currency", "USD"),
        ("currency", None),
        ("outcome", 2.0),
    ],
)
def test_a_bad_row_is_refused_and_held_back(few, column, value):
    spoilt, place = few.copy(), 100
    kind = float if column == "slot" else object
    if column in ("slot", "item", "user_group", "currency"):
        spoilt[column] = spoilt[column].astype(kind)
    spoilt.iloc[place, spoilt.columns.get_loc(column)] = value
    reasons, bad = refusals(spoilt)
    assert column in reasons
    assert place in bad.index


def test_a_batch_in_cents_is_refused(few):
    recent = few["event_time"] > AS_OF - timedelta(days=7)
    price = few["click_price"].where(~recent, few["click_price"] * 100)
    reasons, bad = refusals(few.assign(click_price=price))
    assert "click_price" in reasons
    assert len(bad) == recent.sum()


def test_a_log_without_propensities_is_refused(few):
    assert "propensity" in refusals(few.drop(columns="propensity"))[0]
