from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kpi_gate.report.drift_section import drift_section
from kpi_gate.usecase.contract import Feature
from kpi_gate.watch.drift.explain import explain
from kpi_gate.watch.drift.impact import Joint, joint_shift
from kpi_gate.watch.drift.profile import bins_for, profile
from kpi_gate.watch.drift.shift import Period, shift_of

pytestmark = pytest.mark.slow

NUMBERS = ("balance_eur", "age", "visits", "noise")
FEATURES = (
    *(Feature(name, "number") for name in NUMBERS),
    Feature("job", "category"),
    Feature("zone", "category"),
)
USE_CASE = SimpleNamespace(features=FEATURES, settings=SimpleNamespace(model={"seed": 1}))
FIRST = pd.Timestamp("2024-01-01", tz="UTC")
JOBS = np.array([f"job {number}" for number in range(30)])
SHARES = 1 / np.arange(1, 31) / (1 / np.arange(1, 31)).sum()


def day_of(number, rows=1_000, seed=0, weekly=0.0):
    """Return the rows of one day; with `weekly` its weekend is another crowd."""
    generator = np.random.default_rng([seed, number])
    weekend = weekly * (number % 7 >= 5)
    balance = np.exp(generator.normal(size=rows) + weekend)
    return pd.DataFrame(
        {
            "event_time": FIRST + pd.to_timedelta(number + generator.random(rows), unit="D"),
            "balance_eur": np.where(generator.random(rows) < 0.3, 0.0, balance),
            "age": generator.integers(18, 90, rows),
            "visits": np.where(
                generator.random(rows) < 0.02, np.nan, generator.poisson(2 + weekend, rows)
            ),
            "noise": generator.normal(size=rows),
            "job": generator.choice(JOBS, rows, p=SHARES),
            "zone": generator.choice(["north", "south", None], rows, p=[0.6, 0.39, 0.01]),
        }
    )


def as_ever(rows, generator):
    return rows


def days(first, last, spoil=as_ever, **given):
    generator = np.random.default_rng(9)
    return pd.concat(
        [spoil(day_of(number, **given), generator) for number in range(first, last)],
        ignore_index=True,
    )


def score(rows):
    """Score by balance, age and zone; noise and visits are no matter."""
    logit = 0.5 * np.log1p(rows["balance_eur"]) + 0.02 * rows["age"] + (rows["zone"] == "north")
    return 1 / (1 + np.exp(2 - logit.to_numpy(dtype=float)))


def some(rows, generator, share):
    return generator.random(len(rows)) < share


def richer(rows, generator):
    return rows.assign(balance_eur=rows["balance_eur"] * 1.5)


def segment(rows, generator):
    """A new segment of one in twenty: young, noisy, often here."""
    new = some(rows, generator, 0.05)
    return rows.assign(
        age=rows["age"].mask(new, 18),
        noise=rows["noise"].mask(new, rows["noise"] + 1.5),
        visits=rows["visits"].mask(new, rows["visits"] + 3),
    )


def louder(rows, generator):
    return rows.assign(noise=rows["noise"] + 1)


def unknown_job(rows, generator):
    return rows.assign(job=rows["job"].mask(some(rows, generator, 0.02), "astronaut"))


def fewer_zones(rows, generator):
    return rows.assign(zone=rows["zone"].mask(some(rows, generator, 0.04)))


def shorn(rows, generator):
    return rows.assign(job=rows["job"].where(rows["job"] != "job 0", "job 1"))


REFERENCE = days(0, 28)


@cache
def told(spoil):
    return explain(REFERENCE, days(28, 35, spoil), USE_CASE, score)


def periods(rows, bins):
    grouped = rows.groupby(rows["event_time"].dt.floor("D"))
    return [Period(profile(part, bins), moment.weekday()) for moment, part in grouped]


def drifted(reference, current):
    bins = bins_for(reference, FEATURES)
    old, new = periods(reference, bins), periods(current, bins)
    return sorted(name for name in bins if shift_of(name, bins, old, new).drifted)


@pytest.mark.parametrize("cut", [1, 777, 6_999])
def test_profiles_of_parts_add_up_to_that_of_the_whole(cut):
    rows = segment(days(28, 35), np.random.default_rng(1))
    bins = bins_for(REFERENCE, FEATURES)
    whole = profile(rows, bins)
    parts = [profile(part, bins) for part in (rows[:cut], rows[cut:], rows[:0])]
    for name, counts in whole.items():
        assert counts.sum() == len(rows)
        assert (sum(part[name] for part in parts) == counts).all()
    assert whole["visits"][0] == rows["visits"].isna().sum()
    assert whole["zone"][0] == rows["zone"].isna().sum()


def test_whole_numbers_are_the_same_level_where_nulls_make_them_floats():
    feature = (Feature("code", "category"),)
    bins = bins_for(pd.DataFrame({"code": [3, 3, 7]}), feature)
    found = profile(pd.DataFrame({"code": [3, np.nan, 9]}), bins)["code"]
    assert found.tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize("weekly", [0.0, 1.0])
def test_sixty_quiet_days_raise_no_alarm_even_where_weekends_differ(weekly):
    rows = days(0, 95, rows=500, weekly=weekly)
    reference = rows[rows["event_time"] < FIRST + pd.Timedelta(days=28)]
    bins = bins_for(reference, FEATURES)
    counted = periods(rows, bins)
    alarms = [
        (day, name)
        for day in range(35, 95)
        for name in bins
        if shift_of(name, bins, counted[:28], counted[day - 3 : day]).drifted
    ]
    assert alarms == []


def test_rows_of_the_same_kind_are_not_told_apart():
    bins = bins_for(REFERENCE, FEATURES)
    joint = joint_shift(REFERENCE, days(28, 31), bins, seed=1)
    assert abs(joint.z) < 3
    assert not joint.unlikely()


def test_days_that_differ_among_themselves_widen_chance():
    joint = Joint(auc=0.56, z=12.0)
    assert joint.unlikely()
    assert joint.unlikely([Joint(0.5, 0.3), Joint(0.505, 1.2), Joint(0.49, -0.9)])
    assert not joint.unlikely([Joint(0.54, 9.0), Joint(0.55, 11.0), Joint(0.53, 7.0)])
    assert not Joint(auc=0.505, z=12.0).unlikely()
    assert not Joint(auc=0.56, z=2.9).unlikely()


def test_a_quiet_week_has_nothing_to_tell():
    report = told(as_ever)
    assert report.drifted == ()
    assert report.as_findings() == []
    assert report.sentence == "no column drifted; nothing here says that money was lost"
    assert report.score_now == pytest.approx(report.score_before, abs=0.01)
    assert all(column.psi < 0.01 for column in report.columns)


def test_a_new_segment_is_found_within_three_days_although_it_is_small():
    reference, new = days(0, 14, rows=2_000), days(14, 17, segment, rows=2_000)
    report = explain(reference, new, USE_CASE, score)
    assert report.joint_drifted
    finding = report.as_findings()[-1]
    assert (finding.check, finding.severity) == ("joint_shift", "note")
    for name in ("age", "noise", "visits"):
        assert name in finding.sentence.partition("most moved")[2]


def test_a_larger_business_sees_the_columns_of_a_new_segment_too():
    reference, new = days(0, 14, rows=5_000), days(14, 17, segment, rows=5_000)
    assert drifted(reference, new) == ["age", "noise", "visits"]


def test_an_irrelevant_column_drifts_and_contributes_nothing():
    report = told(louder)
    (column,) = report.drifted
    assert column.name == "noise"
    assert column.psi > 0.5
    assert column.in_a_row == 7
    assert (column.importance, column.contribution, column.score_shift) == (0, 0, 0)
    assert report.columns[0].name != "noise"
    (finding, _) = report.as_findings()
    assert finding.severity == "note"
    assert "7 days in a row" in finding.sentence
    assert "hardly moves the score" in finding.sentence


def test_a_column_that_moves_the_score_leads_the_ranking_and_warns():
    report = told(richer)
    (column,) = report.drifted
    assert report.columns[0] == column
    assert column.name == "balance_eur"
    change = score(richer(REFERENCE, None)).mean() - score(REFERENCE).mean()
    assert column.score_shift == pytest.approx(change, rel=0.2)
    assert report.score_now - report.score_before == pytest.approx(change, abs=0.012)
    finding = report.as_findings()[0]
    assert (finding.layer, finding.severity, finding.column) == ("drift", "warning", "balance_eur")
    assert finding.value == column.psi > finding.bound
    assert report.sentence.startswith("balance_eur moved (PSI ")
    assert "moves the mean score by +0.0" in report.sentence
    assert report.sentence.endswith("nothing here says that money was lost")


@pytest.mark.parametrize(
    ("spoil", "name"),
    [(unknown_job, "job"), (fewer_zones, "zone"), (shorn, "job")],
    ids=["new level", "nulls", "vanished level"],
)
def test_levels_and_nulls_are_watched(spoil, name):
    assert drifted(REFERENCE, days(28, 31, spoil)) == [name]


def test_one_odd_day_is_not_drift():
    bins = bins_for(REFERENCE, FEATURES)
    current = pd.concat([days(28, 34), days(34, 35, louder)])
    noise = shift_of("noise", bins, periods(REFERENCE, bins), periods(current, bins))
    assert (noise.recent, noise.in_a_row, noise.drifted) == (1, 1, False)


def test_days_with_few_rows_are_taken_together():
    reference = days(0, 112, rows=25)
    quiet = explain(reference, days(112, 140, rows=25), USE_CASE, score)
    assert quiet.period_days == 7
    assert quiet.drifted == ()
    loud = explain(reference, days(112, 140, louder, rows=25), USE_CASE, score)
    assert [column.name for column in loud.drifted] == ["noise"]
    assert "4 weeks in a row" in loud.sentence


def test_the_page_shows_what_moved_and_escapes_names():
    report = told(richer)
    html = drift_section(report)
    assert "balance_eur" in html
    assert 'class="champion"' in html
    assert html.count("<svg") == 1
    assert report.sentence in html
    named = report.columns[0].model_copy(update={"name": "<b>"})
    assert "<b>" not in drift_section(report.model_copy(update={"columns": (named,)}))


def test_the_same_rows_give_the_same_report():
    assert explain(REFERENCE, days(28, 35), USE_CASE, score) == told(as_ever)


def test_nothing_to_compare_is_said():
    empty = REFERENCE[:0]
    for pair in ((REFERENCE, empty), (empty, REFERENCE)):
        report = explain(*pair, USE_CASE, score)
        assert report.sentence == "there are no rows to compare"
        assert report.as_findings() == []
        assert "no rows" in drift_section(report)


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="the rows have no column age"):
        explain(REFERENCE, days(28, 29).drop(columns="age"), USE_CASE, score)
    with pytest.raises(ValueError, match="the reference has no column job"):
        explain(REFERENCE.drop(columns="job"), days(28, 29), USE_CASE, score)
