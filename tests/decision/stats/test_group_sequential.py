"""Bounds of the looks: published tables and trials, and the type I error at any information."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from kpi_gate.decision.stats.group_sequential import (
    bounds_at,
    crossing,
    inflation,
    obrien_fleming,
    pocock,
    spending,
)


@pytest.mark.parametrize(
    ("looks", "alpha", "constant"),
    [
        (1, 0.05, 1.960),
        (2, 0.05, 1.977),
        (3, 0.05, 2.004),
        (4, 0.05, 2.024),
        (5, 0.05, 2.040),
        (2, 0.01, 2.580),
        (4, 0.01, 2.609),
        (5, 0.01, 2.621),
        (2, 0.10, 1.678),
        (5, 0.10, 1.751),
        (10, 0.05, 2.087),
    ],
)
def test_obrien_fleming_is_table_2_3_of_jennison_and_turnbull(looks, alpha, constant):
    bounds = obrien_fleming(looks, alpha)
    assert round(bounds[-1], 3) == constant
    assert bounds[0] == pytest.approx(bounds[-1] * np.sqrt(looks))


@pytest.mark.parametrize(
    ("looks", "constant"), [(1, 1.960), (2, 2.178), (3, 2.289), (4, 2.361), (5, 2.413), (10, 2.555)]
)
def test_pocock_is_table_2_1_of_jennison_and_turnbull(looks, constant):
    assert {round(bound, 3) for bound in pocock(looks, 0.05)} == {constant}


@pytest.mark.parametrize(
    ("looks", "power", "factor"),
    [
        *((1, 0.8, 1.0), (2, 0.8, 1.008), (3, 0.8, 1.017), (4, 0.8, 1.024), (5, 0.8, 1.028)),
        *((2, 0.9, 1.007), (3, 0.9, 1.016), (4, 0.9, 1.022), (5, 0.9, 1.026)),
    ],
)
def test_inflation_is_table_2_4_of_jennison_and_turnbull(looks, power, factor):
    assert round(inflation(looks, 0.05, power), 3) == factor


def test_the_beta_blocker_trial_stopped_at_its_sixth_look():
    """BHAT (DeMets 1984): seven looks at 5 %, bounds 5.46 to 2.06, z 2.82 at the sixth."""
    bounds = obrien_fleming(7, 0.05)
    assert [round(bound, 2) for bound in bounds] == [5.46, 3.86, 3.15, 2.73, 2.44, 2.23, 2.06]
    seen = [1.68, 2.24, 2.37, 2.30, 2.34, 2.82]
    assert [z > bound for z, bound in zip(seen, bounds, strict=False)] == [False] * 5 + [True]


def test_the_power_of_a_two_stage_pocock_design():
    """J&T: at `R_P` = 1.110 times the information of one look, Pocock has power 0.8."""
    single = norm.ppf(0.975) + norm.ppf(0.8)
    up, _ = crossing(pocock(2, 0.05), [0.5 * 1.110, 1.110], drift=single)
    assert up.sum() == pytest.approx(0.8, abs=5e-4)


def test_equal_steps_give_the_planned_bounds():
    for looks in (1, 2, 4, 5):
        found = bounds_at(list(range(1, looks + 1)), looks, 0.05)
        assert found == pytest.approx(obrien_fleming(looks, 0.05), abs=1e-6)
    assert bounds_at([3, 6], 4, 0.05) == pytest.approx(obrien_fleming(4, 0.05)[:2], abs=1e-6)
    assert sum(spending(4, 0.05)) == pytest.approx(0.05)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.5, 50), min_size=1, max_size=6), st.sampled_from([0.01, 0.05, 0.1]))
def test_any_information_keeps_the_type_one_error(steps, alpha):
    """A slow week, a holiday, a rush: whatever the looks reached, all of them spend alpha."""
    information = np.cumsum(steps)
    bounds = bounds_at(list(information), len(steps), alpha)
    up, down = crossing(bounds, list(information))
    assert up.sum() + down.sum() == pytest.approx(alpha, abs=2e-6)
    assert up == pytest.approx(down, abs=1e-9)


def test_the_integration_agrees_with_paths_that_are_drawn():
    information = np.array([0.4, 1.0, 1.3, 4.0])
    bounds = bounds_at(list(information), 4, 0.05)
    random = np.random.default_rng(3)
    steps = random.normal(size=(200_000, 4)) * np.sqrt(np.diff(information, prepend=0))
    z = np.cumsum(steps, axis=1) / np.sqrt(information)
    assert (np.abs(z) > bounds).any(axis=1).mean() == pytest.approx(0.05, abs=0.002)


def test_a_look_that_brings_nothing_new_cannot_cross_and_its_share_is_spent_later():
    bounds = bounds_at([1.0, 1.0, 2.0, 3.0], 4, 0.05)
    assert bounds[1] == np.inf
    up, down = crossing([bounds[0], *bounds[2:]], [1.0, 2.0, 3.0])
    assert up.sum() + down.sum() == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("looks", "alpha"), [(0, 0.05), (3, 0.0), (3, 1.0)])
def test_what_cannot_be_is_refused_with_its_bound(looks, alpha):
    with pytest.raises(ValueError, match=r"must be"):
        obrien_fleming(looks, alpha)
