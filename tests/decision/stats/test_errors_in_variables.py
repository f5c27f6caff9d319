import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.stats.errors_in_variables import (
    LinePrior,
    Pairs,
    Population,
    fit_line,
    learn_population,
    residuals,
)

PRIOR, CANDIDATES = LinePrior(), Population(0.0, 1.0)


def release(gain, online, online_error, *, error=0.0, weight=1.0):
    return (*CANDIDATES.shrink(gain, error), online, online_error, weight)


def along(slope, count=12, seed=1):
    true = np.random.default_rng(seed).normal(0, 1, count)
    return [release(x, slope * x, 0.05) for x in true]


def test_no_release_leaves_what_was_believed():
    line = fit_line(Pairs.of([]), PRIOR)
    mean, low, high = line.slope()
    half = 1.645 * PRIOR.slope_error
    assert (mean, low, high) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=0.01)
    assert line.predict(1.0, 0.0)[0] == pytest.approx(0.5)
    assert line.required(CANDIDATES, 0.3, 0.0, 0.9) == np.inf  # P(slope > 0) is 0.84
    assert np.isfinite(line.required(CANDIDATES, 0.3, 0.0, 0.8))


def test_releases_that_are_forgotten_leave_it_too():
    forgotten = [release(x, 2 * x, 0.01, weight=0.0) for x in (1.0, 2.0, 3.0)]
    assert fit_line(Pairs.of(forgotten), PRIOR).slope() == pytest.approx(
        fit_line(Pairs.of([]), PRIOR).slope()
    )


@pytest.mark.parametrize("slope", [-1.2, 0.0, 0.4, 1.0, 2.3])
def test_one_huge_precise_release_says_what_an_offline_gain_is_worth(slope):
    line = fit_line(Pairs.of([(1e4, 1e-12, slope * 1e4, 1e-6, 1.0)]), PRIOR)
    mean, low, high = line.slope()
    assert mean == pytest.approx(slope, abs=1e-3)
    assert low <= slope <= high
    assert high - low < 1e-3


def test_a_slope_far_from_the_prior_is_found():
    assert fit_line(Pairs.of(along(7.0, 40)), PRIOR).slope()[0] == pytest.approx(7.0, abs=0.2)


def test_noise_of_the_offline_gain_widens_and_does_not_bend():
    chance = np.random.default_rng(3)
    true = chance.normal(0, 1, 400)
    measured = true + chance.normal(0, 1.0, 400)
    online = 0.8 * true + chance.normal(0, 0.1, 400)
    bent = np.polyfit(measured, online, 1)[0]
    line = fit_line(
        Pairs.of([release(x, y, 0.1, error=1.0) for x, y in zip(measured, online, strict=True)]),
        PRIOR,
    )
    assert bent < 0.5
    assert line.slope()[0] == pytest.approx(0.8, abs=0.1)


def test_more_gain_is_never_less_likely_to_lift_where_the_slope_is_surely_positive():
    line = fit_line(Pairs.of(along(0.6)), PRIOR)
    assert line.p_slope_positive() == pytest.approx(1.0)
    chances = [line.p_above(0.0, gain, 0.1) for gain in np.linspace(-3, 6, 60)]
    assert (np.diff(chances) >= -1e-12).all()


@given(
    slope=st.sampled_from([-0.5, 0.0, 0.2, 0.6, 1.0]),
    error=st.floats(0.01, 3),
    target=st.floats(-1, 1),
    sure=st.floats(0.55, 0.98),
)
@examples(max_examples=25, deadline=None)
def test_the_required_gain_suffices_and_a_little_less_does_not(slope, error, target, sure):
    line = fit_line(Pairs.of(along(slope, 8)), PRIOR)
    needed = line.required(CANDIDATES, error, target, sure)

    def chance(gain):
        return line.p_above(target, *CANDIDATES.shrink(gain, error))

    if np.isfinite(needed):
        assert chance(needed) >= sure - 1e-6
        if needed > 0:
            assert chance(needed - 1e-3 * (1 + needed)) < sure + 1e-6
    else:
        assert all(chance(gain) < sure for gain in (0.0, 1.0, 10.0, 1e3))


def test_a_release_that_does_not_fit_has_a_large_residual():
    rows = [*along(0.5), release(0.5, 6.0, 0.05)]
    found = residuals(Pairs.of(rows), PRIOR)
    assert np.argmax(np.abs(found)) == len(rows) - 1
    assert abs(found[-1]) > 3


def test_what_candidates_gain_is_learnt_from_all_of_them():
    chance = np.random.default_rng(2)
    true = chance.normal(-0.3, 0.6, 3_000)
    found = learn_population(true + chance.normal(0, 1, 3_000), np.ones(3_000))
    assert found == pytest.approx((-0.3, 0.6), abs=0.06)
    assert learn_population([], []) == pytest.approx((0.0, 1.0), abs=1e-3)
