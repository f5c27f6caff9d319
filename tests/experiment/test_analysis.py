"""An experiment's analysis: its verdicts, and that nobody can peek."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.experiment_logs import STARTED, draw, on_day, plan
from kpi_gate.experiment.analysis import analyse
from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.exposures import read_exposures
from kpi_gate.experiment.log import LogError, frame_log
from kpi_gate.experiment.plan import Margin, Metric
from kpi_gate.experiment.unit_sums import UnitSums

PLAN = plan()
END = on_day(28)


def read(log, settled=PLAN, at=END):
    return analyse(log, settled, started=STARTED, as_of=at)


@pytest.fixture(scope="module")
def better():
    return draw(PLAN, 0.19, seed=1)


@pytest.mark.parametrize(
    ("effect", "seed", "verdict"),
    [
        (0.19, 1, "ship"),
        (0.0, 6, "keep"),
        (-0.4, 1, "keep"),
        (0.0, 9, "inconclusive"),
    ],
)
def test_each_verdict(effect, seed, verdict):
    found = read(draw(PLAN, effect, seed=seed))
    assert found.verdict == verdict, found.because
    assert found.faults == ()
    assert found.ended
    low, high = found.effect.lower, found.effect.upper
    if verdict == "ship":
        assert low > 0
    if effect < 0:
        assert high < 0
        assert found.stopped_for_harm
        assert found.looks == ()
        assert "does harm" in found.because
    if verdict == "inconclusive":
        assert low < 0 < high
        assert high > PLAN.minimum_effect


def test_the_effect_is_the_difference_of_means_and_its_money(better):
    found = read(better)
    cut = better[better["time"] < pd.Timestamp(found.looks[-1].at)]
    by_arm = cut.groupby("arm")["amount"]
    mean, error = by_arm.mean(), by_arm.sem()
    assert found.effect.estimate == pytest.approx(mean["treatment"] - mean["control"])
    assert found.effect.standard_error == pytest.approx(np.hypot(*error))
    assert found.money[0] == pytest.approx(found.effect.estimate * PLAN.horizon_decisions)
    assert (found.split.control, found.split.treatment) == tuple(by_arm.size())


def test_between_looks_nothing_is_tested(better):
    for day in (0, 1, 3, 6.9):
        found = read(better, at=on_day(day))
        assert (found.verdict, found.looks, found.effect) == ("running", (), None)
        assert found.next_look == on_day(7)
        assert len(found.days) == int(day)
    later = read(better, at=on_day(9.5))
    assert len(later.looks) == 1
    assert later.effect == later.looks[0].effect
    assert later.next_look == on_day(14)


@pytest.mark.slow
def test_whoever_peeks_each_day_sees_the_same_as_who_waits():
    """The looks of every day are the first ones of the end; no day has another verdict."""
    log = draw(PLAN, 0.13, seed=3)
    last = read(log)
    for day in range(1, 35):
        cut = log[log["time"] <= pd.Timestamp(on_day(day))]
        for given_log in (log, cut):  # a replay, and what was there on the day
            found = read(given_log, at=on_day(day))
            assert found.looks == last.looks[: len(found.looks)]
            assert found.days == last.days[: len(found.days)]
            if found.ended:
                assert (found.verdict, found.effect) == (last.verdict, last.effect)
            else:
                assert len(found.looks) < 4


def test_what_comes_later_changes_no_verdict(better):
    """Not rows after the look, not outcomes that were known after it, not a broken log."""
    early = read(better)
    after = better["time"] >= pd.Timestamp(early.looks[-1].at)
    worse = better.copy()
    worse.loc[after, "amount"] -= 100.0
    worse.loc[after, "arm"] = "control"
    found = read(worse)
    assert (found.verdict, found.effect, found.looks) == (early.verdict, early.effect, early.looks)


def test_an_outcome_counts_at_a_look_only_if_it_was_known_then():
    settled = plan(label_delay_days=10)
    log = draw(settled, 0.19, seed=1)
    log["outcome_time"] = log["time"] + pd.Timedelta(days=9)
    assert read(log, settled, on_day(16.9)).looks == ()
    in_time = read(log, settled, on_day(17))
    assert in_time.looks[0].readable_at == on_day(17)
    assert in_time.known_outcomes == 1.0
    late = log.copy()
    late.loc[::2, "outcome_time"] += pd.Timedelta(days=20)
    fewer = read(late, settled, on_day(17))
    assert fewer.known_outcomes == pytest.approx(0.5, abs=0.05)
    assert sum(fewer.looks[0].effect.decisions) == pytest.approx(
        sum(in_time.looks[0].effect.decisions) / 2, rel=0.1
    )
    unknown = log.assign(amount=log["amount"].where(log.index % 2 == 1))
    assert read(unknown, settled, on_day(17)).looks[0].effect.decisions == (
        fewer.looks[0].effect.decisions
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.2, -0.2]))
def test_the_order_of_rows_does_not_matter(seed, effect):
    log = draw(PLAN, effect, units=400, rows=3, seed=seed, personal=0.5)
    one = read(log)
    other = read(log.sample(frac=1, random_state=seed))
    assert one.verdict == other.verdict
    assert [day.estimate for day in one.days] == pytest.approx([day.estimate for day in other.days])
    assert one.split == other.split


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_swapped_arms_turn_the_sign(seed):
    log = draw(PLAN, 0.1, seed=seed)
    turned = log.assign(
        arm=log["arm"].map({"control": "treatment", "treatment": "control"}),
        policy_version=log["policy_version"].map({"v1": "v2", "v2": "v1"}),
    )
    days, back = read(log, at=on_day(6)).days, read(turned, at=on_day(6)).days
    both = [
        pair for pair in zip(days, back, strict=False) if None not in [d.estimate for d in pair]
    ]
    assert both  # harm may end one of them earlier
    assert [one.estimate for one, _ in both] == pytest.approx([-two.estimate for _, two in both])


def test_frames_tables_and_files_say_the_same(better, tmp_path):
    wanted = read(better)
    better.to_parquet(tmp_path / "log.parquet")
    better.to_csv(tmp_path / "log.csv", index=False)
    forms = (pa.Table.from_pandas(better), tmp_path / "log.parquet", str(tmp_path / "log.csv"))
    for form in forms:
        found = read(form)
        assert (found.verdict, found.effect.units) == (wanted.verdict, wanted.effect.units)
        assert found.effect.estimate == pytest.approx(wanted.effect.estimate)
    with pytest.raises(LogError, match="no such file"):
        read(tmp_path / "nowhere.parquet")


def test_it_comes_back_from_its_json(better):
    for at in (on_day(3), on_day(9), END):
        found = read(better, at=at)
        assert type(found).model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("given_plan", "started", "at", "words"),
    [
        (PLAN, STARTED, on_day(-1), "as_of is .* must not be before the start"),
        (PLAN, STARTED.replace(tzinfo=None), END, "started is .* with its time zone"),
        (PLAN, STARTED, "2026-05-10", "as_of is '2026-05-10'"),
        ({"weeks": 4}, STARTED, END, "plan is dict, must be a Plan"),
    ],
)
def test_a_wrong_call_is_an_error_that_names_it(better, given_plan, started, at, words):
    with pytest.raises(ExperimentError, match=words):
        analyse(better, given_plan, started=started, as_of=at)


def margins(direction, effect):
    settled = plan(margins=(Margin(column="cost", direction=direction, margin=0.3),))
    log = draw(settled, 0.3, seed=2)
    random = np.random.default_rng(2)
    treated = log["arm"] == "treatment"
    return read(log.assign(cost=random.normal(0, 0.3, len(log)) + effect * treated), settled)


@pytest.mark.parametrize(
    ("direction", "effect", "verdict", "passed"),
    [
        ("fall", 0.0, "ship", True),
        ("rise", 0.0, "ship", True),
        ("fall", -0.6, "keep", False),
        ("rise", 0.6, "keep", False),
        ("fall", 0.6, "ship", True),
        ("rise", -0.3, "ship", True),
        ("fall", -0.3, "inconclusive", False),
    ],
)
def test_a_benefit_ships_only_if_no_guardrail_may_be_worse(direction, effect, verdict, passed):
    found = margins(direction, effect)
    assert (found.verdict, found.margins[0].passed) == (verdict, passed), found.because
    if not passed:
        assert "cost" in found.because


def test_a_plan_of_cuped_sees_more_with_the_past():
    settled = plan(covariate_correlation=0.8)
    log = draw(settled, 0.1, seed=4, personal=1.0, spread=0.5)
    random = np.random.default_rng(4)
    assert "past" in read(log, settled).faults[0].reason
    names, index = np.unique(log["unit"], return_inverse=True)
    own = log.groupby("unit")["amount"].mean().reindex(names).to_numpy()
    own = own - 0.1 * (log.groupby("unit")["arm"].first().reindex(names) == "treatment").to_numpy()
    past = (own + 0.5 * random.normal(size=names.size))[index]
    plain, freed = read(log), read(log.assign(past=past), settled)
    first, second = plain.looks[0].effect, freed.looks[0].effect
    assert second.variance_reduction > 0.6
    assert second.standard_error < 0.65 * first.standard_error
    assert abs(second.estimate - 0.1) < 3 * second.standard_error


def measured(log, settled):
    table = frame_log(log, settled)
    exposures = read_exposures(table, settled, STARTED, END)
    sums = UnitSums(exposures, settled.metric.denominator, past=False)
    sums.add(0, 28)
    found = sums.measured()
    assert np.square(sums.influence()).sum() ** 0.5 == pytest.approx(found.standard_error, rel=0.05)
    return found


@pytest.mark.parametrize(
    ("denominator", "smaller"), [("decisions", 0.5), ("action", 0.5), ("units", 1.0)]
)
def test_only_where_they_differ_is_compared_and_scaled_back_to_the_truth(denominator, smaller):
    """On the same logs the effect is the untriggered one, with a smaller error."""
    settled = plan(metric=Metric(denominator=denominator))
    found, errors = [], []
    for seed in range(40):
        log = draw(settled, 0.0, units=600, rows=6, seed=seed)
        random = np.random.default_rng(seed)
        differs = random.random(len(log)) < 0.05
        treated = (log["arm"] == "treatment").to_numpy()
        shown = 1.0 + random.integers(0, 3, len(log))
        other = shown + differs
        log["action"] = np.where(treated, other, shown)
        log["other_action"] = np.where(treated, shown, other)
        log["amount"] += 3 * (treated & differs)
        compared = measured(log, settled)
        plain = measured(log.drop(columns="other_action"), settled)
        found.append((compared.estimate, plain.estimate))
        errors.append((compared.standard_error, plain.standard_error))
        assert plain.triggered == 1
        if denominator != "units":
            assert compared.triggered == pytest.approx(0.05, rel=0.5)
    estimates, mean_error = np.asarray(found), np.mean(errors, axis=0)
    apart = estimates[:, 0] - estimates[:, 1]
    assert abs(apart.mean()) < 3.5 * apart.std() / np.sqrt(len(apart))
    assert mean_error == pytest.approx(estimates.std(axis=0), rel=0.4)
    assert mean_error[0] < smaller * mean_error[1]


def test_a_ratio_counts_units_and_not_rows():
    """Rows of a unit hang together: the error is that of its sums."""
    log = draw(PLAN, 0.0, units=500, rows=20, seed=5, personal=1.0, spread=0.1)
    found = read(log, at=on_day(27)).looks[-1].effect
    assert found.standard_error == pytest.approx(2 / np.sqrt(500), rel=0.15)
