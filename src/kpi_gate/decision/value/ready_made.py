"""Ready-made value models: campaigns, fraud, retention, ads and recommendations.

Money is in the objective's currency. A negative or infinite amount is worth NaN, which the gate
answers with INVALID. `Parameter` holds what is published; what a project believes, its settings.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainc, roots_jacobi

from kpi_gate.decision.value.model import Columns, Floats, Parameter, Parameters, ValueModel

ASSUMED = "assumption"
BAHNSEN = "Correa Bahnsen et al. 2014; range assumed"
EXAMPLE = "cost-sensitive example of scikit-learn; range assumed"
VERBRAKEN = "Verbraken, Verbeke, Baesens 2013; range assumed"
BY_HAND = "assumption: what is larger is handled by people"


def _amount(column: ArrayLike, cap: float = np.inf) -> Floats:
    """Return the amounts up to the cap; NaN where an amount or the cap is no amount."""
    given = np.asarray(column, dtype=float)
    capped = np.minimum(given, cap)
    return np.where((capped >= 0) & np.isfinite(given), capped, np.nan)


def _campaign_parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    # an overdrawn account deposits nothing
    amount = _amount(np.maximum(columns["balance_eur"], 0), parameters["amount_cap_eur"])
    share, rate = parameters["deposited_share"], parameters["interest_rate"]
    return {
        "deposit_margin": action * outcome * amount * share * rate,
        "contact_cost": -action * parameters["contact_cost_eur"],
    }


# action 1 = call, outcome 1 = opens a deposit (Correa Bahnsen et al. 2014)
campaign_profit = ValueModel(
    name="campaign_profit",
    parts=_campaign_parts,
    columns=("balance_eur",),
    amount_cap="amount_cap_eur",
    parameters={
        "contact_cost_eur": Parameter(0.5, 1, 2, "EUR a call", BAHNSEN),
        "interest_rate": Parameter(0.02, 0.02463333, 0.03, "share a year", BAHNSEN),
        "deposited_share": Parameter(0.15, 0.25, 0.35, "share of the balance", BAHNSEN),
        "amount_cap_eur": Parameter(20_000, 20_000, 20_000, "EUR", BY_HAND),
    },
)


def _fraud_stakes(amount: Floats, parameters: Parameters) -> tuple[Floats, float]:
    """Return what a missed fraud loses, and what a wrong block costs beside the margin."""
    loss = parameters["loss_multiplier"] * (1 - parameters["recovered_share"]) * amount
    lost_customers = parameters["lost_customer_share"] * parameters["customer_value"]
    return loss + parameters["chargeback_fee"], parameters["friction_cost"] + lost_customers


def _fraud_parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    amount = _amount(columns["amount"], parameters["amount_cap"])
    loss, wrong_block = _fraud_stakes(amount, parameters)
    return {
        "margin": (1 - action) * (1 - outcome) * parameters["margin_share"] * amount,
        # nothing is credited for a blocked fraud: stopping it is worth the loss, and only once
        "fraud_loss": -(1 - action) * outcome * loss,
        "friction": -action * (1 - outcome) * wrong_block,
        "review_queue": -action * parameters["review_cost"],
    }


# action 1 = block and review, outcome 1 = fraud
fraud = ValueModel(
    name="fraud",
    parts=_fraud_parts,
    columns=("amount",),
    amount_cap="amount_cap",
    parameters={
        "margin_share": Parameter(0.01, 0.02, 0.30, "share of the amount", EXAMPLE),
        "loss_multiplier": Parameter(
            1, 1, 4.6, "money per amount", "LexisNexis 2025, a vendor: 4.61"
        ),
        "recovered_share": Parameter(0, 0, 0.5, "share of the loss", ASSUMED),
        "chargeback_fee": Parameter(0, 15, 40, "money a fraud", "assumption; see the contract"),
        "friction_cost": Parameter(1, 5, 25, "money a wrong block", EXAMPLE),
        "lost_customer_share": Parameter(0, 0, 0.1, "share of wrong blocks", ASSUMED),
        "customer_value": Parameter(100, 200, 400, "money a customer", VERBRAKEN),
        "review_cost": Parameter(1, 3, 10, "money a block", ASSUMED),
        "amount_cap": Parameter(300, 1_000, 10_000, "money", BY_HAND),
    },
)


def block_threshold(amount: ArrayLike, parameters: Parameters) -> Floats:
    """Return the fraud probability above which blocking pays (Bayes minimum risk), or infinity."""
    capped = _amount(amount, parameters["amount_cap"])
    loss, wrong_block = _fraud_stakes(capped, parameters)
    good = parameters["margin_share"] * capped + wrong_block
    return _pays_above(good + parameters["review_cost"], loss + good)


def _pays_above(cost: Floats | float, stake: Floats) -> Floats:
    """Return the probability from which `probability * stake > cost` holds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(stake <= 0, np.inf, cost / stake)


def _retention_parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    customer = _amount(columns["customer_value"], parameters["customer_value_cap"])
    leavers = outcome * parameters["acceptance"]
    stayers = (1 - outcome) * parameters["taken_anyway_share"]
    return {
        "saved_margin": action * leavers * customer,
        "incentives": -action * (leavers + stayers) * parameters["incentive"],
        "contact_cost": -action * parameters["contact_cost"],
    }


# action 1 = make the offer, outcome 1 = would leave without one: known only of customers without an
# offer. With a randomised campaign, count the difference between its arms instead (uplift).
retention = ValueModel(
    name="retention",
    parts=_retention_parts,
    columns=("customer_value",),
    amount_cap="customer_value_cap",
    parameters={
        # both ends are the 5 and 95 % quantiles of the published Beta(6, 14)
        "acceptance": Parameter(0.15, 0.3, 0.48, "share of leavers who take it", VERBRAKEN),
        "incentive": Parameter(5, 10, 20, "money an offer taken", VERBRAKEN),
        "contact_cost": Parameter(0.5, 1, 2, "money an offer", VERBRAKEN),
        "taken_anyway_share": Parameter(0.5, 1, 1, "share of stayers who take it", VERBRAKEN),
        "customer_value_cap": Parameter(500, 1_000, 5_000, "money a customer", BY_HAND),
    },
)


def offer_threshold(customer_value: ArrayLike, parameters: Parameters) -> Floats:
    """Return the probability of leaving above which an offer pays, or infinity."""
    customer = _amount(customer_value, parameters["customer_value_cap"])
    given_away = parameters["taken_anyway_share"] * parameters["incentive"]
    saved = parameters["acceptance"] * (customer - parameters["incentive"])
    return _pays_above(parameters["contact_cost"] + given_away, saved + given_away)


def expected_retention_value(
    probability: Floats,
    outcome: Floats,
    customer_value: Floats,
    parameters: Parameters,
    beta: tuple[float, float] = (6.0, 14.0),
) -> float:
    """Return the money per customer where acceptance is Beta and known when offers are made.

    For reports, as EMPC is (Verbraken et al. 2013), which takes the threshold that did best on the
    very rows: the largest of many noisy numbers. The gate needs neither: the money of offers
    already made is linear in acceptance, so it is the value at the mean.
    """
    points, weights = roots_jacobi(32, beta[1] - 1, beta[0] - 1)  # Gauss quadrature
    money = []
    for acceptance in (1 + points) / 2:
        given = {**parameters, "acceptance": acceptance}
        # not `>`: it would turn NaN into no offer
        offer = np.heaviside(probability - offer_threshold(customer_value, given), 0)
        money.append(retention.value(offer, outcome, {"customer_value": customer_value}, given))
    return float(weights @ np.mean(money, axis=1) / weights.sum())


def lifetime_value(margin: float, churn: float, discount: float) -> float:
    """Return the money of a customer from margin, churn share and discount rate, each a month."""
    return margin * (1 - churn) / (discount + churn)


def lifetime_value_slope(margin: float, churn: float, discount: float) -> float:
    """Return by how much the lifetime value changes per unit of monthly churn; negative."""
    return -margin * (1 + discount) / (discount + churn) ** 2


def _revenue_parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    return {
        "click_revenue": action * outcome * _amount(columns["click_price"]),
        "serving_cost": -action * parameters["serving_cost"],
    }


# action = probability of showing the logged ad, outcome 1 = click; per impression, publisher's side
ad_revenue = ValueModel(
    name="ad_revenue",
    parts=_revenue_parts,
    columns=("click_price",),
    parameters={"serving_cost": Parameter(0, 5e-5, 5e-4, "money an impression", ASSUMED)},
)


def ctr_revenue(lift: float, impressions: float, ctr: float, click_price: float) -> float:
    """Return the money of a relative lift of an online CTR; an offline one needs the KPI link."""
    return impressions * ctr * lift * click_price


def _click_parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    value, price = _amount(columns["click_value"]), _amount(columns["price"])
    rate = parameters["price_spread"]
    bid, shape = rate * action * value, rate * price + 1
    return {
        "won_value": outcome * value * gammainc(shape, bid),
        "paid": -shape / rate * gammainc(shape + 1, bid),
    }


# Expected utility (Chapelle 2015): action = predicted click probability, bid times the value of a
# click; outcome 1 = click of an auction that was won. The price to beat is Gamma(shape = rate *
# price + 1, rate) about the one paid, so that a wrong bid costs; rate ~ 1 / usual price is wide.
ad_click = ValueModel(
    name="ad_click",
    parts=_click_parts,
    columns=("click_value", "price"),
    parameters={"price_spread": Parameter(100, 1_000, 3_000, "1 / money", ASSUMED)},
)


# action 1 = shown, outcome 1 = quality play, counted per shown (Gomez-Uribe, Hunt 2015)
take_rate = ValueModel(
    name="take_rate",
    parts=lambda action, outcome, columns, parameters: {"quality_plays": action * outcome},
    parameters={
        "hours_per_play": Parameter(0.5, 1.2, 2, "hours a quality play", ASSUMED),
        "money_per_hour": Parameter(0, 0.1, 0.2, "money an hour", "assumption; take experiments"),
    },
    base=lambda action, outcome, columns, parameters: action,
    money_weight=("hours_per_play", "money_per_hour"),
)


def take_rate_money(
    members: float, shown: float, lift: float, hours: float, churn_per_hour: float, loss: float
) -> float:
    """Return the money of an absolute take-rate `lift`: 0.001 from 4.0 to 4.1 %.

    A member is `shown` so many in the time that the money is for, watches for so many `hours` a
    play, leaves with a probability that changes by `churn_per_hour`, and is a `loss` of money then.
    """
    return -members * shown * lift * hours * churn_per_hour * loss
