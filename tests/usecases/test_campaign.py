from dataclasses import replace

import numpy as np
import pytest

from kpi_gate.usecase import ConfigurationError, Feature
from kpi_gate.usecases.campaign import USE_CASE, contact_rate

CAP, RATE, SHARE, COST = 20_000, 0.02463333, 0.25, 1.0


@pytest.mark.parametrize(
    ("action", "outcome", "balance", "money"),
    [
        (1, 1, 2_000, 2_000 * SHARE * RATE - COST),
        (1, 1, 100_000, CAP * SHARE * RATE - COST),
        (1, 1, -300, -COST),
        (1, 0, 2_000, -COST),
        (0, 1, 2_000, 0.0),
        (0, 0, -300, 0.0),
    ],
)
def test_money_by_hand(action, outcome, balance, money):
    value = USE_CASE.value.value(
        np.array([action]),
        np.array([outcome]),
        {"balance_eur": np.array([balance])},
        USE_CASE.settings.base_values(),
    )
    assert value == pytest.approx([money])


def test_the_length_of_the_call_is_refused():
    with pytest.raises(ConfigurationError, match="feature 'duration' is known only after"):
        replace(USE_CASE, features=(*USE_CASE.features, Feature("duration", "number")))


def test_everyone_is_called_without_a_model():
    assert contact_rate(USE_CASE.baseline(range(3)), None) == 1.0
