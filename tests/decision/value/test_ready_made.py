from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import integrate, stats

from kpi_gate.decision.value.model import Columns, Floats, Parameter, Parameters
from kpi_gate.decision.value.ready_made import (
    ad_click,
    ad_revenue,
    block_threshold,
    campaign_profit,
    ctr_revenue,
    expected_retention_value,
    fraud,
    lifetime_value,
    lifetime_value_slope,
    offer_threshold,
    retention,
    take_rate,
    take_rate_money,
)

MODELS = (campaign_profit, fraud, retention, ad_revenue, ad_click, take_rate)
WITH_AMOUNTS = [model for model in MODELS if model.columns]
CAPPED = [model for model in MODELS if model.amount_cap]
BINARY = st.sampled_from([0.0, 1.0])
AMOUNTS = st.floats(0, 1e5)
SHARES = st.floats(0, 1)
by_name = {"ids": lambda model: model.name}


def base_of(model, **changed):
    return {name: parameter.base for name, parameter in model.parameters.items()} | changed


def arrays(*columns):
    return [np.atleast_1d(np.asarray(column, dtype=float)) for column in columns]


def breakdown(model, action, outcome, parameters, *amounts):
    columns = dict(zip(model.columns, arrays(*amounts), strict=True))
    return model.breakdown(*arrays(action, outcome), columns, parameters)


def money(model, action, outcome, parameters, *amounts):
    columns = dict(zip(model.columns, arrays(*amounts), strict=True))
    return model.value(*arrays(action, outcome), columns, parameters)


# --- by hand ---

FRAUD = {
    "margin_share": 0.02,
    "loss_multiplier": 1.5,
    "recovered_share": 0.2,
    "chargeback_fee": 15.0,
    "friction_cost": 5.0,
    "lost_customer_share": 0.01,
    "customer_value": 300.0,
    "review_cost": 3.0,
    "amount_cap": 1_000.0,
}
RETENTION = {
    "acceptance": 0.3,
    "incentive": 10.0,
    "contact_cost": 1.0,
    "taken_anyway_share": 0.8,
    "customer_value_cap": 500.0,
}


@pytest.mark.parametrize(
    ("action", "outcome", "amount", "margin", "fraud_loss", "friction", "review_queue"),
    [
        (0, 0, 100, 0.02 * 100, 0, 0, 0),
        (0, 1, 100, 0, -(1.5 * (1 - 0.2) * 100 + 15), 0, 0),
        (1, 0, 100, 0, 0, -(5 + 0.01 * 300), -3),
        (1, 1, 100, 0, 0, 0, -3),
        (0, 0, 4_000, 0.02 * 1_000, 0, 0, 0),
        (0, 1, 4_000, 0, -(1.5 * (1 - 0.2) * 1_000 + 15), 0, 0),
        (0, 1, 0, 0, -15, 0, 0),
    ],
)
def test_fraud_by_hand(action, outcome, amount, margin, fraud_loss, friction, review_queue):
    expected = {"margin": margin, "fraud_loss": fraud_loss}
    expected |= {"friction": friction, "review_queue": review_queue}
    found = breakdown(fraud, action, outcome, FRAUD, amount)
    assert {name: part[0] for name, part in found.items()} == pytest.approx(expected)
    assert money(fraud, action, outcome, FRAUD, amount) == pytest.approx(sum(expected.values()))


@pytest.mark.parametrize(
    ("action", "outcome", "customer_value", "saved_margin", "incentives", "contact_cost"),
    [
        (1, 1, 200, 0.3 * 200, -0.3 * 10, -1),
        (1, 0, 200, 0, -0.8 * 10, -1),
        (0, 1, 200, 0, 0, 0),
        (0, 0, 200, 0, 0, 0),
        (1, 1, 9_000, 0.3 * 500, -0.3 * 10, -1),
        (1, 1, 4, 0.3 * 4, -0.3 * 10, -1),
    ],
)
def test_retention_by_hand(action, outcome, customer_value, saved_margin, incentives, contact_cost):
    expected = {"saved_margin": saved_margin, "incentives": incentives}
    expected |= {"contact_cost": contact_cost}
    found = breakdown(retention, action, outcome, RETENTION, customer_value)
    assert {name: part[0] for name, part in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("action", "outcome", "click_price", "worth"),
    [
        (1.0, 1, 0.60, 0.60 - 0.001),
        (1.0, 0, 0.60, -0.001),
        (0.25, 1, 0.60, 0.25 * (0.60 - 0.001)),
        (0.0, 1, 0.60, 0),
    ],
)
def test_ad_revenue_by_hand(action, outcome, click_price, worth):
    found = money(ad_revenue, action, outcome, {"serving_cost": 0.001}, click_price)
    assert found == pytest.approx([worth])


def test_take_rate_by_hand():
    action, outcome = [1, 1, 0, 1], [1, 0, 1, 1]
    plays = take_rate.value(*arrays(action, outcome), {}, {})  # no weight is needed to count
    shown = take_rate.base(*arrays(action, outcome), {}, {})
    assert plays.tolist() == [1, 0, 0, 1]
    assert shown.tolist() == [1, 1, 0, 1]
    assert take_rate.money_weight == ("hours_per_play", "money_per_hour")


# --- against other programs ---


def test_fraud_agrees_with_another_program():
    # empulse 0.13.1, cost_loss(y, b, tp_cost=3, fp_cost=.02*a+8, fn_cost=1.2*a+15), per decision
    empulse = 8.666666666666666
    fraudulent = np.array([0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1])
    blocked = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    amount = np.array([10, 250, 35, 900, 60, 5, 1_500, 80, 42, 300, 20, 700])
    uncapped = fraud.uncapped({**FRAUD, "friction_cost": 2.0})  # and 0.01 * 300, and a review: 8
    of_an_oracle_without_costs = np.sum(0.02 * amount * (1 - fraudulent))
    found = money(fraud, blocked, fraudulent, uncapped, amount).sum()
    assert (of_an_oracle_without_costs - found) / 12 == pytest.approx(empulse)


# empulse 0.13.1 on these twelve customers; scores as they are, which it ranks:
# mpc_score(left, score, accept_rate=.3, clv=, incentive_cost=, contact_cost=),
# empc_score(left, score, alpha=, beta=, clv=, incentive_cost=, contact_cost=)
LEFT = np.array([0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1], dtype=float)
# .02 .05 .08 .1 .15 .2 .25 .3 .45 .5 .7 .9, calibrated by isotonic regression on the same rows:
# what pays more than nothing by these is what EMPC's best threshold picks
SCORE = np.array([0, 0, 1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 2 / 3, 2 / 3, 2 / 3, 1, 1])
EMPULSE = [
    # clv, incentive, contact, Beta, mpc, empc
    (200, 10, 1, (6, 14), 24.33333333333333, 24.340460006642722),
    (100, 20, 3, (6, 14), 5.083333333333333, 5.334556908683491),
    (60, 5, 1, (6, 14), 5.75, 5.819852908838615),
    (200, 10, 1, (2, 5), 24.33333333333333, 23.109638254285127),
]


@pytest.mark.parametrize(("clv", "incentive", "contact", "beta", "mpc", "empc"), EMPULSE)
def test_retention_agrees_with_another_program(clv, incentive, contact, beta, mpc, empc):
    parameters = base_of(retention, incentive=incentive, contact_cost=contact)
    customer_value = np.full(LEFT.size, float(clv))
    offer = offer_threshold(customer_value, parameters) < SCORE
    assert money(retention, offer, LEFT, parameters, customer_value).mean() == pytest.approx(mpc)
    # the integrand has corners, where the offers change: 32 points are good to a thousandth
    found = expected_retention_value(SCORE, LEFT, customer_value, parameters, beta)
    assert found == pytest.approx(empc, rel=1e-3)


def test_offers_that_are_fixed_are_worth_the_value_at_the_mean_acceptance():
    # so certain of everyone that no acceptance changes the offers
    certain, customer_value = 1000.0 * (LEFT - 0.5), np.full(LEFT.size, 200.0)
    found = expected_retention_value(certain, LEFT, customer_value, base_of(retention))
    at_the_mean = money(retention, LEFT, LEFT, base_of(retention), customer_value).mean()
    assert found == pytest.approx(at_the_mean)
    certain[3] = np.nan
    assert np.isnan(expected_retention_value(certain, LEFT, customer_value, base_of(retention)))


# --- published and worked numbers ---


def test_worked_numbers():
    assert offer_threshold([200.0], base_of(retention)) == pytest.approx([0.164], abs=5e-4)
    assert lifetime_value(10, 0.03, 0.01) == pytest.approx(242.5)
    less_churn = lifetime_value(10, 0.03 * 0.99, 0.01) - lifetime_value(10, 0.03, 0.01)
    assert less_churn == pytest.approx(1.9, abs=0.05)
    assert lifetime_value_slope(10, 0.03, 0.01) * -0.0003 == pytest.approx(less_churn, rel=0.01)
    assert ctr_revenue(0.01, 12 * 1e9, 0.005, 0.60) == pytest.approx(360_000)
    of_hours = take_rate_money(5e6, 200, 0.001, 1.2, -0.0005, 200)
    assert of_hours == pytest.approx(120_000)
    # the same by the model's weights: plays more a month x hours a play x money an hour
    weights = base_of(take_rate)
    plays = 5e6 * 200 * 0.001
    assert plays * weights["hours_per_play"] * weights["money_per_hour"] == pytest.approx(of_hours)


# --- a bid ---


def utility_by_quadrature(outcome, value, price, probability, rate):
    beaten = stats.gamma(a=rate * price + 1, scale=1 / rate)
    bid = probability * value
    inner = [point for point in beaten.ppf([0.01, 0.5, 0.99]) if 0 < point < bid]
    return integrate.quad(
        lambda b: (outcome * value - b) * beaten.pdf(b), 0, bid, points=inner or None, epsabs=1e-13
    )[0]


def utility(outcome, value, price, probability, rate):
    return money(ad_click, probability, outcome, {"price_spread": rate}, value, price)[0]


@pytest.mark.parametrize(
    ("outcome", "value", "price", "probability", "rate", "worth"),
    [
        (1, 1.0, 0.5, 0.6, 20, 0.356649115631),
        (0, 1.0, 0.5, 0.6, 20, -0.296121466815),
        (1, 2.0, 0.5, 0.211784594488, 10, 0.423422896225),
        (1, 1.0, 0.5, 0.716485231454, 20, 0.423422896225),
    ],
)
def test_expected_utility_is_the_integral(outcome, value, price, probability, rate, worth):
    found = utility(outcome, value, price, probability, rate)
    assert found == pytest.approx(worth, abs=1e-11)
    quadrature = utility_by_quadrature(outcome, value, price, probability, rate)
    assert quadrature == pytest.approx(worth, abs=1e-11)


def test_expected_utility_is_the_integral_everywhere():
    generator = np.random.default_rng(4)
    for _ in range(60):
        outcome, probability = generator.integers(2), generator.random()
        value, price, rate = np.exp(generator.normal([0, -1, 3], 1))
        found = utility(outcome, value, price, probability, rate)
        quadrature = utility_by_quadrature(outcome, value, price, probability, rate)
        assert found == pytest.approx(quadrature, rel=1e-8, abs=1e-11)


@given(outcome=BINARY, value=st.floats(0.01, 10), price=st.floats(0, 10), bid=SHARES)
@examples(max_examples=50)
def test_the_best_bid_is_the_outcome(outcome, value, price, bid):
    best = utility(outcome, value, price, outcome, 10)
    assert best >= utility(outcome, value, price, bid, 10) - 1e-12
    assert utility(outcome, value, price, 0, 10) == 0


def test_expected_utility_sees_what_a_ranking_does_not():
    # a second-price auction whose truth is known; its log holds what the champion won
    generator = np.random.default_rng(5)
    rows, value = 200_000, 0.2
    chance = 1 / (1 + np.exp(5 - 0.8 * generator.normal(size=rows)))
    price = generator.gamma(2, 0.0008, size=rows)
    click = (generator.random(rows) < chance).astype(float)

    def noisy(spread):
        return np.minimum(chance * np.exp(spread * generator.normal(size=rows) - spread**2 / 2), 1)

    def profit(bid):
        return float(np.mean((bid * value > price) * (chance * value - price)))

    champion = noisy(0.6)
    won = champion * value > price

    def of_the_log(bid):
        gained = money(
            ad_click, bid[won], click[won], {"price_spread": 1 / 0.0016},
            np.full(won.sum(), value), price[won],
        )  # fmt: skip
        return float(gained.mean())

    def area(bid):
        clicked = click[won] == 1
        pairs = clicked.sum() * (~clicked).sum()
        return stats.mannwhitneyu(bid[won][clicked], bid[won][~clicked]).statistic / pairs

    too_high, better = 1.6 * champion, noisy(0.3)
    assert area(too_high) == pytest.approx(area(champion), abs=1e-12)
    assert area(champion) < area(better)
    for judge in (profit, of_the_log):
        assert judge(too_high) < judge(champion) < judge(better)


# --- of every model ---


def rows_of(model, size=40, seed=0):
    generator = np.random.default_rng(seed)
    action, outcome = generator.integers(0, 2, (2, size)).astype(float)
    columns = {name: generator.gamma(1, 500, size) for name in model.columns}
    return action, outcome, columns


@pytest.mark.parametrize("model", MODELS, **by_name)
def test_every_model_is_pure_and_vectorised_and_its_parts_sum_to_the_value(model):
    action, outcome, columns = rows_of(model)
    for frozen in (action, outcome, *columns.values()):
        frozen.setflags(write=False)
    parts = model.breakdown(action, outcome, columns, base_of(model))
    value = model.value(action, outcome, columns, base_of(model))
    assert all(part.shape == action.shape for part in parts.values())
    assert value == pytest.approx(sum(parts.values()))
    for row in (0, 1, 7):
        one = {name: column[row : row + 1] for name, column in columns.items()}
        alone = model.value(action[row : row + 1], outcome[row : row + 1], one, base_of(model))
        assert alone == value[row : row + 1]


class Watched(dict):
    """Remembers what was read of it."""

    def __init__(self, *given):
        super().__init__(*given)
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("model", MODELS, **by_name)
def test_every_model_declares_what_it_reads(model):
    action, outcome, columns = rows_of(model)
    columns, parameters = Watched(columns), Watched(base_of(model))
    model.parts(action, outcome, columns, parameters)
    assert columns.read == set(model.columns)
    assert parameters.read | set(model.money_weight) == set(model.parameters)
    assert model.amount_cap is None or model.amount_cap in model.parameters
    for parameter in model.parameters.values():
        assert 0 <= parameter.low <= parameter.base <= parameter.high
        assert parameter.unit
        assert parameter.source


@pytest.mark.parametrize("model", MODELS, **by_name)
@pytest.mark.parametrize("broken", ["action", "outcome"])
def test_what_is_not_known_is_worth_nothing_that_counts(model, broken):
    action, outcome, columns = rows_of(model)
    (action if broken == "action" else outcome)[3] = np.nan
    value = model.value(action, outcome, columns, base_of(model))
    assert np.flatnonzero(np.isnan(value)).tolist() == [3]


@pytest.mark.parametrize("amount", [-1e-9, -100.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("model", WITH_AMOUNTS, **by_name)
def test_what_is_no_amount_is_no_money(model, amount):
    # whatever was done and came of it: nobody's gain may come from such a row
    for action, outcome in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for name in model.columns:
            amounts = [amount if column == name else 10.0 for column in model.columns]
            value = money(model, action, outcome, base_of(model), *amounts)
            if model is campaign_profit and amount < 0:  # an overdrawn account deposits nothing
                assert value == -action * base_of(model)["contact_cost_eur"]
            else:
                assert np.isnan(value)


@pytest.mark.parametrize("model", CAPPED, **by_name)
@pytest.mark.parametrize("cap", [-1.0, np.nan])
def test_what_is_no_cap_is_no_money(model, cap):
    assert np.isnan(money(model, 0, 1, base_of(model, **{model.amount_cap: cap}), 10.0))


@pytest.mark.parametrize("model", CAPPED, **by_name)
@given(action=BINARY, outcome=BINARY, amount=AMOUNTS, cap=AMOUNTS)
@examples(max_examples=50)
def test_a_cap_raises_no_part(model, action, outcome, amount, cap):
    given = base_of(model, **{model.amount_cap: cap})
    capped = breakdown(model, action, outcome, given, amount)
    whole = breakdown(model, action, outcome, model.uncapped(given), amount)
    assert all(abs(capped[name]) <= abs(whole[name]) for name in whole)
    if amount <= cap:
        assert capped == whole
    if model is fraud:  # its amount is in one part at most, so the whole value shrinks
        assert abs(sum(capped.values())) <= abs(sum(whole.values()))


# --- of fraud and retention ---


def within_ranges(model):
    ranges = {name: st.floats(given.low, given.high) for name, given in model.parameters.items()}
    return st.fixed_dictionaries(ranges)


@given(amount=AMOUNTS, parameters=within_ranges(fraud))
@examples(max_examples=50)
def test_a_caught_fraud_is_worth_the_loss_once(amount, parameters):
    caught = breakdown(fraud, 1, 1, parameters, amount)
    assert sum(part for name, part in caught.items() if name != "review_queue") == 0
    free = {**parameters, "review_cost": 0.0}
    difference = money(fraud, 1, 1, free, amount) - money(fraud, 0, 1, free, amount)
    lost = parameters["loss_multiplier"] * (1 - parameters["recovered_share"])
    loss = lost * min(amount, parameters["amount_cap"]) + parameters["chargeback_fee"]
    assert difference == pytest.approx([loss])


@given(
    rows=st.lists(st.tuples(BINARY, BINARY, AMOUNTS), min_size=1, max_size=20),
    parameters=within_ranges(fraud),
)
@examples(max_examples=50)
def test_an_avoided_error_never_costs(rows, parameters):
    action, outcome, amount = (np.array(column) for column in zip(*rows, strict=True))
    free = {**parameters, "review_cost": 0.0}
    right = money(fraud, outcome, outcome, free, amount)
    assert (right >= money(fraud, action, outcome, free, amount)).all()
    # a stayer who gets no offer, and a leaver who gets one that pays if he takes it for sure
    sure = base_of(retention, acceptance=1.0)
    worth = amount + sure["incentive"] + sure["contact_cost"]
    kept = money(retention, outcome, outcome, sure, worth)
    assert (kept >= money(retention, action, outcome, sure, worth) - 1e-9).all()


@pytest.mark.parametrize(
    ("model", "threshold"), [(fraud, block_threshold), (retention, offer_threshold)]
)
@given(data=st.data(), probability=SHARES, amount=AMOUNTS)
@examples(max_examples=100)
def test_the_rule_of_expected_value_in_closed_form(model, threshold, data, probability, amount):
    parameters = data.draw(within_ranges(model))
    columns = {model.columns[0]: np.array([amount])}
    acting, not_acting = (
        model.expected(np.array([action]), np.array([probability]), columns, parameters)[0]
        for action in (1.0, 0.0)
    )
    edge = threshold([amount], parameters)[0]
    if abs(probability - edge) > 1e-9:
        assert (acting > not_acting) == (probability > edge)


def test_thresholds_by_hand_and_of_what_never_pays():
    # (margin 2 + friction 8 + review 3) / (loss 135 + margin 2 + friction 8)
    assert block_threshold([100.0, np.nan], FRAUD) == pytest.approx([13 / 145, np.nan], nan_ok=True)
    # (contact 1 + given away 8) / (0.3 * (200 - 10) + 8); then a gift worth more than the customer
    found = offer_threshold([200.0, 0.0, 10.0], {**RETENTION, "taken_anyway_share": 0.0})
    assert found == pytest.approx([1 / 57, np.inf, np.inf])
    assert offer_threshold([200.0], RETENTION) == pytest.approx([9 / 65])


# --- a value model of one's own, as it stands in a use case ---


def _parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    """Fraud, but whoever is blocked gets a message, and some say at once that it was they."""
    parts = fraud.parts(action, outcome, columns, parameters)
    annoyed = 1 - parameters["confirmed_share"]
    return {
        **parts,
        "friction": parts["friction"] * annoyed,
        "messages": -action * parameters["message_cost"],
    }


fraud_with_message = replace(
    fraud,
    name="fraud_with_message",
    parts=_parts,
    parameters={
        **fraud.parameters,
        "message_cost": Parameter(0.02, 0.05, 0.10, "money a block", "our provider's prices"),
        "confirmed_share": Parameter(0.3, 0.6, 0.8, "share of wrong blocks", "pilot in March"),
    },
)


def test_a_value_model_of_ones_own():
    given = base_of(fraud_with_message)
    action, outcome, amount = [1, 1, 0, 0], [1, 0, 1, 0], [100.0, 100.0, 5_000.0, 100.0]
    blocked, wrongly_blocked = -3 - 0.05, -3 - 0.05 - 0.4 * 5
    for parameters, loss in ((given, -1_015), (fraud_with_message.uncapped(given), -5_015)):
        value = money(fraud_with_message, action, outcome, parameters, amount)
        assert value == pytest.approx([blocked, wrongly_blocked, loss, 2])
