import numpy as np
import pytest
from builders import evidence, lineage, noise, paired

from kpi_gate.decision.checks.guardrails import check_measure, check_slices, slice_gains
from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.verdict import Verdict

REGION = Guardrail(slice="region", may_lose=0.5, min_events=20)
BUDGETED = Guardrail(measure="error", may_rise_by=0.01, budget=0.03)


def slices(levels, difference, rail=REGION, unit=None):
    found = evidence(paired(difference, unit=unit, region=levels))
    gains = slice_gains(found, rail, 0.95)
    return gains, check_slices(gains, rail, "EUR")


def measured(rail, candidate, champion=None, anchor=None, **more):
    sides = {"candidate": candidate, "champion": champion, "anchor": anchor}
    numbers = {side: {rail.name: value} for side, value in sides.items() if value is not None}
    return list(check_measure(evidence(measures=numbers, **more), rail))


def test_every_level_is_measured():
    difference = np.r_[np.full(30, 1.0), np.full(50, -0.2), 0.0, 0.0]
    gains, _ = slices(["a"] * 30 + ["b"] * 50 + ["c"] * 2, difference)
    assert [(gain.level, gain.rows, gain.events, gain.tested) for gain in gains] == [
        ("a", 30, 30, True),
        ("b", 50, 50, True),
        ("c", 2, 0, False),
    ]
    assert [gain.estimate for gain in gains] == pytest.approx([1.0, -0.2, 0.0])


def test_levels_are_clustered_by_unit():
    difference, unit = np.repeat(noise(30), 4), np.repeat(np.arange(30), 4)
    (clustered,), _ = slices(["a"] * 120, difference, unit=unit)
    (rows,), _ = slices(["a"] * 120, difference)
    assert clustered.lower < rows.lower


def test_a_level_that_loses_breaks_the_guardrail():
    _, check = slices(["north"] * 200 + ["south"] * 50, np.r_[noise(200, 2), noise(50, -0.9)])
    assert not check.passed
    assert check.failing is Verdict.REJECT
    assert check.reason.startswith("south loses 0.9 EUR (2 of 2 levels")


def test_a_level_that_might_lose_needs_more_evidence():
    _, check = slices(["north"] * 200 + ["south"] * 30, np.r_[noise(200, 2), noise(30, -0.3)])
    assert not check.passed
    assert check.failing is Verdict.INSUFFICIENT_EVIDENCE
    assert check.reason.startswith("south may lose more than allowed: its lower bound is -0.")
    assert len(check.reason) < 150


def test_a_level_of_one_unit_is_said_in_words():
    _, check = slices(["north"] * 40, noise(40), unit=np.zeros(40, dtype=int))
    assert "its lower bound is unknown, with a single unit" in check.reason
    assert check.value is None


def test_a_column_without_a_level_to_test_is_not_passed():
    _, check = slices(["north"] * 19 + ["south"] * 19, noise(38, 1, sd=0.1))
    assert not check.passed
    assert check.failing is Verdict.INSUFFICIENT_EVIDENCE
    assert "no level can be tested (0 of 2 levels have 20 differing decisions" in check.reason


def test_good_levels_pass_and_a_small_one_is_listed_only():
    _, check = slices(["north"] * 60 + ["islet"], np.r_[noise(60, 1, sd=0.1), -9.0])
    assert check.passed
    assert "1 of 2 levels" in check.reason


@pytest.mark.parametrize(
    ("rail", "value", "passed", "words"),
    [
        ({"at_most": 0.9}, 0.9, True, "0.9; at most: 0.9"),
        ({"at_most": 0.9}, 0.91, False, "at most: 0.9"),
        ({"at_most": -0.5}, -0.4, False, "at most: -0.5"),
        ({"at_least": 0.1}, 0.1, True, "at least: 0.1"),
        ({"at_least": 0.1}, 0.09, False, "at least: 0.1"),
        ({"at_least": -0.5}, -0.6, False, "at least: -0.5"),
    ],
)
def test_absolute_bounds(rail, value, passed, words):
    (check,) = measured(Guardrail(measure="rate", **rail), value)
    assert (check.passed, check.failing) == (passed, Verdict.REJECT)
    assert words in check.reason


@pytest.mark.parametrize(("candidate", "passed"), [(0.10, True), (0.109, True), (0.12, False)])
def test_a_rise_is_measured_against_the_champion(candidate, passed):
    (check,) = measured(Guardrail(measure="error", may_rise_by=0.01), candidate, 0.10)
    assert check.passed is passed
    assert check.value == pytest.approx(candidate - 0.10)


def test_a_fall_is_measured_against_the_champion():
    rail = Guardrail(measure="recall", may_fall_by=0.05)
    assert measured(rail, 0.60, 0.62)[0].passed
    assert not measured(rail, 0.50, 0.62)[0].passed
    assert measured(rail, 0.90, 0.62)[0].passed


def test_small_steps_use_the_budget_up():
    champion, anchor = measured(BUDGETED, 0.135, 0.13, 0.10)
    assert champion.passed
    assert not anchor.passed
    assert anchor.name == "error against anchor"


@pytest.mark.parametrize("side", ["candidate", "champion", "anchor"])
@pytest.mark.parametrize("value", [None, np.nan, np.inf, "0.1"])
def test_a_number_that_is_missing_is_invalid(side, value):
    numbers = {"candidate": 0.1, "champion": 0.1, "anchor": 0.1, side: value}
    checks = measured(BUDGETED, **numbers)
    wrong = [check for check in checks if check.failed]
    assert wrong
    assert all(check.failing is Verdict.INVALID for check in wrong)
    assert f"no finite error of the {side}" in wrong[0].reason


def test_the_first_model_has_no_anchor_and_no_latency_to_compare():
    first = lineage(champion=Contender(name="baseline", digest="b"))
    assert len(measured(BUDGETED, 0.1, 0.1, lineage=first)) == 1
    ratio = Guardrail(measure="latency_ratio", at_most=1.5)
    assert measured(ratio, None, lineage=first)[0].passed is None
    assert not measured(ratio, None, lineage=lineage())[0].passed
    assert not measured(ratio, None)[0].passed
