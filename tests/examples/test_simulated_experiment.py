"""The log of a simulated experiment holds what its world says, and its truth is the truth."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sample_experiments import plan

from kpi_gate.examples.sources.simulated_experiment import Opportunities, Reaction, expose
from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.plan import Metric

STARTED = datetime(2024, 3, 4, tzinfo=UTC)
ROWS = 200_000


def opportunities(seed=1, *, shown=False):
    """Customers who come in five weeks, one before the start; the treatment earns 0.2 more."""
    chance = np.random.default_rng(seed)
    seconds = chance.uniform(-7 * 86_400, 35 * 86_400, ROWS)
    time = pd.Series(pd.Timestamp(STARTED) + pd.to_timedelta(seconds, unit="s"))
    unit = chance.integers(0, 20_000, ROWS).astype(str)
    old, new = (chance.random(ROWS) < 0.3).astype(float), (chance.random(ROWS) < 0.3).astype(float)
    if shown:
        bought = chance.random(ROWS) < np.where(new > 0, 0.4, 0.2)
        return Opportunities(time, unit, (old, new), (old * bought, new * bought))
    base = chance.normal(1, 1, ROWS)
    return Opportunities(time, unit, (old, new), (base + old, base + new * 2))


def means(log):
    return log.groupby("arm")["amount"].mean()


def test_the_truth_is_what_both_policies_earn_apart():
    found, asked = opportunities(), plan()
    log, effect = expose(found, asked, STARTED)
    inside = (found.time >= STARTED) & (found.time < STARTED + timedelta(weeks=4))
    assert len(log) == inside.sum()
    difference = (found.amounts[1] - found.amounts[0])[inside]
    assert effect == pytest.approx(difference.mean())
    seen = means(log)
    assert seen["treatment"] - seen["control"] == pytest.approx(effect, abs=0.03)


@pytest.mark.parametrize("transfer", [0.0, 0.5, 1.0])
def test_only_what_the_world_lets_through_arrives(transfer):
    found, asked = opportunities(), plan()
    _, whole = expose(found, asked, STARTED)
    log, effect = expose(found, asked, STARTED, Reaction(transfer=transfer))
    assert effect == pytest.approx(whole * transfer)
    seen = means(log)
    assert seen["treatment"] - seen["control"] == pytest.approx(effect, abs=0.03)


def test_novelty_fades():
    log, _ = expose(opportunities(), plan(), STARTED, Reaction(transfer=0.4, novelty=1.0))
    week = (log["time"] - STARTED).dt.days // 7
    by_week = log.groupby([week, "arm"])["amount"].mean().unstack()
    effect = by_week["treatment"] - by_week["control"]
    assert effect.iloc[0] > effect.iloc[3] + 0.05


def test_a_unit_stays_in_the_arm_of_its_hash_and_is_served_by_its_policy():
    asked = plan()
    log, _ = expose(opportunities(), asked, STARTED)
    assert (log.groupby("unit")["arm"].nunique() == 1).all()
    assert (arms(log["unit"], asked) == log["arm"]).all()
    assert set(zip(log["arm"], log["policy_version"], strict=True)) == {
        ("control", "v1"),
        ("treatment", "v2"),
    }


def test_a_ratio_counts_what_was_shown():
    asked = plan(metric=Metric(numerator="outcome", denominator="action"))
    found = opportunities(shown=True)
    log, effect = expose(found, asked, STARTED)
    assert ((log["action"] != 0) | (log["other_action"] != 0)).all()
    assert (log.loc[log["action"] == 0, "outcome"] == 0).all()
    sums = log.groupby("arm")[["outcome", "action"]].sum()
    rate = sums["outcome"] / sums["action"]
    assert effect == pytest.approx(0.14, abs=0.02)
    assert rate["treatment"] - rate["control"] == pytest.approx(effect, abs=0.02)
    same = log[log["action"] == log["other_action"]].groupby("arm")["outcome"].mean()
    assert same["treatment"] == pytest.approx(same["control"], abs=0.02)
    half, halved = expose(found, asked, STARTED, Reaction(transfer=0.5))
    sums = half.groupby("arm")[["outcome", "action"]].sum()
    rate = sums["outcome"] / sums["action"]
    assert halved == pytest.approx(effect / 2, abs=0.005)
    assert rate["treatment"] - rate["control"] == pytest.approx(halved, abs=0.02)


def test_the_same_seed_writes_the_same_log():
    logs = [expose(opportunities(), plan(), STARTED, Reaction(0.5)).log for _ in range(2)]
    pd.testing.assert_frame_equal(*logs)
