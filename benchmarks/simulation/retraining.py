"""When to retrain: the calendar, drift tests, and our rule, each over one year of rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

from benchmarks.simulation.drifting import BEFORE, COLUMNS, DELAY, Year
from kpi_gate.decision.retrain_rule import Proposal, choose
from kpi_gate.decision.staleness import Staleness, measure_staleness
from kpi_gate.decision.watch_settings import TriggerSettings

Floats = NDArray[np.float64]
SWITCH_COST, CHALLENGER_COST = 1_500.0, 10.0  # EUR
LOOK_EVERY, COOLDOWN = 7, 7  # days
TRIGGER = TriggerSettings(when="money", retrain_cost=CHALLENGER_COST, cooldown_days=COOLDOWN)
PROPOSAL = Proposal(by="value", reason="a week has passed")
MOVED = 0.1  # standard deviations that call a column drifted, as drift reports do by default


@dataclass
class Champion:
    """Who is in use.

    Attributes:
        end: Day before which its rows end.
        since: Day of its promotion; None for the one that the year began with.
        looks: Challengers trained so far.
    """

    end: int = -DELAY
    since: int | None = None
    looks: int = 0


@dataclass(frozen=True)
class Policy:
    """When to retrain.

    Attributes:
        name: Short name.
        asks: (year, champion, day) to whether to retrain on that day.
        careful: Whether broken days are left out of training and judging.
    """

    name: str
    asks: Callable[[Year, Champion, int], bool]
    careful: bool = False


@dataclass(frozen=True)
class Lived:
    """What a year came to under one policy.

    Attributes:
        earned: Value of its decisions less all costs, EUR.
        retrained: Days on which it retrained.
        looks: Challengers that were trained only to look.
    """

    earned: float
    retrained: tuple[int, ...]
    looks: int


def live(year: Year, policy: Policy) -> Lived:
    """Live through a year; whoever retrains serves the new model from that day on."""
    champion, earned, retrained = Champion(), 0.0, []
    for day in range(year.days):
        rested = champion.since is None or day - champion.since >= COOLDOWN
        if day > 0 and rested and policy.asks(year, champion, day):
            champion.end, champion.since = day - DELAY, day
            retrained.append(day)
        earned += float(year.earned(champion.end, careful=policy.careful)[day + BEFORE])
    costs = SWITCH_COST * len(retrained) + CHALLENGER_COST * champion.looks
    return Lived(earned - costs, tuple(retrained), champion.looks)


def every(days: int, *, careful: bool = False) -> Policy:
    """Retrain by the calendar."""
    name = f"every {days} days" + ", quarantine" * careful
    return Policy(name, lambda year, champion, day: day % days == 0, careful)


def challenge(year: Year, champion: Champion, day: int, *, careful: bool) -> Staleness | None:
    """Measure staleness as the product does: judged days are fresh for both sides.

    None where a challenger would be no newer than the champion.
    """
    days = np.arange(-BEFORE, day - DELAY)
    if careful:
        days = days[~year.is_broken(days)]
    days = days[-TRIGGER.judged_days :]
    days = days[days >= champion.end]
    if days.size == 0 or days[0] - DELAY <= champion.end:
        return None
    champion.looks += 1
    newer, older = (
        year.earned(int(end), careful=careful)[days + BEFORE]
        for end in (days[0] - DELAY, champion.end)
    )
    rows = np.full(days.size, year.rows)
    return measure_staleness(newer - older, rows, TRIGGER.confidence, unit="EUR", day=days)


def by_money(name: str, *, careful: bool) -> Policy:
    """Retrain when our rule says so; it looks once a week."""

    def asks(year: Year, champion: Champion, day: int) -> bool:
        if day % LOOK_EVERY:
            return False
        choice = choose(
            TRIGGER,
            [PROPOSAL],
            challenge(year, champion, day, careful=careful),
            champion_age_days=day - champion.end,
            days_since_retrain=None if champion.since is None else day - champion.since,
            switch_cost=SWITCH_COST,
            unit="EUR",
        )
        return choice.action == "retrain"

    return Policy(name, asks, careful)


def _columns_differ(year: Year, champion: Champion, day: int) -> bool:
    """Ask a Kolmogorov-Smirnov test of every column, Bonferroni-corrected."""
    reference, today = (
        year.sorted_columns(champion.end),
        np.sort(year.columns(day, day + 1), axis=0),
    )
    size = len(today) * len(reference) / (len(today) + len(reference))
    steps = np.arange(len(today) + 1) / len(today)
    for old, new in zip(reference.T, today.T, strict=True):
        place = np.searchsorted(old, new) / len(old)
        distance = max(np.abs(place - steps[1:]).max(), np.abs(place - steps[:-1]).max())
        if kolmogorov(np.sqrt(size) * distance) < 0.05 / COLUMNS:
            return True
    return False


def _columns_differ_twice(year: Year, champion: Champion, day: int) -> bool:
    return all(_columns_differ(year, champion, when) for when in (day, day - 1))


def _half_the_columns_moved(year: Year, champion: Champion, day: int) -> bool:
    """Ask whether half the columns are a tenth of their spread away (normed Wasserstein)."""
    reference, today = (
        year.sorted_columns(champion.end),
        np.sort(year.columns(day, day + 1), axis=0),
    )
    quantiles = (np.arange(len(today)) + 0.5) / len(today)
    old = reference[(quantiles * len(reference)).astype(int)]
    distance = np.abs(today - old).mean(axis=0) / reference.std(axis=0)
    return bool((distance >= MOVED).mean() >= 0.5)


NEVER = Policy("never", lambda year, champion, day: False)
OURS, CAREFUL = "money trigger", "money trigger, quarantine"
CALENDARS = (every(30), every(60), every(90), every(60, careful=True))
POLICIES = (
    NEVER,
    *CALENDARS,
    Policy("any column differs, 2 days", _columns_differ_twice),
    Policy("half the columns moved", _half_the_columns_moved),
    by_money(OURS, careful=False),
    by_money(CAREFUL, careful=True),
)
