"""A series of days turns where its level steps, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.decision.stats.turns import SHORTEST, levels_of


def _levels(means):
    return levels_of(means, np.full(means.size, 60.0), np.arange(means.size))


def _remembering(memory, size, seed):
    generator = np.random.default_rng(seed)
    found = generator.normal(size=size)
    for day in range(1, size):
        found[day] = memory * found[day - 1] + np.sqrt(1 - memory**2) * found[day]
    return found


@pytest.mark.parametrize(("memory", "most"), [(0.0, 0), (0.5, 2), (0.8, 12)])
def test_days_of_one_level_seldom_turn(memory, most):
    turned = sum(_levels(_remembering(memory, 180, seed)).any() for seed in range(100))
    assert turned <= most


@given(
    place=st.integers(SHORTEST, 60 - SHORTEST),
    step=st.sampled_from([-6.0, 6.0]),
    seed=st.integers(0, 50),
)
def test_a_step_is_found_where_it_is(place, step, seed):
    means = _remembering(0.0, 60, seed)
    means[place:] += step
    levels = _levels(means)
    assert levels.max() == 1
    assert abs(int(np.flatnonzero(levels)[0]) - place) <= 1


def test_every_step_of_several_is_found():
    means = _remembering(0.0, 120, 7)
    means[30:] += 6
    means[80:] -= 9
    assert _levels(means).max() == 2


@pytest.mark.parametrize("length", [1, SHORTEST - 1])
def test_a_storm_of_some_days_is_no_level(length):
    means = _remembering(0.0, 60, 7)
    means[30 : 30 + length] -= 6
    levels = _levels(means)
    inside = levels[30 : 30 + length]
    assert np.bincount(levels)[inside].min() >= SHORTEST


@pytest.mark.parametrize("size", [1, 2 * SHORTEST - 1])
def test_a_short_series_has_one_level(size):
    assert not _levels(np.arange(size, dtype=float)).any()


def test_constant_days_do_not_turn():
    assert not _levels(np.full(60, 0.1)).any()
