import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.value.ready_made import campaign_profit

BASE = {
    "contact_cost_eur": 1.0,
    "interest_rate": 0.02,
    "deposited_share": 0.25,
    "amount_cap_eur": 20_000.0,
}
NUMBERS = st.floats(-1e6, 1e6)


def value(action, outcome, balance, **parameters):
    columns = {"balance_eur": np.atleast_1d(balance)}
    given = (np.atleast_1d(np.asarray(x, dtype=float)) for x in (action, outcome))
    return campaign_profit.value(*given, columns, {**BASE, **parameters})


@pytest.mark.parametrize(
    ("action", "outcome", "balance", "money"),
    [
        (1, 1, 1_000, 1_000 * 0.25 * 0.02 - 1),
        (1, 0, 1_000, -1),
        (0, 1, 1_000, 0),
        (1, 1, -500, -1),
        (1, 1, 50_000, 20_000 * 0.25 * 0.02 - 1),
    ],
)
def test_campaign_profit_by_hand(action, outcome, balance, money):
    assert value(action, outcome, balance) == pytest.approx([money])


def test_the_cap_can_be_lifted():
    lifted = campaign_profit.uncapped(BASE)
    assert value(1, 1, 50_000, **lifted) == pytest.approx([50_000 * 0.25 * 0.02 - 1])
    assert BASE["amount_cap_eur"] == 20_000


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), NUMBERS), min_size=1, max_size=30))
@examples(max_examples=50)
def test_value_is_the_sum_of_its_parts(rows):
    outcome, balance = (np.array(column) for column in zip(*rows, strict=True))
    action = np.ones_like(outcome)
    parts = campaign_profit.breakdown(action, outcome, {"balance_eur": balance}, BASE)
    assert set(parts) == {"deposit_margin", "contact_cost"}
    assert value(action, outcome, balance) == pytest.approx(sum(parts.values()))


@given(probability=st.floats(0, 1), balance=NUMBERS)
@examples(max_examples=50)
def test_expected_value_lies_between_the_outcomes(probability, balance):
    columns = {"balance_eur": np.array([balance])}
    one = np.ones(1)
    found = campaign_profit.expected(one, one * probability, columns, BASE)
    ends = [value(1, outcome, balance)[0] for outcome in (0, 1)]
    assert min(ends) - 1e-9 <= found[0] <= max(ends) + 1e-9


def test_a_missing_column_is_an_error_and_a_missing_amount_is_not_money():
    with pytest.raises(KeyError, match="balance_eur"):
        campaign_profit.value(np.ones(1), np.ones(1), {}, BASE)
    assert np.isnan(value(1, 1, np.nan)).all()
