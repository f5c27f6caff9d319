import numpy as np
import pytest

from kpi_gate.decision.stats.calibration import (
    action_rate,
    action_rate_gap,
    calibration_bins,
    calibration_error,
    is_finite,
)


def test_calibration_error_by_hand():
    probability = np.repeat([0.1, 0.9], 50)
    assert calibration_error(probability, probability >= 0.5) == pytest.approx(0.1)
    assert calibration_error([0.5, 0.5], [0, 1]) == 0.5


def test_a_calibrated_score_has_little_error_and_a_stretched_one_much():
    generator = np.random.default_rng(7)
    probability = generator.uniform(0, 0.6, 20_000)
    outcome = generator.random(20_000) < probability
    assert calibration_error(probability, outcome) < 0.02
    assert calibration_error(1.6 * probability, outcome) > 0.15


def test_bins_hold_every_row_once():
    probability = np.random.default_rng(7).random(1_003)
    bins = calibration_bins(probability, probability > 0.5)
    assert sum(rows for _, _, rows in bins) == 1_003
    assert len(calibration_bins([0.2], [1])) == 1


def test_no_rows_give_no_number():
    assert np.isnan(calibration_error([], []))
    assert np.isnan(action_rate_gap([1.0] * 20, ["a"] * 20))


def test_a_score_that_is_missing_leaves_no_number():
    assert np.isnan(calibration_error([np.nan, 0.5], [0, 1]))


def test_rates_of_action():
    assert action_rate([1, 0, 0, 2]) == 0.5
    action = np.r_[np.ones(40), np.zeros(40), np.ones(5)]
    group = ["a"] * 40 + ["b"] * 40 + ["few"] * 5
    assert action_rate_gap(action, group) == 1.0


@pytest.mark.parametrize("value", [1, 0.5, -1e300, np.float32(1), np.int64(3)])
def test_numbers_are_finite(value):
    assert is_finite(value)


@pytest.mark.parametrize("value", [None, "1", np.nan, np.inf, -np.inf, 10**400, 1j, [1.0]])
def test_anything_else_is_not(value):
    assert not is_finite(value)
