"""The size of an experiment: published examples, simulations, and whether it is worth it."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.plan import Margin, Metric
from kpi_gate.experiment.planning import plan_experiment, units_needed

LAST = datetime(2026, 5, 1, tzinfo=UTC)


def history(units=2_000, weeks=4, rows=4, seed=0, personal=1.0, spread=1.0, returning=True):
    """Return decisions of units that return over the weeks, or come in one week alone."""
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), rows)
    own = random.normal(size=units)
    week = random.integers(0, weeks, unit.size if returning else units)
    week = week if returning else np.repeat(week, rows)
    ago = 7 * (week + random.random(unit.size))
    action = 1.0 + random.integers(0, 4, unit.size)
    return pd.DataFrame(
        {
            "time": pd.Timestamp(LAST) - pd.to_timedelta(ago, unit="D"),
            "unit": unit,
            "action": action,
            "amount": 5 + personal * own[unit] + spread * random.normal(size=unit.size),
            "outcome": random.binomial(action.astype(int), 0.2 + 0.1 * (own[unit] > 0)),
            "past": own[unit] + 0.5 * random.normal(size=units)[unit],
        }
    )


HISTORY = history()


def settle(rows=HISTORY, **changed):
    given = {
        "use_case": "toy",
        "kpi": "margin",
        "unit": "EUR",
        "horizon_decisions": 1_000_000,
        "control": "v1",
        "treatment": "v2",
        "minimum_effect": 0.1,
    }
    return plan_experiment(rows, **given | changed)


@pytest.mark.parametrize(
    ("spread", "effect", "published"),
    [
        (30.0, 0.05 * 3.75, 409_600),  # spend of 3.75 a visitor, to see 5 % of it
        ((0.05 * 0.95) ** 0.5, 0.05 * 0.05, 121_600),  # conversion of 5 %, to see 5 % of it
    ],
)
def test_the_examples_of_kohavi_and_others(spread, effect, published):
    """Kohavi, Longbotham et al. 2009, section 3.2: `16 sd^2 / effect^2` users in each variant.

    Their 16 is 2 (1.96 + 0.84)^2 = 15.7, rounded up.
    """
    found = units_needed(spread, effect) / 2
    assert round(16 * spread**2 / effect**2) == published
    assert found == pytest.approx(published * 15.698 / 16, rel=1e-3)


@pytest.mark.parametrize(
    ("effect", "power", "published"),
    [(0.2, 0.8, 393), (0.5, 0.8, 63), (0.8, 0.8, 25), (0.5, 0.9, 85), (0.25, 0.9, 337)],
)
def test_the_tables_of_two_normal_samples(effect, power, published):
    """By the normal quantiles, as in Chow, Shao and Wang: per arm, in standard deviations."""
    assert -(-units_needed(1.0, effect, power=power) // 2) == published


def test_the_calculator_of_evan_miller():
    """Baseline 20 %, 5 points more or less: 1,030 a variation.

    His formula takes the variance under the effect too, which adds 2.5 % here.
    """
    found = units_needed((0.2 * 0.8) ** 0.5, 0.05) / 2
    both = (1.96 * (2 * 0.16) ** 0.5 + 0.8416 * (0.16 + 0.25 * 0.75) ** 0.5) ** 2 / 0.05**2
    assert round(both) == 1_030
    assert found == pytest.approx(1_030, rel=0.03)


def test_looks_covariates_and_uneven_arms_change_the_size_as_the_formulas_say():
    once = units_needed(1.0, 0.01)
    assert units_needed(1.0, 0.01, looks=4) / once == pytest.approx(1.024, abs=5e-4)
    assert units_needed(1.0, 0.01, covariate_correlation=0.8) / once == pytest.approx(
        0.36, rel=1e-4
    )
    assert units_needed(1.0, 0.01, treatment_share=0.1) / once == pytest.approx(
        0.25 / 0.09, rel=1e-4
    )


def power_of(plan, rows, value, past=None):
    """Return how often random halves of so many units show the smallest effect at the end."""
    random = np.random.default_rng(1)
    by_unit = rows.groupby("unit")
    top = by_unit[value].sum().to_numpy(float)
    bottom = by_unit["action" if plan.metric.denominator == "action" else value].agg(
        "sum" if plan.metric.denominator == "action" else "count"
    )
    bottom = bottom.to_numpy(float)
    before = None if past is None else by_unit[past].mean().to_numpy()
    n, seen = plan.units_per_arm, 0
    for _ in range(600):
        pick = random.integers(0, top.size, (2, n))
        sides = []
        for arm, chosen in enumerate(pick):
            a, b = top[chosen] + arm * plan.minimum_effect * bottom[chosen], bottom[chosen]
            ratio = a.sum() / b.sum()
            left = (a - ratio * b) / b.mean()
            if before is not None:
                x = before[chosen] - before.mean()
                theta = np.cov(left, x)[0, 1] / x.var()
                ratio, left = ratio - theta * x.mean(), left - theta * x
            sides.append((ratio, left.var() / n))
        z = (sides[1][0] - sides[0][0]) / np.sqrt(sides[0][1] + sides[1][1])
        seen += z > 1.96
    return seen / 600


@pytest.mark.parametrize(
    ("metric", "value", "effect", "past"),
    [
        (Metric(), "amount", 0.1, None),
        (Metric(), "amount", 0.05, "past"),
        (Metric(numerator="outcome", denominator="action"), "outcome", 0.012, None),
    ],
)
def test_the_planned_size_has_the_planned_power(metric, value, effect, past):
    rows = history(units=20_000, rows=3, returning=False)
    plan = settle(rows, metric=metric, minimum_effect=effect, past_column=past, looks=1)
    assert power_of(plan, rows, value, past) == pytest.approx(0.8, abs=0.05)
    if past:
        assert plan.covariate_correlation > 0.5


def test_weeks_are_those_in_which_so_many_units_come():
    rows = history(units=20_000, rows=3, returning=False)
    plan = settle(rows, minimum_effect=0.08)
    assert plan.units_per_week == pytest.approx(5_000, rel=0.03)
    assert plan.weeks == pytest.approx(np.ceil(2 * plan.units_per_arm / plan.units_per_week), abs=1)
    more = settle(rows, minimum_effect=0.02)
    assert more.weeks == pytest.approx(np.ceil(2 * more.units_per_arm / 5_000), rel=0.05)


def test_units_that_return_bring_less_than_new_ones():
    """The same units again, whose spread is their own: more weeks make nothing surer."""
    rows = history(units=500, weeks=8, rows=80, personal=1.0, spread=0.1)
    plan = settle(rows, minimum_effect=0.05, model_life_days=90)
    assert plan.weeks > 100
    assert not plan.worth_it
    assert "the models of this use case live 3 months: not worth it, use a holdback" in plan.advice


def test_time_until_outcomes_are_mature_counts():
    plan = settle(minimum_effect=0.2, label_delay_days=60, model_life_days=90)
    assert plan.worth_it
    assert "60 days until the outcomes are known" in plan.advice
    longer = settle(minimum_effect=0.2, label_delay_days=85, model_life_days=90)
    assert longer.days > 90 > plan.days
    assert not longer.worth_it


def test_the_advice_of_the_readme():
    rows = history(units=3_000, weeks=4, rows=1, returning=False)
    plan = settle(rows, minimum_effect=0.0725, model_life_days=91)
    assert plan.advice.endswith(
        "live 3 months: not worth it, use a holdback, or plan for a larger effect"
    )
    assert "at today's pace it takes " in plan.advice
    assert "months" in plan.advice.split(";")[0]


def test_where_policies_agree_less_units_are_needed():
    rows = history(units=5_000, returning=False)
    whole, tenth = settle(rows), settle(rows, disagreement=0.1)
    assert tenth.standard_deviation**2 == pytest.approx(0.1 * whole.standard_deviation**2, rel=0.1)
    assert tenth.units_per_arm == pytest.approx(0.1 * whole.units_per_arm, rel=0.1)


def test_the_same_history_is_the_same_plan_and_another_treatment_another_salt():
    one, other = settle(), settle(HISTORY.sample(frac=1, random_state=1))
    assert (one.weeks, one.units_per_arm, one.salt) == (
        other.weeks,
        other.units_per_arm,
        other.salt,
    )
    assert settle().salt == settle().salt != settle(treatment="v3").salt
    margin = Margin(column="cost", margin=0.1)
    assert settle(margins=[margin], decision="abc", kind="holdback").margins == (margin,)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"minimum_effect": 0}, "minimum_effect is 0, must be a number > 0"),
        ({"minimum_effect": float("nan")}, "minimum_effect is nan"),
        ({"minimum_effect": "1"}, "minimum_effect is '1'"),
        ({"confidence": 1.0}, "confidence is 1.0, must be a number >= 0.8 and < 1"),
        ({"power": 0.2}, "power is 0.2, must be a number >= 0.5 and < 1"),
        ({"treatment_share": 1}, "treatment_share is 1, must be a number > 0 and < 1"),
        ({"disagreement": 0}, "disagreement is 0, must be a number > 0 and <= 1"),
        ({"looks": 2.5}, "looks is 2.5, must be a whole number >= 1 and <= 20"),
        ({"horizon_decisions": 0}, "horizon_decisions is 0"),
        ({"label_delay_days": -1}, "label_delay_days is -1, must be a number >= 0"),
        ({"model_life_days": 0}, "model_life_days is 0"),
        ({"covariate_correlation": 1}, "covariate_correlation is 1, must be a number > -1 and < 1"),
        ({"unit_column": "customer"}, "no column 'customer' for the unit; it has time, unit"),
        ({"past_column": "was"}, "no column 'was' for the past"),
        ({"value_column": "time"}, "'time'.* must hold numbers"),
        ({"time_column": "amount"}, "must hold times with a zone"),
    ],
)
def test_a_bad_argument_is_named_with_its_value_and_bound(changed, words):
    with pytest.raises(ExperimentError, match=words):
        settle(**changed)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("rows", "history is str, must be a pandas.DataFrame"),
        (HISTORY.iloc[:0], "history has 0 units with a value, must have at least 2"),
        (HISTORY.assign(amount=np.nan), "history has 0 units"),
        (HISTORY.assign(amount=3.0), "is 3 in all rows, must vary"),
        (HISTORY.assign(amount=np.inf), "has 8000 infinite values"),
        (HISTORY.assign(time=HISTORY["time"].dt.tz_localize(None)), "must hold times with a zone"),
    ],
)
def test_a_history_that_cannot_say_a_size_is_refused(rows, words):
    with pytest.raises(ExperimentError, match=words):
        settle(rows)


def test_a_negative_action_is_refused():
    with pytest.raises(ExperimentError, match="must hold numbers >= 0"):
        settle(HISTORY.assign(action=-1.0), metric=Metric(denominator="action"))


@pytest.mark.parametrize(
    ("days", "quiet"),
    [(range(56), 0), (range(0, 56, 7), 6), ([d for d in range(56) if d % 7 < 5], 2)],
)
def test_the_silence_that_is_usual_is_read_from_history(days, quiet):
    rows = pd.concat(
        [
            HISTORY.head(200).assign(
                time=pd.Timestamp("2026-01-05", tz="UTC") + pd.Timedelta(days=day)
            )
            for day in days
        ]
    )
    assert settle(rows).quiet_days == quiet
