"""Logs of experiments, drawn from a world whose effect is known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.plan import Plan

STARTED = datetime(2026, 5, 4, tzinfo=UTC)


def plan(**changed):
    """Plan four weeks of money per decision: 2,000 units of sd 1 see an effect of 0.127."""
    settled = {
        "use_case": "toy",
        "kpi": "margin",
        "unit": "EUR",
        "horizon_decisions": 1_000_000,
        "control": "v1",
        "treatment": "v2",
        "salt": "toy 2026",
        "minimum_effect": 0.1268,
        "weeks": 4,
        "units_per_week": 500,
        "standard_deviation": 1.0,
        "units_per_arm": 1_000,
    }
    return Plan(**settled | changed)


def draw(settled, effect=0.0, *, units=2_000, rows=1, seed=0, spread=1.0, personal=0.0, fade=1.0):
    """Return a log of units that come once, or return evenly, over the plan's weeks.

    Args:
        settled: The plan.
        effect: What the treatment adds to each decision.
        units: How many there are.
        rows: Decisions of each.
        seed: Of all that is random.
        spread: Standard deviation of a decision.
        personal: Standard deviation of what all decisions of a unit share.
        fade: Factor by which the effect changes each week.
    """
    random = np.random.default_rng(seed)
    unit = np.tile(np.arange(units), rows)
    since = random.random(units * rows) * settled.weeks * 7
    treated = (arms([f"u{one}" for one in range(units)], settled) == "treatment")[unit]
    amount = 5 + spread * random.normal(size=unit.size)
    amount += personal * random.normal(size=units)[unit]
    amount += treated * effect * fade ** (since // 7)
    log = pd.DataFrame(
        {
            "time": pd.Timestamp(STARTED) + pd.to_timedelta((since * 86_400e6).astype(int), "us"),
            "unit": np.char.add("u", unit.astype(str)),
            "arm": np.where(treated, "treatment", "control"),
            "policy_version": np.where(treated, settled.treatment, settled.control),
            "action": treated * 1.0,
            "amount": amount,
        }
    )
    return log.sort_values("time", ignore_index=True)


def on_day(days):
    """Return a moment so many days after the start."""
    return STARTED + timedelta(days=days)
