import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.shrinkage import learn_prior

ESTIMATES = st.lists(st.floats(-5, 5), min_size=1, max_size=20)


@given(ESTIMATES, st.floats(0.05, 5), st.floats(-10, 10), st.floats(0, 5))
@examples(deadline=None, max_examples=60)
def test_shrinking_is_monotone_and_stays_between_mean_and_estimate(history, error, gain, more):
    prior = learn_prior(history, np.full(len(history), error))
    shrunk, larger = prior.shrink(gain, error), prior.shrink(gain + more, error)
    assert shrunk <= larger + 1e-9
    assert min(prior.mean, gain) - 1e-9 <= shrunk <= max(prior.mean, gain) + 1e-9


def test_weights_are_probabilities():
    prior = learn_prior([0.1, -0.2, 3.0], [0.2, 0.1, 0.3])
    assert prior.weights.sum() == pytest.approx(1)
    assert (prior.weights > 0).all()
    assert prior.candidates == 3


def test_a_first_candidate_is_shrunk_a_little():
    prior = learn_prior([0.6], [0.2])
    assert 0.3 < prior.shrink(0.6, 0.2) < 0.6


def test_a_history_of_nothing_shrinks_hard():
    generator = np.random.default_rng(7)
    quiet = generator.normal(0, 1, 30)  # what candidates measure that are all worth nothing
    prior = learn_prior([*quiet, 2.0], np.ones(31))
    assert prior.shrink(2.0, 1.0) < 0.6
    assert learn_prior([2.0], [1.0]).shrink(2.0, 1.0) > prior.shrink(2.0, 1.0)


def test_a_drift_gain_after_quiet_months_is_not_shrunk_away():
    quiet = np.random.default_rng(7).normal(0, 1, 24)
    prior = learn_prior([*quiet, 10.0], np.ones(25))
    assert prior.shrink(10.0, 1.0) > 0.85 * 10.0


def test_shrunk_gains_of_the_lucky_are_nearer_the_truth():
    generator = np.random.default_rng(7)
    truth = generator.normal(-0.3, 0.6, 200)
    measured = truth + generator.normal(0, 1, 200)
    prior = learn_prior(measured, np.ones(200))
    lucky = measured > 1.645
    shrunk = np.array([prior.shrink(gain, 1.0) for gain in measured[lucky]])
    raw, better = measured[lucky].mean() - truth[lucky].mean(), shrunk.mean() - truth[lucky].mean()
    assert abs(better) < 0.4 * raw


def test_money_has_no_scale():
    x, s = np.array([0.1, -0.4, 2.0]), np.array([0.3, 0.2, 0.5])
    small, large = learn_prior(x, s), learn_prior(1_000 * x, 1_000 * s)
    assert large.shrink(2_000, 500) == pytest.approx(1_000 * small.shrink(2.0, 0.5))


def test_a_gain_without_error_is_kept():
    assert learn_prior([0.0], [1.0]).shrink(0.7, 0.0) == 0.7


@pytest.mark.parametrize(
    ("estimates", "errors"),
    [([], []), ([1.0], []), ([np.nan], [1.0]), ([1.0], [0.0]), ([1.0], [-1.0]), ([1.0], [np.inf])],
)
def test_arguments_are_checked(estimates, errors):
    with pytest.raises(ValueError, match="must"):
        learn_prior(estimates, errors)
