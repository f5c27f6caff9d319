"""Card payments with a known truth: the published world of the Fraud Detection Handbook.

Written anew, and vectorised, from the prose of Le Borgne, Siblini, Lebichot and Bontempi (2022,
"Reproducible machine learning for credit card fraud detection", ULB and Worldline): customers pay
at terminals near them, and three kinds of fraud are laid over their payments. That world stands
still by design; `drift` is our own addition, from the day `SWITCH` on:

| kind | what                  | published                        | with drift                     |
|------|-----------------------|----------------------------------|--------------------------------|
| 1    | an amount is too high | above 220                        | the same                       |
| 2    | a terminal is hacked  | 2 a day, for 28 days             | 8 a day, for 7 days            |
| 3    | a card leaks          | 3 a day, for 14 days: a third of | amounts x 2, between midnight  |
|      |                       | the payments, amounts x 5        | and six                        |

Both worlds are the same, payment for payment, before the switch.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

START = pd.Timestamp("2018-04-01", tz="UTC")
SWITCH = 100  # day on which the drifting world changes
DAY_S, NIGHT_S = 86_400, 6 * 3_600
SIZE, RADIUS = 100, 5  # of the map, and how far a customer goes
HIGH_AMOUNT = 220
LEAKED_DAYS, LEAKED_A_DAY = 14, 3
REPLACED = 365  # days after which a terminal's device gives way to a new one

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Fashion(NamedTuple):
    """How fraudsters work at a time.

    Attributes:
        terminals_a_day: Terminals that are hacked a day.
        hacked_days: Days for which they stay so.
        factor: What the amounts of a leaked card are multiplied with.
        at_night: Whether a leaked card is used between midnight and six.
    """

    terminals_a_day: int
    hacked_days: int
    factor: float
    at_night: bool


PUBLISHED = Fashion(terminals_a_day=2, hacked_days=28, factor=5, at_night=False)
DRIFTED = Fashion(terminals_a_day=8, hacked_days=7, factor=2, at_night=True)


def simulate(customers: int, terminals: int, days: int, *, drift: bool, seed: int) -> pd.DataFrame:
    """Return all payments in time order: when, who, where, how much, and which kind of fraud.

    Args:
        customers: Number of customers.
        terminals: Number of terminals.
        days: Length of the world.
        drift: Whether fraudsters change on the day `SWITCH`.
        seed: Of everything that is random.

    Returns:
        `time` (UTC), `customer`, `terminal`, `terminal_age` (days since its device was new),
        `amount` (two decimals), and `kind`: 0 for an honest payment, else the kind of fraud.
    """
    # what is honest does not depend on what is not: each has its own stream
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)]
    pays = _honest(customers, terminals, days, streams[0])
    day, customer = pays["day"].to_numpy(), pays["customer"].to_numpy()
    second, amount = pays["second"].to_numpy().copy(), pays["amount"].to_numpy()
    changed = (day >= SWITCH) & drift
    kind = np.where(amount > HIGH_AMOUNT, 1, 0)

    drawn = streams[1]
    hacked = [
        _struck(terminals, days, fashion.terminals_a_day, fashion.hacked_days, drawn)
        for fashion in (PUBLISHED, DRIFTED)
    ]
    where = day, pays["terminal"].to_numpy()
    kind[np.where(changed, hacked[1][where], hacked[0][where])] = 2

    drawn = streams[2]
    leaked = _struck(customers, days, LEAKED_A_DAY, LEAKED_DAYS, drawn)[day, customer]
    leaked &= drawn.random(day.size) < 1 / 3
    kind[leaked] = 3
    factor = np.where(changed, DRIFTED.factor, PUBLISHED.factor)
    amount = np.where(leaked, amount * factor, amount)
    night = drawn.random(day.size) * NIGHT_S
    moved = leaked & np.where(changed, DRIFTED.at_night, PUBLISHED.at_night)
    second[moved] = night[moved]

    age_at_start = streams[3].uniform(0, REPLACED, terminals)
    since = ((day * DAY_S + second) * 1e6).astype(np.int64)
    found = pd.DataFrame(
        {
            "time": START.as_unit("us") + pd.to_timedelta(since, unit="us"),
            "customer": customer,
            "terminal": pays["terminal"],
            "terminal_age": (age_at_start[where[1]] + since / (DAY_S * 1e6)) % REPLACED,
            "amount": amount.round(2),
            "kind": kind,
        }
    )
    return found.sort_values("time", kind="stable", ignore_index=True)


def bank_log(payments: pd.DataFrame, blocked: Floats, explored: float, seed: int) -> pd.DataFrame:
    """Return the payments as a bank that blocks some would log them, with the truth in `is_fraud`.

    Args:
        payments: What `simulate` gave.
        blocked: 1 where the bank's rule blocks.
        explored: Share of what it would block that is let through by chance, and so observed.
        seed: Of that chance.
    """
    propensity = np.where(blocked > 0, explored, 1.0)
    chance = np.random.default_rng([seed, 1]).random(len(payments))
    return payments.drop(columns="kind").assign(
        is_fraud=payments["kind"] > 0,
        currency="EUR",
        propensity=propensity,
        observed=chance < propensity,
    )


def _honest(
    customers: int, terminals: int, days: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Let every customer pay at the terminals near him; nobody cheats."""
    from scipy.spatial import KDTree

    homes, shops = generator.random((customers, 2)), generator.random((terminals, 2))
    usual = generator.uniform(5, 100, customers)
    pace = generator.uniform(0, 4, customers)
    near = KDTree(shops * SIZE).query_ball_point(homes * SIZE, RADIUS, return_sorted=True)
    choices = np.array([len(found) for found in near])
    first = np.cumsum(choices) - choices
    every = np.concatenate([np.asarray(found, dtype=np.int64) for found in near])

    pays = generator.poisson(pace[:, None], (customers, days)) * (choices > 0)[:, None]
    who, day = (np.repeat(place, pays.ravel()) for place in np.indices(pays.shape).reshape(2, -1))
    second = generator.normal(DAY_S / 2, 20_000, who.size)
    drawn = generator.normal(usual[who], usual[who] / 2)
    again = generator.uniform(0, 2 * usual[who])
    amount = np.where(drawn < 0, again, drawn)
    pick = (generator.random(who.size) * choices[who]).astype(np.int64)
    table = {
        "day": day,
        "second": second,
        "customer": who,
        "terminal": every[first[who] + pick],
        "amount": np.maximum(amount.round(2), 0.01),
    }
    within = (second > 0) & (second < DAY_S)
    return pd.DataFrame(table)[within]


def _struck(
    number: int, days: int, a_day: int, length: int, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Strike some of the `number` every day, each for `length` days; return (days, number).

    Whoever was struck in the days before the first one is not known: the world begins clean.
    """
    state = np.zeros((days, number), dtype=bool)
    for day in range(days):
        struck = generator.choice(number, min(a_day, number), replace=False)
        state[day : day + length, struck] = True
    return state
