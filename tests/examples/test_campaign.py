from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from kpi_gate.data.validation.engine import PreviousSnapshot, validate_rows
from kpi_gate.examples.campaign import USE_CASE, contact_rate
from kpi_gate.pipeline.loading import known_rows
from kpi_gate.usecase.contract import ConfigurationError, Feature

pytestmark = pytest.mark.slow

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


def test_a_good_month_passes_and_one_in_cents_is_stopped(tmp_path):
    USE_CASE.fetch(tmp_path)
    as_of, before = (datetime(2009, month, 1, tzinfo=UTC) for month in (4, 3))
    calls = known_rows(USE_CASE, tmp_path, as_of)
    march = calls["event_time"] >= before
    previous = PreviousSnapshot(before, int((~march).sum()))

    good = validate_rows(calls, USE_CASE, as_of, previous)
    cents = calls["balance_eur"].where(~march, calls["balance_eur"] * 100)
    bad = validate_rows(calls.assign(balance_eur=cents), USE_CASE, as_of, previous)

    assert good.failures == ()
    assert {failure.column for failure in bad.failures} == {"balance_eur"}
    assert len(bad.bad_rows) == march.sum() == 258
    assert (bad.bad_rows["event_time"] >= before).all()
