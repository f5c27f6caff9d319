import numpy as np
import pytest
from builders import noise
from scipy import stats

from kpi_gate.decision.stats.bootstrap import (
    MAX_BLOCKS,
    RATIO_BLOCKS,
    bootstrap_sums,
    ratio_differences,
)


def rng(seed=7):
    return np.random.default_rng(seed)


def test_bootstrap_agrees_with_scipy():
    sums = np.r_[noise(40, gain=0.4), np.zeros(20)]
    ours = bootstrap_sums(sums, 20_000, rng()) / sums.size
    theirs = stats.bootstrap(
        (sums,), np.mean, n_resamples=20_000, method="percentile", rng=rng(1)
    ).bootstrap_distribution
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    assert np.quantile(ours, [0.05, 0.5, 0.95]) == pytest.approx(
        np.quantile(theirs, [0.05, 0.5, 0.95]), abs=0.02
    )
    assert (ours > 0).mean() == pytest.approx((theirs > 0).mean(), abs=0.02)


def test_bootstrap_by_full_enumeration():
    totals = bootstrap_sums(np.array([0.0, 0.0, 3.0]), 40_000, rng())
    chances = [(totals == 3 * drawn).mean() for drawn in range(4)]
    assert chances == pytest.approx(stats.binom.pmf(range(4), 3, 1 / 3), abs=0.01)


def test_pooled_bootstrap_agrees_with_the_exact_error():
    sums = rng().normal(0.3, 1.0, 2 * MAX_BLOCKS + 777)
    found = bootstrap_sums(sums, 4_000, rng()).std() / sums.size
    assert found == pytest.approx(stats.sem(sums), rel=0.03)


def test_a_constant_sum_has_no_scatter():
    assert set(bootstrap_sums(np.full(10, 0.1), 100, rng())) == {10 * 0.1}


def test_many_replicates_are_drawn_in_parts_and_are_the_same_in_kind():
    sums = np.r_[noise(3_000, 0.2), np.zeros(3_000)]
    assert sums.size * 5_000 > 2_000_000
    found = bootstrap_sums(sums, 5_000, rng()) / sums.size
    assert found.mean() == pytest.approx(sums.mean(), abs=0.002)
    assert found.std() == pytest.approx(stats.sem(sums), rel=0.05)


def test_a_replicate_may_draw_no_changed_cluster_at_all():
    totals = bootstrap_sums(np.r_[1.0, np.zeros(9)], 20_000, rng())
    assert (totals == 0).mean() == pytest.approx(0.9**10, abs=0.01)


def ratios(clusters, resamples=8_000):
    generator = rng(3)
    bases = generator.poisson(20, (2, clusters)) + 1.0
    plays = [generator.binomial(base.astype(int), 0.1) * 1.0 for base in bases]
    found = ratio_differences((plays[0], plays[1]), (bases[0], bases[1]), resamples, rng())
    return plays, bases, found


def test_ratios_are_formed_anew_in_each_replicate():
    plays, bases, found = ratios(200)
    truth = plays[0].sum() / bases[0].sum() - plays[1].sum() / bases[1].sum()
    theirs = stats.bootstrap(
        (*plays, *bases),
        lambda a, b, c, d, axis=-1: a.sum(axis) / c.sum(axis) - b.sum(axis) / d.sum(axis),
        paired=True,
        n_resamples=8_000,
        method="percentile",
        rng=rng(1),
    ).bootstrap_distribution
    assert found.mean() == pytest.approx(truth, abs=0.001)
    assert found.std() == pytest.approx(theirs.std(), rel=0.05)


def test_pooled_ratios_agree_with_the_delta_method():
    plays, bases, found = ratios(3 * RATIO_BLOCKS + 11, 2_000)
    left = sum(
        sign * (a - a.sum() / b.sum() * b) / b.mean()
        for sign, a, b in zip((1, -1), plays, bases, strict=True)
    )
    assert found.std() == pytest.approx(stats.sem(left), rel=0.06)


def test_a_replicate_without_a_base_exceeds_nothing():
    zero, one = np.zeros(2), np.array([1.0, 0.0])
    found = ratio_differences((one, one), (one, zero + 1), 2_000, rng())
    assert np.isnan(found).mean() == pytest.approx(0.25, abs=0.05)
    assert not (found[np.isnan(found)] > -1e9).any()
