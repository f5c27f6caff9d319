"""The tests' own use case: offers to visitors of a shop; the taste of the visitors turns in May."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.usecase.contract import Feature, UseCase, read_settings

SETTINGS = read_settings(Path(__file__).with_suffix(".yaml"))


def fetch(folder: Path) -> None:
    """Write the visits of 240 days from January 2024."""
    generator = np.random.default_rng(3)
    day = np.repeat(np.arange(240), 30)
    taste = generator.normal(size=day.size)
    direction = np.where(day < 120, 1.0, -1.0)
    buys = generator.random(day.size) < 1 / (1 + np.exp(-(2.0 * direction * taste - 0.5)))
    visits = pd.DataFrame(
        {
            "visitor": [f"v{number}" for number in range(day.size)],
            "at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(day, unit="D"),
            "taste": taste,
            "region": np.where(generator.random(day.size) < 0.5, "north", "south"),
            "bought": buys.astype(float),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    visits.to_csv(folder / "visits.csv", index=False)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Read the visits before `as_of`; a purchase is known after two days."""
    visits = pd.read_csv(folder / "visits.csv")
    at = pd.to_datetime(visits.pop("at"), utc=True)
    visits = visits.rename(columns={"visitor": "unit", "bought": "outcome"})
    visits = visits.assign(event_time=at, label_time=at + pd.Timedelta(days=2))
    return visits[visits["event_time"] < as_of]


def estimator(model: Mapping[str, Any]) -> LogisticRegression:
    """Return a logistic regression."""
    return LogisticRegression(C=model["c"], random_state=model["seed"])


def parts(action: Any, outcome: Any, columns: Any, parameters: Any) -> dict[str, Any]:
    """Split the money of an offer into margin and cost."""
    margin = action * outcome * parameters["margin_usd"]
    return {"margin": margin, "cost": -action * parameters["cost_usd"]}


def offer_to_everyone(rows: pd.DataFrame) -> Any:
    """Return what the shop does without a model."""
    return np.ones(len(rows))


USE_CASE = UseCase(
    name="toy",
    title="Offers to visitors",
    settings=SETTINGS,
    load=load,
    fetch=fetch,
    features=(Feature("taste", "number"),),
    estimator=estimator,
    value=ValueModel("offer_margin", parts),
    baseline=offer_to_everyone,
    baseline_name="offer to everyone",
    limits=("Nobody shops here.",),
)
