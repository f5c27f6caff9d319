"""What is wrong with a log is found, said clearly, and nothing is concluded from it."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.experiment_logs import STARTED, draw, on_day, plan
from kpi_gate.experiment.analysis import analyse
from kpi_gate.experiment.plan import Metric

PLAN = plan()
END = on_day(28)
DAY = pd.Timedelta(days=1)


def read(log, settled=PLAN, at=END):
    return analyse(log, settled, started=STARTED, as_of=at)


@pytest.fixture(scope="module")
def sound():
    return draw(PLAN, 0.0, seed=1)


@pytest.fixture(scope="module")
def often():
    """Many rows a day, so that a silent day means something."""
    return draw(PLAN, 0.0, units=2_000, rows=3, seed=1)


def faults(found, severity="invalid"):
    return {fault.check: fault for fault in found.faults if fault.severity == severity}


def since(log):
    return (log["time"] - pd.Timestamp(STARTED)) / DAY


def fewer_treated(log):
    drop = (log["arm"] == "treatment") & (np.arange(len(log)) % 4 == 0)
    return log[~drop]


def in_both(log):
    other = log.iloc[:1].assign(arm=log["arm"].iloc[:1].map(SWAP), time=log["time"].iloc[0] + DAY)
    other["policy_version"] = other["arm"].map({"control": "v1", "treatment": "v2"})
    return pd.concat([log, other])


SWAP = {"control": "treatment", "treatment": "control"}


def with_cell(log, column, value, rows=1):
    changed = log.copy()
    changed[column] = changed[column].astype(object)
    changed.loc[changed.index[:rows], column] = value
    return changed


WRONG = {
    "split": (fewer_treated, "are in the treatment, planned are 50%"),
    "arm without exposure": (lambda log: log[log["arm"] == "control"], "is in the treatment"),
    "unit in both arms": (in_both, "1 row of a unit that came into the other arm"),
    "outcome before exposure": (
        lambda log: log.assign(outcome_time=log["time"] - (log.index == 5).astype(int) * DAY),
        "1 row with an outcome that was known before the decision",
    ),
    "clock": (
        lambda log: log.assign(time=log["time"] - (log.index == 9).astype(int) * 40 * DAY),
        "1 row dated before the start",
    ),
    "policy version": (
        lambda log: with_cell(log, "policy_version", "v3", 7),
        "7 rows decided by another version than planned, such as v3 in",
    ),
    "rows twice": (lambda log: pd.concat([log, log]), "whole days were written twice"),
    "missing outcomes": (
        lambda log: log.assign(
            amount=log["amount"].where((log["arm"] == "control") | (log.index % 5 > 0))
        ),
        "of the control's outcomes are missing",
    ),
    "outcomes": (lambda log: log.assign(amount=np.nan), "no outcome of a row is known"),
    "constant": (lambda log: log.assign(amount=2.0), "all units have the same value"),
    "alike": (
        lambda log: log.assign(other_action=log["action"]),
        "the two policies act alike on all rows",
    ),
    "split of the exposed": (
        lambda log: log.assign(exposed=(log["arm"] == "control") | (log.index % 4 > 0)),
        "of the units that were exposed are in the treatment",
    ),
    "one unit": (
        lambda log: log.assign(amount=log["amount"] + 1e5 * (log.index == 3)),
        "one unit carries",
    ),
}


@pytest.mark.parametrize("check", WRONG)
def test_what_is_wrong_makes_it_invalid_and_is_said(sound, check):
    break_it, words = WRONG[check]
    found = read(break_it(sound))
    assert found.verdict == "invalid"
    assert found.effect is None
    assert words in faults(found)[check].reason
    assert found.because == next(iter(faults(found).values())).reason
    assert found.because in found.sentence or "invalid" in found.sentence.lower()


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda log: log.drop(columns="amount"), "no column amount, which the plan needs"),
        (lambda log: log.drop(columns="policy_version"), "no column policy_version"),
        (lambda log: log.assign(time=log["time"].dt.tz_localize(None)), "no offset from UTC"),
        (lambda log: with_cell(log, "arm", "variant_b"), "'variant_b'.*must be one of control"),
        (lambda log: with_cell(log, "unit", None), "unit.*is missing"),
        (lambda log: with_cell(log, "amount", np.inf), "is no finite number"),
        (lambda log: with_cell(log, "amount", "seven"), "amount"),
    ],
)
def test_what_breaks_the_contract_makes_it_invalid_and_names_the_column(sound, break_it, words):
    found = read(break_it(sound))
    assert found.verdict == "invalid"
    assert faults(found)["log"].reason == found.because
    import re

    assert re.search(words, found.because), found.because


def test_a_sound_log_has_no_fault(sound, often):
    for log in (sound, often):
        for day in (0.5, 5, 12, 28, 50):
            found = read(log[log["time"] <= pd.Timestamp(on_day(day))], at=on_day(day))
            assert found.faults == (), (day, found.faults)


def test_a_log_that_stops_is_told_at_once_and_ends_the_next_look(often):
    stopped = often[since(often) < 10]
    early = read(stopped, at=on_day(13))
    assert early.verdict == "running"
    assert (
        "the log stops after day 10: 3 days have no row"
        in faults(early, "warning")["log stops"].reason
    )
    late = read(stopped, at=on_day(20))
    assert late.verdict == "invalid"
    assert "the log stops after day 10" in late.because


def test_days_without_rows_are_told_and_many_are_too_many(often):
    one = read(often[since(often).astype(int) != 9])
    assert "1 of 28 days" in faults(one, "warning")["days without rows"].reason
    many = read(often[~since(often).astype(int).isin([2, 4])], at=on_day(7))
    assert "2 of 7 days" in faults(many)["days without rows"].reason


@pytest.mark.parametrize(("kept", "quiet"), [({0}, 6), ({0, 1, 2, 3, 4}, 2)])
def test_a_silence_that_returns_every_week_is_none_and_a_longer_one_is(often, kept, quiet):
    weekly = often[(since(often).astype(int) % 7).isin(kept)]
    settled = PLAN.model_copy(update={"quiet_days": quiet})
    for day in (7, 14, 17, 28):
        found = analyse(weekly, settled, started=STARTED, as_of=on_day(day))
        assert not {"log stops", "days without rows"} & {fault.check for fault in found.faults}
    stopped = weekly[since(weekly) < 14]
    assert "log stops" in faults(analyse(stopped, settled, started=STARTED, as_of=on_day(21)))
    assert "log stops" in faults(read(weekly))  # where silence is not usual


def test_an_arm_that_falls_silent_makes_it_invalid(often):
    silent = often[(since(often).astype(int) != 9) | (often["arm"] == "control")]
    found = read(silent)
    assert found.verdict == "invalid"
    assert (
        "the treatment has no row on 1 days, such as day 10"
        in faults(found)["arm without rows"].reason
    )


def test_rows_of_the_future_are_a_clock_but_a_replay_is_none(often):
    now = on_day(10)
    there = often[since(often) < 10]
    ahead = there.assign(time=there["time"] + (there.index == 4).astype(int) * 500 * DAY)
    found = read(ahead, at=now)
    assert found.verdict == "invalid"
    assert "a clock is ahead" in faults(found)["clock"].reason
    replay = read(often, at=now)
    assert replay.verdict == "running"
    assert "they are not looked at" in faults(replay, "warning")["clock"].reason
    assert replay.days == read(there, at=now).days


def test_an_empty_log_is_told(sound):
    nothing = sound.iloc[:0]
    assert read(nothing, at=on_day(1)).verdict == "running"
    later = read(nothing, at=on_day(3))
    assert (later.verdict, later.because) == (
        "invalid",
        "the log has no row 3 days after the start",
    )


def test_another_salt_is_told_with_the_share_of_units(sound):
    found = read(sound, plan(salt="another"))
    reason = faults(found, "warning")["assignment"].reason
    assert "50" in reason or "49" in reason or "51" in reason or "48" in reason
    assert "another arm than the plan's salt" in reason
    assert found.verdict != "invalid"


def test_the_split_is_checked_where_the_policies_differ(often):
    """A policy that logs its disagreement in one arm only leaves the whole split in order."""
    random = np.random.default_rng(1)
    unit = often["unit"].str[1:].astype(int) % 5 == 0
    treated = often["arm"] == "treatment"
    log = often.assign(other_action=np.where(unit, 1 - often["action"], often["action"]))
    assert read(log, at=on_day(8)).verdict == "running"
    lost = unit & treated & (random.random(len(log)) < 0.9)
    broken = log.assign(other_action=np.where(lost, log["action"], log["other_action"]))
    found = read(broken, at=on_day(8))
    assert found.verdict == "invalid"
    assert (
        "units on which the two policies differ" in faults(found)["split where they differ"].reason
    )


def test_decisions_of_one_moment_are_told_but_no_fault(sound):
    found = read(pd.concat([sound, sound.iloc[:40]]))
    assert "40 rows there twice" in faults(found, "warning")["rows twice"].reason
    assert found.verdict != "invalid"


def test_who_was_not_exposed_counts_for_the_split_alone(sound):
    half = sound.assign(exposed=sound.index % 2 == 0)
    found = read(half)
    whole = read(sound)
    assert (found.split.control, found.split.treatment) == (
        whole.split.control,
        whole.split.treatment,
    )
    assert sum(found.effect.decisions) == len(sound) / 2


def test_what_nothing_can_be_divided_by_is_told(sound):
    settled = plan(metric=Metric(denominator="action"))
    assert "action below 0" in read(sound.assign(action=-1.0), settled).because
    assert "divided by is 0" in read(sound.assign(action=0.0), settled).because


def test_a_large_level_hides_no_effect(sound):
    """A thousand million on each amount changes neither the effect nor its error."""
    one, other = read(sound), read(sound.assign(amount=sound["amount"] + 1e9))
    assert other.effect.estimate == pytest.approx(one.effect.estimate, abs=1e-5)
    assert other.effect.standard_error == pytest.approx(one.effect.standard_error, rel=1e-5)


def test_a_column_without_any_value_is_as_none(sound):
    assert read(sound.assign(outcome_time=pd.NaT)).effect == read(sound).effect


def test_too_few_units_have_no_answer():
    settled = plan(weeks=4)
    found = read(draw(settled, 5.0, units=60, seed=2), settled)
    assert found.verdict == "inconclusive"
    assert "too few units" in found.because
    assert faults(found, "warning")["units"].bound == 50
    assert found.looks == ()


@pytest.mark.parametrize("fade", [1.0, 0.3])
def test_an_effect_that_fades_is_told(fade):
    settled = plan(looks=1)
    found = read(draw(settled, 0.5, rows=4, seed=3, fade=fade), settled)
    told = faults(found, "warning")
    assert ("novelty" in told) == (fade < 1)
    assert found.verdict == "ship"
    assert len(found.weeks) == 4
    assert found.weeks[0].effect.estimate == pytest.approx(0.5, abs=0.2)
    if fade < 1:
        assert "the effect fades" in found.sentence
        assert found.weeks[3].effect.estimate < 0.15


def test_a_benefit_that_fades_does_not_end_it_before_its_last_look():
    """What is new draws eyes: at its first look the effect is large, and most of it wears off."""
    settled = plan()
    log = draw(settled, 0.8, rows=4, seed=3, fade=0.3)
    looks = [read(log, settled, on_day(7 * week)) for week in (1, 2, 3, 4)]
    assert [found.verdict for found in looks] == ["running", "running", "running", "ship"]
    assert "a single week cannot show whether it fades" in looks[0].because
    assert "look 2 shows a benefit, but it fades, so it goes on" in looks[1].because
    assert "the effect fades, from +" in looks[3].sentence
    steady = draw(settled, 0.4, rows=4, seed=3)
    assert read(steady, settled, on_day(7)).verdict == "running"
    assert read(steady, settled, on_day(14)).verdict == "ship"


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_false_alarms_of_the_split_are_as_rare_as_said(share):
    settled = plan(treatment_share=share)
    log = draw(settled, units=300, seed=0)
    from kpi_gate.experiment.log_faults import split_of

    random = np.random.default_rng(0)
    low = 0
    for _ in range(4_000):
        treated = int(random.binomial(5_000, share))
        split = split_of(np.zeros(5_000, np.int32), 5_000 - treated, 1, share)
        low += split.p_value < 0.01
    assert low / 4_000 == pytest.approx(0.01, abs=0.006)
    assert read(log, settled, on_day(3)).split.expected == share
