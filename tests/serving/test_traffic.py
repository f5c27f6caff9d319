"""Each unit keeps its version, the split is the experiment's, and propensities are frequencies."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.plan import Plan
from kpi_gate.serving.assignment import bucket
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.traffic import RunningExperiment, Traffic
from kpi_gate.usecase.serving_settings import ServingSettings

START = datetime(2026, 12, 1, tzinfo=UTC)
NOW = START.timestamp()
STEPS = {"steps": [0.01, 0.1, 0.5, 1], "step_minutes": 10}
UNITS = [f"customer {number}" for number in range(3_000)]


def traffic(settings=None, **changed):
    given = {
        "champion": "v2",
        "previous": "v1",
        "since": START,
        "experiment": None,
        "returned": frozenset(),
    }
    return Traffic("fraud", ServingSettings(**settings or {}), **given | changed)


def dealt(split, now=NOW, units=UNITS):
    return {unit: split.assign(unit, now, unit) for unit in units}


def running(**changed):
    given = {"name": "e", "salt": "s", "treatment_share": 0.5, "control": "v2", "treatment": "v3"}
    return RunningExperiment(**given | changed)


def test_all_get_the_champion_but_for_a_holdout_that_never_changes():
    first = dealt(traffic())
    assert {(one.arm, one.version) for one in first.values()} == {
        ("champion", "v2"),
        ("holdout", "baseline"),
    }
    held = {unit for unit, one in first.items() if one.arm == "holdout"}
    assert 10 <= len(held) <= 60
    later = traffic({"canary": STEPS, "exploration": 0.3}, champion="v9", experiment=running())
    assert {u for u, one in dealt(later).items() if one.arm == "holdout"} == held
    wider = dealt(traffic({"holdout": 0.1}))
    assert held < {unit for unit, one in wider.items() if one.arm == "holdout"}


@given(share=st.floats(0.02, 0.98), salt=st.text("abc", min_size=1), held=st.sampled_from([0, 0.1]))
def test_the_split_is_bit_for_bit_that_of_the_started_experiment(share, salt, held):
    plan = Plan(
        use_case="fraud", kpi="margin", unit="EUR", horizon_decisions=1, control="v2",
        treatment="v3", salt=salt, treatment_share=share, minimum_effect=1, weeks=1,
        units_per_week=1, standard_deviation=1, units_per_arm=1,
    )  # fmt: skip
    split = traffic(
        {"holdout": held, "canary": STEPS},
        experiment=running(salt=salt, treatment_share=share),
    )
    units = [*UNITS[:50], *range(50)]
    found = [split.assign(unit, NOW, "id") for unit in units]
    inside = [one.arm != "holdout" for one in found]
    assert all(inside) or held
    for one, arm, counts in zip(found, arms(units, plan), inside, strict=True):
        if counts:
            assert (one.arm, one.version) == (arm, plan.versions[str(arm)])


def test_a_canary_is_nested_and_the_same_for_clocks_that_lie_apart():
    split, before = traffic({"canary": STEPS}), set()
    for minutes, share in ((-5, 0.01), (0, 0.01), (10, 0.1), (20, 0.5), (30, 1)):
        found = dealt(split, NOW + 60 * minutes)
        chosen = {unit for unit, one in found.items() if one.version == "v2"}
        assert before <= chosen
        assert len(chosen) == pytest.approx(share * 0.99 * len(UNITS), rel=0.15, abs=25)
        before = chosen
        fresh = dealt(traffic({"canary": STEPS}), NOW + 60 * minutes)
        assert fresh == found  # another worker, or this one after a restart
    assert {one.arm for one in found.values()} == {"champion", "holdout"}
    assert split.canary_share(NOW - 3600) == 1  # the clock was set back: nobody leaves
    slow = dealt(traffic({"canary": STEPS}), NOW + 60 * 20 - 3)
    fast = dealt(traffic({"canary": STEPS}), NOW + 60 * 20 + 3)
    differ = [unit for unit in UNITS if slow[unit] != fast[unit] and fast[unit].arm == "champion"]
    assert all(slow[unit].version == "v1" for unit in differ)


def test_another_release_tries_other_units_first():
    first, second = (
        {u for u, one in dealt(traffic({"canary": STEPS}, champion=v), NOW + 700).items()
         if one.arm == "canary"} for v in ("v2", "v3")
    )  # fmt: skip
    assert len(first & second) < 0.3 * len(first)


def test_harm_and_what_cannot_be_loaded_give_everybody_the_version_before():
    for barred in ({"returned": frozenset(["v2"])}, {"unavailable": frozenset(["v2"])}):
        split = traffic({"canary": STEPS}, **barred)
        assert {one.version for one in dealt(split).values()} == {"v1", "baseline"}
        assert split.versions == ("v1",)
    gone = traffic(returned=frozenset(["v2"]), unavailable=frozenset(["v1"]))
    assert {one.version for one in dealt(gone).values()} == {"baseline"}
    assert gone.versions == ()


def test_what_stands_since_long_ago_is_for_all_at_once():
    # as after a rollback: the row of before counts
    again = traffic(
        {"canary": STEPS}, champion="v1", previous="v0", since=START - timedelta(days=1)
    )
    assert {one.version for one in dealt(again).values()} == {"v1", "baseline"}


def test_an_experiment_of_what_is_not_in_use_is_not_dealt():
    assert traffic(experiment=running()).suspended == ""
    for changed, why in (
        ({"champion": "v4"}, "in use is v4"),
        ({"returned": frozenset(["v3"])}, "did harm"),
        ({"returned": frozenset(["v2"])}, "in use is v1"),
        ({"unavailable": frozenset(["v3"])}, "cannot be loaded"),
    ):
        split = traffic(experiment=running(), **changed)
        assert why in split.suspended
        assert {one.arm for one in dealt(split).values()} == {"champion", "holdout"}
    first = traffic(champion="", previous="", experiment=running(control="baseline"))
    assert first.versions == ("v3",)
    assert not first.suspended


def test_the_shadow_is_the_candidate_and_decides_nothing():
    split = traffic({"shadow": "candidate"}, candidate="v3")
    found = dealt(split)
    assert {one.shadow for one in found.values() if one.arm != "holdout"} == {"v3"}
    assert {one.version for one in found.values()} == {"v2", "baseline"}
    assert set(split.versions) == {"v1", "v2", "v3"}
    assert {one.shadow for one in dealt(traffic(candidate="v3")).values()} == {None}
    treated = dealt(traffic({"shadow": "candidate"}, candidate="v3", experiment=running()))
    assert {one.shadow for one in treated.values()} == {None}  # it is an arm: scored anyway


def test_exploration_is_by_decision_has_a_cap_and_spares_the_holdout():
    settings = {"exploration": {"share": 0.4, "cap": {"column": "amount", "most": 100}}}
    split = traffic({**settings, "holdout": 0.1})
    found = Counter()
    for unit in UNITS:
        one = split.assign(unit, NOW, unit, {"amount": 50})
        assert one == split.assign(unit, NOW, unit, {"amount": 50})
        found[one.arm] += 1
        for dear in ({"amount": 101}, {"amount": None}, {"amount": float("nan")}, {}, None):
            assert not split.assign(unit, NOW, unit, dear).explore
    assert found["explore"] / (found["explore"] + found["champion"]) == pytest.approx(0.4, abs=0.05)
    drawn = Counter(split.drawn(unit) for unit in UNITS)
    assert drawn[0.0] == pytest.approx(len(UNITS) / 2, rel=0.1)
    let_through = traffic({"exploration": {"share": 0.4, "action": 0}})
    assert {let_through.drawn(unit) for unit in UNITS} == {0.0}


def does(version, row):
    """Act as no other version does."""
    return float(
        bucket([row], version)[0] < {"baseline": 0.3, "v1": 0.5, "v2": 0.6, "v3": 0.7}[version]
    )


@pytest.mark.parametrize(
    "changed",
    [{}, {"experiment": running(treatment_share=0.3)}, {"returned": frozenset(["v2"])}],
    ids=["canary", "experiment", "returned"],
)
@pytest.mark.parametrize("action", [None, 0.0])
def test_propensities_are_the_frequencies_of_the_served_actions(changed, action):
    settings = {"holdout": 0.2, "exploration": {"share": 0.3, "action": action}}
    split = traffic(settings | {"canary": STEPS}, **changed)
    for row in range(3):
        said, taken = {}, Counter()
        for unit in UNITS:
            one = split.assign(unit, NOW + 60 * 25, f"{unit} {row}")
            act = split.drawn(f"{unit} {row}") if one.explore else does(one.version, row)
            others = {version: does(version, row) for version in split.mixture(one)}
            taken[act] += 1
            said.setdefault(act, set()).add(split.propensity(one, act, others))
            alone = split.propensity(one, act, {one.version: does(one.version, row)})
            assert 0 < alone <= 1
        for act, found in said.items():
            assert len(found) == 1
            assert taken[act] / len(UNITS) == pytest.approx(found.pop(), abs=0.04)


def test_what_is_not_known_of_other_arms_is_left_out_of_the_propensity():
    split = traffic({"holdout": 0.2})
    held = next(one for one in dealt(split).values() if one.arm == "holdout")
    rest = next(one for one in dealt(split).values() if one.arm == "champion")
    assert split.propensity(held, 1.0, {}) == split.propensity(rest, 1.0, {}) == 1.0
    assert split.propensity(rest, 1.0, {"v2": 1.0, "baseline": 0.0}) == pytest.approx(0.8)
    assert split.propensity(held, 1.0, {"v2": 1.0, "baseline": 1.0}) == pytest.approx(1)
    by_chance = split.propensity(rest, 1.0, {"baseline": 0.0}, chances={"v2": 0.25})
    assert by_chance == pytest.approx(0.2)


def test_the_shares_of_all_arms_are_one():
    for settings in ({}, {"canary": STEPS}, {"exploration": 0.1, "canary": STEPS}):
        for experiment in (None, running()):
            found = set(dealt(traffic(settings, experiment=experiment), NOW + 60 * 25).values())
            assert sum(one.share for one in found) == pytest.approx(1)


VERSIONS = st.sampled_from(["", "v1", "v2", "v3"])
SOME = st.frozensets(st.sampled_from(["v1", "v2", "v3"]))


@given(
    names=st.tuples(VERSIONS, VERSIONS, VERSIONS),
    sides=st.none() | st.tuples(VERSIONS, VERSIONS, st.floats(0.1, 0.9)),
    gone=st.tuples(SOME, SOME),
    minutes=st.floats(-100, 100),
    shares=st.tuples(st.sampled_from([0, 0.01, 0.2]), st.sampled_from([0, 0.3])),
)
def test_whatever_happens_nobody_gets_what_is_gone_and_two_workers_agree(
    names, sides, gone, minutes, shares
):
    champion, previous, candidate = names
    returned, unavailable = gone
    experiment = None
    if sides is not None:
        control, treatment, share = sides
        experiment = RunningExperiment("e", "s", share, control or "baseline", treatment or "v9")
    settings = {"canary": STEPS, "shadow": "candidate", "holdout": shares[0]}
    given = {
        "champion": champion, "previous": previous, "candidate": candidate,
        "experiment": experiment, "returned": returned, "unavailable": unavailable,
    }  # fmt: skip
    one, other = (traffic(settings | {"exploration": shares[1]}, **given) for _ in range(2))
    now = NOW + 60 * minutes
    for unit in UNITS[:20]:
        found = one.assign(unit, now, unit)
        assert found == other.assign(unit, now, unit)
        used = {found.version, found.other_version, found.shadow} - {None, "baseline"}
        assert used <= set(one.versions)
        assert not used & (returned | unavailable)
        assert sum(one.mixture(found).values()) == pytest.approx(1)
        assert 0 < one.propensity(found, 1.0, dict.fromkeys(one.mixture(found), 1.0)) <= 1


def test_a_release_needs_an_offset_from_utc():
    with pytest.raises(ServingError, match="offset from UTC"):
        traffic(since=datetime(2026, 12, 1))  # noqa: DTZ001


def test_numbers_and_their_digits_are_one_unit():
    split = traffic({"canary": STEPS})
    for number in np.arange(200):
        assert split.assign(number, NOW, "i") == split.assign(str(number), NOW, "i")
