"""A world whose buyers spend later: a use case that knows each of its columns at one time.

Whoever buys spends by `wealth`, which is a feature; what he spent is known with the outcome.
"""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression

from kpi_gate.decision.evidence import Window
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.windows import Windows
from kpi_gate.run.context import Run
from kpi_gate.usecase.contract import Feature, UseCase, read_settings
from kpi_gate.workspace import Workspace

TOY = Path(__file__).parents[1] / "toy/toy.yaml"
START = pd.Timestamp("2024-01-01", tz="UTC")
DAYS, A_DAY = 80, 25


def world(seed: int = 5) -> pd.DataFrame:
    """Return decisions of eighty days with all that became known later."""
    generator = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), A_DAY)
    taste, wealth = generator.normal(size=day.size), 8 + generator.gamma(4.0, 1.5, day.size)
    buys = generator.random(day.size) < 1 / (1 + np.exp(-(2.0 * taste - 1.5)))
    at = START + pd.to_timedelta(day, unit="D")
    spent = np.where(buys, wealth + generator.normal(0, 1, day.size), 0.0)
    return pd.DataFrame(
        {
            "unit": [f"v{number}" for number in range(day.size)],
            "event_time": at,
            "label_time": at + pd.Timedelta(days=2),
            "outcome": buys.astype(float),
            "taste": taste,
            "wealth": wealth,
            "region": np.where(generator.random(day.size) < 0.5, "north", "south"),
            "guess": wealth * 0.9,
            "spent": spent,
            "calls": generator.poisson(3, day.size),
            "secret": buys + 0.0,
        }
    )


def parts(action, outcome, columns, parameters):
    """Split the money of an offer into a share of what is spent, and its cost."""
    margin = action * outcome * columns["spent"] * parameters["margin_usd"] / 10
    return {"margin": margin, "cost": -action * parameters["cost_usd"]}


def spenders(**changes) -> UseCase:
    """Return the use case; keywords replace its parts."""
    given = {
        "name": "spenders",
        "title": "Offers to visitors who spend later",
        "settings": read_settings(TOY),
        "load": lambda folder, as_of: world(),
        "features": (Feature("taste", "number"), Feature("wealth", "number")),
        "known": ("guess",),
        "amounts": ("spent",),
        "known_later": ("calls",),
        "amount_estimator": lambda model: LinearRegression(),
        "estimator": lambda model: LogisticRegression(random_state=model["seed"]),
        "value": ValueModel("offer_margin", parts, ("spent",)),
        "baseline": lambda rows: np.ones(len(rows)),
        "baseline_name": "offer to everyone",
        "limits": ("Nobody shops here.",),
    }
    return UseCase(**{**given, **changes})


def run_of(use_case: UseCase, root: Path) -> Run:
    """Return a run after the last outcome of the world is known."""
    return Run(use_case, datetime(2024, 3, 23, tzinfo=UTC), Workspace(root=root))


def windows() -> Windows:
    """Return windows over the world: 40 days to train, 20 to tune, 20 to judge."""
    ends = [datetime(2024, 1, 1, tzinfo=UTC) + pd.Timedelta(days=d) for d in (0, 40, 60, 80)]
    train, tune, gate = (Window(start=a, end=b) for a, b in pairwise(ends))
    return Windows(train=train, tune=tune, gate=gate, label_delay_days=2.0)
