"""The link in worlds whose truth is known; `python -m benchmarks.link` plays more of them."""

from dataclasses import replace

import numpy as np

from benchmarks.link import World, open_rates, p_uniform, ranks, recover


def test_the_slope_is_calibrated():
    assert p_uniform(ranks(150, np.random.default_rng(1))) > 0.001


def test_the_slope_is_recovered_where_least_squares_bends_it():
    link, plain = recover(World(slope=0.6), 60, np.random.default_rng(2))
    assert link.coverage >= 0.85
    assert abs(link.mean - 0.6) < 0.08
    assert plain.mean < 0.5
    assert plain.coverage < link.coverage


def test_of_the_released_alone_the_link_learns_another_slope():
    world = World(slope=0.6, releases=40, online_error=0.1, scatter=0.1)
    every = recover(world, 30, np.random.default_rng(3))[0]
    released = recover(world, 30, np.random.default_rng(3), released_only=True)[0]
    assert abs(every.mean - 0.6) < abs(released.mean - 0.6)


def test_choosing_what_is_released_does_not_bend_the_slope():
    chance = np.random.default_rng(4)
    chosen = recover(World(certain=1.0), 60, chance)[0]
    any_ = recover(World(certain=None), 60, chance)[0]
    assert abs(chosen.mean - any_.mean) < 0.08


def test_where_offline_gains_are_worth_nothing_the_gate_stays_shut():
    found = open_rates(World(slope=0.0), 30, np.random.default_rng(5))
    assert found.link <= 0.05
    assert found.offline > 0.15
    assert found.unreachable > 0.7


def test_where_they_are_worth_something_it_opens():
    found = open_rates(replace(World(), slope=0.8), 15, np.random.default_rng(6))
    assert found.link > 0.5 * found.offline
