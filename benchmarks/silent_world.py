"""Make a world without drift: 20 columns, a weekly cycle, units that return.

Each unit is a customer who decides on about two days in three. Columns are of every kind that a
fault looks different in: money, counts, days, degrees, flags, shares, codes and names.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.usecase.contract import Feature, UseCase
from kpi_gate.usecase.settings import Settings

Floats = NDArray[np.float64]
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
WEEKEND = 5
PLANS = tuple(f"plan {number:02d}" for number in range(12))
NUMBERS = (
    *("amount_eur", "balance_eur", "basket_eur", "tenure_days", "recency_days", "visits_7d"),
    *("age", "temperature_c", "discount_share", "risk", "mood", "noise", "is_new", "refunds"),
)
CATEGORIES = ("plan", "region", "channel", "device", "language", "segment")
AMOUNTS = (*NUMBERS[:7], "discount_share")  # positive, with many values
MOVING = ("amount_eur", "balance_eur", "basket_eur", "risk", "mood", "noise", "temperature_c")
SPREAD = (*AMOUNTS, "risk", "mood", "noise", "temperature_c")
SETTINGS = {
    "objective": {
        "kpi": "profit",
        "unit": "EUR",
        "horizon_decisions": 700_000,
        "min_effect": 0.02,
        "switch_cost": 150,
    },
    "guardrails": [{"measure": "action_rate", "at_most": 0.9}],
    "value": {"margin_eur": 4.0},
    "window": {
        "label_delay_days": 2,
        "tune_days": 7,
        "gate_min_days": 7,
        "gate_max_days": 14,
        "gate_min_rows": 1000,
        "train_last_rows": [None],
    },
    "model": {"seed": 7, "threads": 1},
    "validation": {"freshness_days": 2},
    "schedule": {"retrain": "0 3 1 * *"},
    "monitor": {
        "invariant": ["unit"],
        "directions": [{"column": "risk", "add": 0.5, "score": "up"}],
    },
}


def make_use_case() -> UseCase:
    """Return the world's use case; it loads nothing and trains nothing."""
    return UseCase(
        name="silent",
        title="A world in which nothing happens",
        settings=Settings.model_validate(SETTINGS),
        load=lambda folder, as_of: pd.DataFrame(),
        features=(
            *(Feature(name, "number") for name in NUMBERS),
            *(Feature(name, "category") for name in CATEGORIES),
        ),
        estimator=lambda model: None,
        value=ValueModel("margin", lambda a, y, c, p: {"margin": a * y * p["margin_eur"]}),
        baseline=lambda rows: np.ones(len(rows)),
        baseline_name="act on everyone",
    )


def make_days(days: int, rows: int, seed: int) -> list[pd.DataFrame]:
    """Return the rows of each day, the first a Monday: about `rows`, 30 % fewer on weekends."""
    generator = np.random.default_rng(seed)
    units = int(rows * 1.5)
    fixed = _fixed(units, generator)
    drift = {name: generator.normal(size=units) for name in ("risk", "mood", "balance")}
    last_seen = np.zeros(units)
    made = []
    for day in range(days):
        weekend = day % 7 >= WEEKEND
        wave = generator.normal(0, 0.03) + (0.15 if weekend else 0)
        for name, level in drift.items():
            drift[name] = 0.9 * level + np.sqrt(1 - 0.81) * generator.normal(size=units)
        here = generator.random(units) < (0.46 if weekend else 2 / 3) * (
            1 + generator.normal(0, 0.02)
        )
        moving = _moving(units, day, wave, drift, last_seen, generator)
        table = pd.DataFrame({**fixed, **moving, "tenure_days": fixed["joined"] + day})[
            [*NUMBERS, *CATEGORIES, "unit"]
        ]
        hours = np.clip(generator.normal(13, 4, units), 0, 23.99)
        table["event_time"] = pd.Timestamp(START + timedelta(days=day)) + pd.to_timedelta(
            (hours * 3600).astype(int), unit="s"
        )
        chance = 1 / (1 + np.exp(1 - table["risk"].to_numpy() - 0.3 * table["is_new"].to_numpy()))
        table["outcome"] = (generator.random(units) < chance).astype(float)
        table["label_time"] = table["event_time"] + timedelta(days=2)
        made.append(table[here].reset_index(drop=True))
        last_seen[here] = day
    return made


def _fixed(units: int, generator: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Draw what a unit keeps from day to day."""
    weights = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.04, 0.03, 0.02, 0.01, 0.006, 0.004])
    names = {
        "plan": (PLANS, weights),
        "region": (("north", "south", "east", "west"), np.array([0.4, 0.3, 0.2, 0.1])),
        "language": (("pt", "en", "fr"), np.array([0.8, 0.15, 0.05])),
        "segment": (("a", "b", "c", "d", "e"), np.full(5, 0.2)),
    }
    drawn = {
        name: generator.choice(np.array(levels, dtype=object), units, p=weight / weight.sum())
        for name, (levels, weight) in names.items()
    }
    return {
        "unit": np.array([f"u{number:06d}" for number in range(units)], dtype=object),
        "age": generator.integers(18, 90, units).astype(float),
        "joined": generator.integers(30, 1500, units).astype(float),
        "is_new": (generator.random(units) < 0.1).astype(float),
        **drawn,
    }


def _moving(
    units: int,
    day: int,
    wave: float,
    drift: dict[str, Floats],
    last_seen: Floats,
    generator: np.random.Generator,
) -> dict[str, NDArray[np.generic]]:
    """Draw what changes from day to day."""
    balance = np.exp(6 + drift["balance"])
    channels = np.array(["web", "app", "phone"], dtype=object)
    mobile = 0.4 + wave / 2
    risk = drift["risk"].copy()
    risk[generator.random(units) < 0.02 + max(wave, 0) / 20] = np.nan
    return {
        "amount_eur": np.round(np.exp(3 + 0.8 * generator.normal(size=units) + wave), 2),
        "balance_eur": np.round(balance, 2),
        "basket_eur": np.round(np.exp(3.5 + 0.4 * generator.normal(size=units)), 2),
        "recency_days": np.minimum(day - last_seen + generator.poisson(3, units), 60.0),
        "visits_7d": generator.poisson(2 + 2 * wave, units).astype(float),
        "temperature_c": 15 + 5 * generator.normal(size=units) + 10 * wave,
        "discount_share": generator.beta(2, 8, units),
        "risk": risk,
        "mood": drift["mood"] + wave,
        "noise": generator.normal(size=units),
        "refunds": generator.poisson(0.05, units).astype(float),
        "channel": generator.choice(channels, units, p=[0.9 - mobile, mobile, 0.1]),
        "device": generator.choice(np.array(["ios", "android", "other"], dtype=object), units),
    }
