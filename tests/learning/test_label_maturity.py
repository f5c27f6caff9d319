from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kpi_gate import pipeline
from kpi_gate.decision.verdict import Verdict
from kpi_gate.learning.label_maturity import (
    Maturity,
    MaturityCurve,
    maturity_curve,
    measure_maturity,
    missing_by_day,
)
from kpi_gate.learning.window_settings import WindowSettings
from kpi_gate.learning.windows import plan_windows
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = datetime(2024, 7, 1, 3, tzinfo=UTC)
DAY = pd.Timedelta(days=1)
RULES = WindowSettings(
    label_delay_days=14,
    tune_days=28,
    gate_min_days=28,
    gate_max_days=60,
    gate_min_rows=200,
    train_last_rows=(None,),
)


def labelled(delay_days, a_day=20, days=182, as_of=AS_OF):
    """Return events at a steady pace; what is known by `as_of` of outcomes after these delays."""
    step = DAY / a_day
    event = pd.Series(pd.date_range(FIRST, periods=a_day * days, freq=step, tz="UTC"))
    label = event + pd.to_timedelta(np.broadcast_to(delay_days, len(event)), unit="D")
    label = label.where(label < as_of)
    outcome = label.notna().map({True: 1.0, False: np.nan})
    return pd.DataFrame({"event_time": event, "label_time": label, "outcome": outcome})


def stuck(rows, last_label):
    """Blank what came at or after a moment."""
    later = ~(rows["label_time"] < last_label)
    return rows.assign(
        label_time=rows["label_time"].mask(later), outcome=rows["outcome"].mask(later)
    )


def gammas(size, seed=5):
    return np.random.default_rng(seed).gamma(4.0, 4.0, size)


def test_the_curve_is_right_although_young_rows_are_censored():
    rows = labelled(gammas(182 * 200), a_day=200)
    curve = maturity_curve(rows, AS_OF)
    assert curve.mature_after(0.5) == pytest.approx(14.69, abs=0.3)
    assert curve.mature_after(0.95) == pytest.approx(31.01, abs=0.7)
    assert curve.known_share(14) == pytest.approx(0.463, abs=0.015)
    # a plain share of the rows would be off by far more
    assert abs(curve.known / curve.rows - 1) > 0.08


def test_every_percent_of_a_curve_is_kept_and_nothing_is_overstated():
    rows = labelled(gammas(182 * 20))
    curve = maturity_curve(rows, AS_OF)
    ages = ((rows["label_time"] - rows["event_time"]) / DAY).dropna()
    for share in (0.5, 0.9, 0.95, 0.99):
        after = curve.mature_after(share)
        assert np.isclose(ages, after, rtol=0, atol=1e-9).sum() == 1
        assert share <= curve.known_share(after) < share + 0.01
    assert curve.known_share(0) == 0
    assert list(curve.shares) == sorted(curve.shares)
    assert MaturityCurve.model_validate_json(curve.model_dump_json()) == curve


@pytest.mark.parametrize("as_of", [AS_OF, datetime(2024, 7, 1, tzinfo=UTC)])
@pytest.mark.parametrize("days", [20, 182])
def test_labels_that_keep_to_the_declared_delay_change_no_window(as_of, days):
    rows = labelled(14, a_day=1 if as_of.hour == 0 else 20, days=days, as_of=as_of)
    as_of = min(as_of, rows["event_time"].max() + 15 * DAY)
    found = measure_maturity(rows, as_of, 14)
    assert found.measured_days == 14.0
    assert found.curve.mature_after(1.0) == 14.0
    assert found.curve.known_share(13.99) == 0
    assert found.stuck_since is None
    planned = plan_windows(rows["event_time"], RULES, as_of, None, found.measured_days)
    assert planned == plan_windows(rows["event_time"], RULES, as_of)


def test_windows_retreat_where_labels_come_later_than_declared():
    rows = labelled(20.5)
    measured = measure_maturity(rows, AS_OF, 14).measured_days
    planned = plan_windows(rows["event_time"], RULES, AS_OF, None, measured)
    assert planned.label_delay_days == 20.5
    assert planned.gate.end == datetime(2024, 6, 10, tzinfo=UTC)
    inside = rows[(rows["event_time"] >= planned.gate.start)]
    assert inside[inside["event_time"] < planned.gate.end]["outcome"].notna().all()
    sooner = plan_windows(rows["event_time"], RULES, AS_OF, None, 3.0)
    assert sooner.label_delay_days == 14
    assert sooner == plan_windows(rows["event_time"], RULES, AS_OF)


def test_an_hour_that_a_clock_change_adds_moves_no_window():
    rows = labelled(14 + 1 / 24, as_of=datetime(2024, 7, 1, tzinfo=UTC))
    as_of = datetime(2024, 7, 1, tzinfo=UTC)
    measured = measure_maturity(rows, as_of, 14).measured_days
    planned = plan_windows(rows["event_time"], RULES, as_of, None, measured)
    assert measured > 14
    assert planned == plan_windows(rows["event_time"], RULES, as_of)


def test_a_change_of_pace_is_seen_in_the_recent_rows():
    delays = np.where(np.arange(182 * 20) < 126 * 20, 14.0, 21.0)
    found = measure_maturity(labelled(delays), AS_OF, 14)
    assert found.curve.mature_after(0.5) == 14
    assert found.measured_days == found.recent.mature_after() == 21


def test_few_recent_rows_leave_it_to_all():
    found = measure_maturity(
        labelled(np.where(np.arange(182) < 150, 14.0, 21.0), a_day=1), AS_OF, 7
    )
    assert found.recent.rows < 200
    assert found.measured_days == found.curve.mature_after()


def test_an_outcome_of_this_very_moment_is_not_known():
    rows = labelled(14)
    exact = rows["event_time"].iloc[1000].to_pydatetime() + timedelta(days=14)
    curve = maturity_curve(rows, exact)
    assert curve.known == 1000
    assert curve.shares == (1.0,)


def test_what_never_comes_and_what_cannot_be_is_left_out():
    rows = labelled(14).assign(observed=True)
    rows.loc[:99, ["label_time", "outcome"]] = pd.NaT, np.nan
    assert maturity_curve(rows, AS_OF).mature_after(1.0) is None
    rows.loc[:99, "observed"] = False
    assert maturity_curve(rows, AS_OF).mature_after(1.0) == 14
    skewed = rows.assign(label_time=rows["label_time"].where(rows.index != 200, FIRST))
    assert maturity_curve(skewed, AS_OF).known == maturity_curve(rows, AS_OF).known - 1
    timeless = rows.assign(event_time=rows["event_time"].where(rows.index != 200))
    assert maturity_curve(timeless, AS_OF).known == maturity_curve(rows, AS_OF).known - 1
    nothing = maturity_curve(rows.iloc[:0], AS_OF)
    assert (nothing.rows, nothing.known, nothing.mature_after()) == (0, 0, None)
    assert measure_maturity(rows.iloc[:0], AS_OF, 14).measured_days is None


def test_a_share_must_be_one():
    curve = maturity_curve(labelled(14), AS_OF)
    for share in (0, 1.01, np.nan):
        with pytest.raises(ValueError, match=r"share == .*, must be > 0 and <= 1"):
            curve.mature_after(share)


def test_labels_that_stop_coming_are_told():
    found = measure_maturity(stuck(labelled(14), AS_OF - 21 * DAY), AS_OF, 14)
    assert AS_OF - 22 * DAY < found.stuck_since < AS_OF - 21 * DAY
    assert found.overdue == 21 * 20
    assert found.recent.mature_after() is None
    assert "no outcome has come since 2024-06-10, 420 are due" in found.sentence


@pytest.mark.parametrize("pause", [4, 6, 12, 20])
def test_labels_that_come_in_batches_are_not_stuck_between_them(pause):
    """Every Monday all outcomes come that are two weeks old."""
    rows = labelled(0)
    due = rows["event_time"] + 14 * DAY
    monday = due.dt.normalize() + pd.to_timedelta((7 - due.dt.day_of_week) % 7, unit="D")
    label = monday.where(monday >= due, monday + 7 * DAY)
    last = datetime(2024, 6, 10, tzinfo=UTC)
    rows = stuck(rows.assign(label_time=label, outcome=1.0), last + timedelta(hours=1))
    found = measure_maturity(rows, last + timedelta(days=pause), 14)
    assert (found.stuck_since is not None) == (pause > 7)


def test_a_quiet_weekend_is_not_stuck():
    rows = labelled(14)
    weekdays = rows[rows["event_time"].dt.day_of_week < 5]
    assert measure_maturity(weekdays, datetime(2024, 6, 30, 23, tzinfo=UTC), 14).stuck_since is None


def test_half_matured_days_are_told_although_the_window_knows_nearly_all():
    rows = labelled(1)[: 100 * 20]
    assert missing_by_day(rows) == {}
    lost = np.random.default_rng(2).random(len(rows)) < 0.03  # some never come
    assert missing_by_day(rows.assign(outcome=rows["outcome"].mask(lost))) == {}
    rare = np.arange(len(rows)) % 18 == 0  # 5.6 %: certain where rows are many, and no matter
    many = pd.concat([rows.assign(outcome=rows["outcome"].mask(rare))] * 100)
    assert missing_by_day(many) == {}
    half = (rows.index >= 97 * 20) & (rows.index % 2 == 0)
    short = rows.assign(outcome=rows["outcome"].mask(half))
    assert short["outcome"].notna().mean() > 0.95
    assert missing_by_day(short) == {"2024-04-07": 10, "2024-04-08": 10, "2024-04-09": 10}
    assert missing_by_day(short.assign(observed=~half)) == {}
    assert missing_by_day(rows.iloc[:0]) == {}


@pytest.mark.slow
def test_the_gate_judges_nothing_while_labels_are_stuck(project):
    as_of = datetime(2024, 5, 1, tzinfo=UTC)
    use_case = discovery.load("toy")

    def load(folder, moment):
        return stuck(use_case.load(folder, moment), as_of - 3 * DAY)

    late = replace(use_case, load=load)
    run = Run(late, as_of, Workspace(root=project))
    pipeline.take_snapshot(run)
    pipeline.fetch_champion(run)
    pipeline.validate(run)
    pipeline.train(run)
    pipeline.compare(run)
    decision = pipeline.decide(run)
    assert decision.verdict == Verdict.INVALID
    (check,) = (check for check in decision.failed if check.name == "labels_mature")
    assert "90 outcomes of 3 days from 2024-04-26 to 2024-04-28 are due and missing" in check.reason
    assert "no outcome has come since 2024-04-27, 90 are due" in decision.to_html()
    kept = Maturity.model_validate_json((run.work / "maturity.json").read_text())
    assert (kept.measured_days, kept.overdue) == (2.0, 90)
