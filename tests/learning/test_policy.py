import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from kpi_gate.decision.value.ready_made import campaign_profit
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
@examples(max_examples=50)
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


def test_each_group_has_its_own_room():
    probability, balance = np.full(6, 0.9), np.array([1.0, 3.0, 2.0, 5.0, 4.0, 6.0]) * 1_000
    policy = Policy(settings=PolicySettings(most=2, within=("unit",)), parameters=PARAMETERS)
    groups = np.array([0, 0, 0, 1, 1, 2])
    chosen = policy.actions(probability, {"balance_eur": balance}, campaign_profit, groups)
    assert chosen.tolist() == [0, 1, 1, 1, 1, 1]


def test_most_and_share_hold_both():
    assert actions([0.9] * 4, [1_000] * 4, most=1, budget_share=0.5).sum() == 1
    assert actions([0.9] * 4, [1_000] * 4, most=3, budget_share=0.5).sum() == 2


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=60),
    st.integers(1, 5),
)
@examples(max_examples=50)
def test_no_group_exceeds_its_room_and_none_is_wasted(rows, most):
    probability, groups = (np.array(column) for column in zip(*rows, strict=True))
    columns = {"balance_eur": np.full(len(rows), 5_000.0)}
    free = Policy(settings=PolicySettings(), parameters=PARAMETERS)
    held = Policy(settings=PolicySettings(most=most, within=("unit",)), parameters=PARAMETERS)
    wanted = free.actions(probability, columns, campaign_profit)
    chosen = held.actions(probability, columns, campaign_profit, groups)
    for group in set(groups):
        mine = groups == group
        assert chosen[mine].sum() == min(most, wanted[mine].sum())
        left, taken = probability[mine & (wanted > chosen)], probability[mine & (chosen > 0)]
        assert not left.size or not taken.size or left.max() <= taken.min()


def test_a_bid_is_the_probability():
    chosen = actions([0.2, np.inf], [1_000, 1_000], kind="probability")
    assert chosen[0] == 0.2
    assert np.isnan(chosen[1])


def chances(money, **settings):
    policy = Policy(settings=PolicySettings(kind="choice", **settings), parameters=PARAMETERS)
    return policy.chances(np.array(money, dtype=float))


def test_a_choice_explores_and_leans_to_the_best():
    assert chances([[1, 3, 2]]).tolist() == [[0, 1, 0]]
    assert chances([[1, 3, 3, 2]], explore=0.4) == pytest.approx(np.array([[0.1, 0.4, 0.4, 0.1]]))
    # softmax of money over 0.5 times the best: exp(-1/1), exp(0)
    assert chances([[1, 2]], temperature=0.5)[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert chances([[0, 0]], temperature=0.5).tolist() == [[0.5, 0.5]]


@given(
    st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=9),
    st.floats(0, 1),
    st.floats(0, 3),
)
@examples(max_examples=50)
def test_chances_are_probabilities_and_more_money_is_never_less_likely(money, explore, temperature):
    found = chances(money, explore=explore, temperature=temperature)
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found >= explore / 3 - 1e-12).all()
    order = np.argsort(money, axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(found, order, axis=1), axis=1) >= -1e-12).all()


def test_a_choice_without_money_has_no_chances():
    assert np.isnan(chances([[1, np.nan], [1, 2]])).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"explore": 0.1}, "explore == 0.1 means nothing to kind expected_value"),
        ({"kind": "choice", "most": 3}, "most == 3 means nothing to kind choice"),
        ({"kind": "probability", "margin": 1}, "margin == 1.0 means nothing to kind probability"),
        ({"within": ["unit"]}, "`within` needs `most` or `budget_share`"),
        ({"most": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        PolicySettings(**settings)
