import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from kpi_gate.decision.value_models import campaign_profit
from kpi_gate.learning.policy import Policy, PolicySettings, expected_advantage

PARAMETERS = {
    "contact_cost_eur": 1.0,
    "interest_rate": 0.02,
    "deposited_share": 0.25,
    "amount_cap_eur": 20_000.0,
}


def actions(probability, balance, **settings):
    policy = Policy(settings=PolicySettings(**settings), parameters=PARAMETERS)
    columns = {"balance_eur": np.asarray(balance, dtype=float)}
    return policy.actions(np.asarray(probability, dtype=float), columns, campaign_profit)


def test_act_where_the_expected_money_says_so():
    # a deposit of 1000 EUR is worth 5 EUR: call above one in five
    assert actions([0.19, 0.21, 0.9], [1_000, 1_000, 0]).tolist() == [0, 1, 0]
    assert actions([0.21, 0.9], [1_000, 1_000], margin=2.0).tolist() == [0, 1]


def test_acting_exactly_at_break_even_is_not_acting():
    assert actions([0.2], [1_000]).tolist() == [0]


def test_a_budget_goes_to_the_most_valuable():
    chosen = actions([0.5] * 4, [1_000, 4_000, 2_000, 3_000], budget_share=0.5)
    assert chosen.tolist() == [0, 1, 0, 1]
    assert actions([0.5], [1_000], budget_share=0.5).tolist() == [0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.05, 1))
@examples(deadline=None, max_examples=50)
def test_a_budget_is_never_exceeded(probability, share):
    everywhere = actions(probability, [5_000] * len(probability))
    chosen = actions(probability, [5_000] * len(probability), budget_share=share)
    assert chosen.sum() == min(everywhere.sum(), np.floor(share * len(probability)))
    assert (chosen <= everywhere).all()


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_score_that_is_missing_has_no_action(hole):
    chosen = actions([hole, 0.9, 0.9], [1_000] * 3, budget_share=0.4)
    assert np.isnan(chosen[0])
    assert np.nansum(chosen) == 1
    assert np.isnan(actions([0.5], [np.nan])).all()


def test_advantage_by_hand():
    advantage = expected_advantage(
        np.array([0.5]), {"balance_eur": np.array([1_000.0])}, campaign_profit, PARAMETERS
    )
    assert advantage == pytest.approx([0.5 * 5 - 1])


@pytest.mark.parametrize(
    "wrong", [{"kind": "best"}, {"margin": -1}, {"budget_share": 0}, {"budget_share": 1.1}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        PolicySettings(**wrong)
