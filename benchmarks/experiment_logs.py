"""Logs of experiments, drawn from a world whose effect is known."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.plan import Plan

STARTED = datetime(2026, 5, 4, tzinfo=UTC)
MINIMUM_EFFECT = 0.1268  # 2,000 units of a spread of 1 show it at four looks with a power of 0.8


def plan(**changed: Any) -> Plan:
    """Plan four weeks of money per decision."""
    settled = {
        "use_case": "toy",
        "kpi": "margin",
        "unit": "EUR",
        "horizon_decisions": 1_000_000,
        "control": "v1",
        "treatment": "v2",
        "salt": "toy 2026",
        "minimum_effect": MINIMUM_EFFECT,
        "weeks": 4,
        "units_per_week": 500,
        "standard_deviation": 1.0,
        "units_per_arm": 1_000,
    }
    return Plan.model_validate(settled | changed)


@dataclass(frozen=True)
class World:
    """What a decision earns.

    Attributes:
        units: How many there are.
        rows: Decisions of each.
        spread: Standard deviation of a decision.
        personal: Standard deviation of what all decisions of a unit share.
        fade: Factor by which the effect changes each week.
        slow_week: Number of a week in which a fifth as many come; 0 of none.
        differing: Share of the decisions on which the policies differ; 1 without `other_action`.
        past: Standard deviation of the noise in each unit's known past; None without.
    """

    units: int = 2_000
    rows: int = 1
    spread: float = 1.0
    personal: float = 0.0
    fade: float = 1.0
    slow_week: int = 0
    differing: float = 1.0
    past: float | None = None


def draw(
    settled: Plan, effect: float = 0.0, *, seed: int = 0, world: World | None = None, **changed: Any
) -> pd.DataFrame:
    """Return a log in time order, of units that come evenly over the plan's weeks.

    Args:
        settled: The plan.
        effect: What the treatment adds to each decision, on average over all of them.
        seed: Of all that is random.
        world: What a decision earns.
        changed: Of the world, by name.
    """
    of = world or World(**changed)
    random = np.random.default_rng(seed)
    unit = np.tile(np.arange(of.units), of.rows)
    pace = np.ones(settled.weeks)
    if of.slow_week:
        pace[of.slow_week - 1] = 0.2
    week = random.choice(settled.weeks, unit.size, p=pace / pace.sum())
    since = 7 * (week + random.random(unit.size))
    treated = (arms([f"u{one}" for one in range(of.units)], settled) == "treatment")[unit]
    own = of.personal * random.normal(size=of.units)
    differs = random.random(unit.size) < of.differing
    amount = 5 + of.spread * random.normal(size=unit.size) + own[unit]
    amount += treated * differs * effect / of.differing * of.fade**week
    days = pd.to_timedelta((since * 86_400e6).astype(np.int64), unit="us")
    log = pd.DataFrame(
        {
            "time": pd.Timestamp(STARTED) + days,
            "unit": np.char.add("u", unit.astype(str)),
            "arm": np.where(treated, "treatment", "control"),
            "policy_version": np.where(treated, settled.treatment, settled.control),
            "action": treated * 1.0,
            "amount": amount,
        }
    )
    if of.differing < 1:
        log["other_action"] = np.where(differs, 1.0 - treated, treated * 1.0)
    if of.past is not None:
        log["past"] = (own + of.past * random.normal(size=of.units))[unit]
    return log.sort_values("time", ignore_index=True)


def on_day(days: float) -> datetime:
    """Return a moment so many days after the start."""
    return STARTED + timedelta(days=days)
