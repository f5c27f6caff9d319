import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.stats.shrinkage import MEANS, learn_prior

ESTIMATES = st.lists(st.floats(-5, 5), min_size=1, max_size=20)


def shrunk_after(history, errors, gain, error):
    """Return the shrunk gain of a candidate, which belongs to the candidates itself."""
    prior = learn_prior([*history, gain], [*np.broadcast_to(errors, len(history)), error])
    return prior.shrink(gain, error)


def quiet(looks, seed=7):
    """Return what candidates measure that are all worth nothing, in standard errors."""
    return np.random.default_rng(seed).normal(0, 1, looks)


@given(ESTIMATES, st.floats(0.05, 5), st.floats(-10, 10), st.floats(0, 5))
@examples(max_examples=60)
def test_shrinking_is_monotone_and_does_not_overshoot(history, error, gain, more):
    prior = learn_prior(history, np.full(len(history), error))
    shrunk, larger = prior.shrink(gain, error), prior.shrink(gain + more, error)
    ends = (gain, *(MEANS[[0, -1]] * error))
    assert shrunk <= larger + 1e-9
    assert min(ends) - 1e-9 <= shrunk <= max(ends) + 1e-9


def test_weights_are_probabilities():
    prior = learn_prior([0.1, -0.2, 3.0], [0.2, 0.1, 0.3])
    assert prior.weights.sum() == pytest.approx(1)
    assert (prior.weights >= 0).all()


def test_a_first_candidate_must_be_far_from_luck():
    assert shrunk_after([], 1.0, 2.0, 1.0) < 0.3
    assert shrunk_after([], 1.0, 6.0, 1.0) > 0.75 * 6.0
    assert shrunk_after([], 0.03, 0.75, 0.03) > 0.95 * 0.75


def test_a_history_of_nothing_shrinks_hard():
    assert shrunk_after(quiet(30), 1.0, 2.0, 1.0) < 0.3


def test_a_history_of_gains_shrinks_less():
    good = np.random.default_rng(7).normal(1.0, 1.4, 100)
    assert shrunk_after(good, 1.0, 2.0, 1.0) > 0.4 * 2.0
    assert shrunk_after(good, 1.0, 2.0, 1.0) > 3 * shrunk_after(quiet(100), 1.0, 2.0, 1.0)


@pytest.mark.parametrize("looks", [24, 500])
def test_a_drift_gain_is_not_shrunk_away_however_long_it_was_quiet(looks):
    assert shrunk_after(quiet(looks), 1.0, 10.0, 1.0) > 0.85 * 10.0
    assert shrunk_after(quiet(looks), 1.0, 3.2, 1.0) > 0.25 * 3.2


def test_what_real_histories_of_the_bank_look_like():
    assert shrunk_after([0.75, 0.06], [0.03, 0.04], 1.3, 0.25) > 0.8 * 1.3
    for error in (0.15, 0.2, 0.25):
        kept = [
            shrunk_after(0.25 * quiet(20, seed), error, 0.49, 0.15) / 0.49 for seed in range(10)
        ]
        assert np.mean(kept) > 0.4


@pytest.mark.parametrize(("center", "spread"), [(-0.3, 0.6), (0.3, 1.0)])
def test_shrunk_gains_of_the_lucky_are_near_the_truth(center, spread):
    raw, shrunk, true = [], [], []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        truth = generator.normal(center, spread, 400)
        measured = truth + generator.normal(0, 1, 400)
        prior = learn_prior(measured, np.ones(400))
        lucky = measured > 2
        raw += list(measured[lucky])
        shrunk += [prior.shrink(gain, 1.0) for gain in measured[lucky]]
        true += list(truth[lucky])
    assert np.mean(shrunk) == pytest.approx(np.mean(true), rel=0.1)
    assert np.mean(raw) > 1.7 * np.mean(true)


def test_money_has_no_scale():
    x, s = np.array([0.1, -0.4, 2.0]), np.array([0.3, 0.2, 0.5])
    small, large = learn_prior(x, s), learn_prior(1_000 * x, 1_000 * s)
    assert large.shrink(2_000, 500) == pytest.approx(1_000 * small.shrink(2.0, 0.5))


def test_a_gain_without_error_is_kept():
    assert learn_prior([0.0], [1.0]).shrink(0.7, 0.0) == 0.7


def test_numbers_beyond_reason_stay_finite():
    assert learn_prior([1e15, -3.0], [1e-15, 1.0]).shrink(1e15, 1e-15) == pytest.approx(1e15)
    assert abs(learn_prior([1e-14], [1e15]).shrink(5.0, 1e15)) < 1e15


@pytest.mark.parametrize(
    ("estimates", "errors"),
    [([], []), ([1.0], []), ([np.nan], [1.0]), ([1.0], [0.0]), ([1.0], [-1.0]), ([1.0], [np.inf])],
)
def test_arguments_are_checked(estimates, errors):
    with pytest.raises(ValueError, match="must"):
        learn_prior(estimates, errors)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.05, 2)), min_size=1, max_size=7))
@examples(max_examples=60)
def test_gains_alone_are_never_booked_as_a_loss_while_few_are_known(looks):
    estimates, errors = zip(*looks, strict=True)
    assert learn_prior(estimates, errors).shrink(estimates[-1], errors[-1]) >= 0


def test_two_gains_of_the_bank_stay_a_gain():
    assert shrunk_after([0.018], [0.02], 0.054, 0.04) > 0


def test_the_middle_half_holds_what_is_usual():
    low, high = learn_prior(quiet(100), np.ones(100)).middle_half()
    assert low < high < 0.2
    rising = learn_prior(1 + quiet(100), np.ones(100)).middle_half()
    assert rising[0] > low
    assert rising[1] > high
