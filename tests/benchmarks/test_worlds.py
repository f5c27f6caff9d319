import numpy as np
import pytest

from benchmarks.simulation.our_gate import see, terms
from benchmarks.simulation.worlds import (
    DRIFT,
    ERROR,
    LEVEL,
    RARE_LOSSES,
    WORLDS,
    World,
    clustered,
    fraud,
    mean_amount,
    plain,
    swappers,
    traders,
)

pytestmark = pytest.mark.slow

KINDS = (plain, clustered, traders, swappers, fraud)


@pytest.mark.parametrize("rows", KINDS)
@pytest.mark.parametrize("truth", [-0.2, 0.0, 0.4])
def test_the_mean_difference_is_the_true_gain(rows, truth):
    generator = np.random.default_rng(7)
    gains = np.array([rows(truth, generator).difference.mean() for _ in range(400)])
    assert gains.mean() == pytest.approx(truth, abs=3.5 * gains.std() / 20)
    assert 0.07 < gains.std() < 0.13


@pytest.mark.parametrize("rows", KINDS)
def test_the_gate_knows_the_error_of_a_window(rows):
    generator, settings = np.random.default_rng(7), terms()
    looks = [World("", rows, 0, 0).look(0.0, generator) for _ in range(200)]
    errors = [see(look, settings).gain.standard_error for look in looks]
    assert np.mean(errors) == pytest.approx(np.std([look.gain for look in looks]), rel=0.25)
    # units that stay for days make the days hang together, which the gate allows for
    assert 0.85 * ERROR < np.mean(errors) < 1.25 * ERROR


def test_the_champion_earns_what_it_should():
    generator = np.random.default_rng(7)
    means = [plain(0.3, generator).champion.mean() for _ in range(400)]
    assert np.mean(means) == pytest.approx(LEVEL, abs=3.5 * np.std(means) / 20)


def test_rows_of_one_card_go_together():
    rows = clustered(0.0, np.random.default_rng(7))
    by_row = rows.difference.std() / np.sqrt(rows.size)
    sums = np.bincount(rows.unit, weights=rows.difference)
    by_card = sums.std() * np.sqrt(sums.size) / rows.size
    assert by_card > 1.6 * by_row


def test_traders_save_often_and_lose_seldom():
    difference = traders(0.0, np.random.default_rng(7)).difference
    assert (difference > 0).sum() > 5 * (difference < 0).sum()
    assert difference.min() < -10 * difference.max()


def test_the_mean_of_capped_amounts_is_exact():
    generator = np.random.default_rng(7)
    amounts = np.minimum(5.6 * np.exp(1.2 * generator.standard_normal(400_000)), 56.0)
    assert mean_amount() == pytest.approx(amounts.mean(), rel=0.01)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_true_gains_are_spread_as_the_world_says(world):
    truths = world.truths(20_000, np.random.default_rng(7)) / ERROR
    spread = np.sqrt((1 - world.drift) * world.spread**2 + world.drift * DRIFT**2)
    assert truths.mean() == pytest.approx((1 - world.drift) * world.mean, abs=0.03)
    assert truths.std() == pytest.approx(spread, abs=0.03)
    assert (world.min_loss_events == RARE_LOSSES) == world.name.startswith("fraud")


def test_a_seed_gives_the_same_window_again():
    first, again = (WORLDS[-1].look(0.1, np.random.default_rng(3)) for _ in range(2))
    assert (first.champion, first.candidate) == (again.champion, again.candidate)
    assert np.array_equal(first.rows.difference, again.rows.difference)
