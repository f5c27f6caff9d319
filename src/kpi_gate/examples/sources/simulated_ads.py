"""A log of ads with a known truth, shaped by the facts of the Open Bandit Dataset (Saito 2020).

That log has 80 ads, three slots, four clicks in a thousand, and the chance with which each ad was
drawn. So has this one. Users fall into six groups with tastes of their own, and an ad's appeal
wanders: it keeps half of what it is for `half_life` days. The log was written by a policy that
prefers what it believes to be worth most, but believes what was true some weeks ago, give or take;
a part of its draws is uniform, so that every ad has a floor.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

START = pd.Timestamp("2024-01-01", tz="UTC")
SLOTS = (1, 2, 3)
AGES, DEVICES = ("under 30", "30 to 49", "over 49"), ("mobile", "desktop")
GROUPS = tuple(f"{age}, {device}" for age in AGES for device in DEVICES)
GROUP_SHARES = (0.22, 0.10, 0.24, 0.14, 0.14, 0.16)
SLOT_APPEAL = np.log([1.25, 1.0, 0.75])
USUAL_CTR, USUAL_PRICE = 0.003, 0.40  # of an ad that nobody prefers; EUR a click
APPEAL_SPREAD, TASTE_SPREAD, PRICE_SPREAD = 0.6, 0.35, 0.25  # of the logarithms
STALE_DAYS, BELIEF_ERROR = 28, 0.5  # of the logging policy; error of the logarithms
FLOOR_SHARE, SHARPNESS = 0.5, 1.0  # draws that are uniform; how far the others lean to the best
DAY_S = 86_400

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """What is true, and how the log was written.

    Attributes:
        appeal: Logarithm of an ad's click chance beside a usual slot, shape `(days, groups, ads)`.
        propensity: Chance with which the log drew an ad, of the same shape.
        price: EUR that a click on each ad pays, shape `(ads,)`.
    """

    appeal: Floats
    propensity: Floats
    price: Floats

    def click_chance(self, day: Ints, group: Ints, slot: Ints) -> Floats:
        """Return the true chance of a click on every ad, shape `(n, ads)`."""
        logarithm = self.appeal[day, group] + SLOT_APPEAL[slot - 1][:, None]
        return np.asarray(np.exp(np.minimum(logarithm, -1e-9)), dtype=np.float64)


def prices(ads: int, seed: int) -> Floats:
    """Return what a click on each ad pays, in EUR and whole cents."""
    drawn = np.random.default_rng([seed, 0]).normal(0, PRICE_SPREAD, ads)
    return np.asarray((USUAL_PRICE * np.exp(drawn)).round(2), dtype=np.float64)


def world(ads: int, days: int, half_life: float, seed: int) -> World:
    """Make a world.

    Args:
        ads: Number of ads.
        days: Length of the world.
        half_life: Days in which half of what makes an ad appealing is forgotten; the other half is
            new. Infinite in a world that stands still.
        seed: Of everything that is random.
    """
    generator = np.random.default_rng([seed, 1])
    kept = 0.5 ** (1 / half_life)
    wander = np.empty((STALE_DAYS + days, ads))
    wander[0] = generator.normal(0, APPEAL_SPREAD, ads)
    for day in range(1, len(wander)):
        moved = generator.normal(0, APPEAL_SPREAD, ads)
        wander[day] = kept * wander[day - 1] + np.sqrt(1 - kept**2) * moved
    taste = generator.normal(0, TASTE_SPREAD, (len(GROUPS), ads))
    appeal = np.log(USUAL_CTR) + wander[:, None, :] + taste
    price = prices(ads, seed)
    # renewed every STALE_DAYS, from what was true as long ago
    renewed = np.arange(days) // STALE_DAYS * STALE_DAYS
    error = generator.normal(0, BELIEF_ERROR, (days, 1, ads))[renewed]
    leaning = (np.exp(appeal[renewed] + error) * price) ** SHARPNESS
    leaning /= leaning.sum(axis=2, keepdims=True)
    propensity = (1 - FLOOR_SHARE) * leaning + FLOOR_SHARE / ads
    return World(appeal[STALE_DAYS:], propensity, price)


def simulate(truth: World, users: int, impressions: int, seed: int) -> pd.DataFrame:
    """Write the log of a world: one row for each slot of each impression, in time order.

    Args:
        truth: The world.
        users: Number of users; some come far more often than others.
        impressions: Impressions a day.
        seed: Of everything that is random.

    Returns:
        `time` (UTC; a slot is filled a second after the one before), `user`, `group` (position in
        `GROUPS`), `slot`, `ad` (position), `propensity` and `click`.
    """
    generator = np.random.default_rng([seed, 2])
    group_of = generator.choice(len(GROUPS), users, p=GROUP_SHARES)
    often = generator.gamma(1.0, 1.0, users)
    days, size = len(truth.appeal), len(truth.appeal) * impressions
    user = generator.choice(users, size, p=often / often.sum()).repeat(len(SLOTS))
    day = np.arange(days).repeat(impressions)
    moment_us = np.sort((day * DAY_S + generator.uniform(0, DAY_S - 9, size)) * 1e6)
    day, slot = day.repeat(len(SLOTS)), np.tile(SLOTS, size)
    since = moment_us.astype(np.int64).repeat(len(SLOTS)) + (slot - 1) * 1_000_000
    group = group_of[user]
    # every slot is drawn on its own, by the inverse of the cumulated chances
    cumulated = truth.propensity.cumsum(axis=2)
    cells = day * len(GROUPS) + group
    line = (cumulated / cumulated[..., -1:]).reshape(-1, cumulated.shape[2])
    line += np.arange(len(line))[:, None]
    drawn = np.searchsorted(line.ravel(), cells + generator.random(cells.size), side="right")
    ad = np.minimum(drawn - cells * line.shape[1], line.shape[1] - 1)
    chance = np.exp(np.minimum(truth.appeal[day, group, ad] + SLOT_APPEAL[slot - 1], -1e-9))
    log = pd.DataFrame(
        {
            "time": START.as_unit("us") + pd.to_timedelta(since, unit="us"),
            "user": user,
            "group": group,
            "slot": slot,
            "ad": ad,
            "propensity": truth.propensity[day, group, ad],
            "click": generator.random(cells.size) < chance,
        }
    )
    return log.sort_values("time", kind="stable", ignore_index=True)  # impressions overlap
