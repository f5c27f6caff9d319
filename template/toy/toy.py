"""Which visitors of a shop get a voucher? A small world of its own; replace it by your problem.

`load` gives the decisions, `profit` says what one is worth, and the YAML beside this file says what
a release must earn. Everything else is the machine's.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.usecase.contract import Feature, UseCase, read_settings


def fetch(folder: Path) -> None:
    """Make the visits of eight months; your data are there already, or come from elsewhere."""
    generator = np.random.default_rng(3)
    day = np.repeat(np.arange(240), 40)
    interest = generator.normal(size=day.size)
    taste = np.where(day < 120, 2.0, -2.0)  # what visitors like turns in May
    buys = generator.random(day.size) < 1 / (1 + np.exp(0.5 - taste * interest))
    visits = pd.DataFrame(
        {
            "visitor": np.arange(day.size),
            "at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(day, unit="D"),
            "interest": interest,
            "region": np.where(generator.random(day.size) < 0.5, "north", "south"),
            "basket_eur": generator.gamma(4.0, 10.0, day.size).round(2),
            "bought": buys.astype(float),
        }
    )
    visits.to_csv(folder / "visits.csv", index=False)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Return every visit before `as_of`; whether a visitor bought is known after two days."""
    visits = pd.read_csv(folder / "visits.csv", parse_dates=["at"])
    visits = visits.rename(columns={"visitor": "unit", "at": "event_time", "bought": "outcome"})
    visits["label_time"] = visits["event_time"] + pd.Timedelta(days=2)
    return visits[visits["event_time"] < as_of]


def estimator(model: Mapping[str, Any]) -> LogisticRegression:
    """Return any classifier of scikit-learn's kind over the columns of the features."""
    return LogisticRegression(C=model["c"], random_state=model["seed"])


def profit(sent: Any, bought: Any, rows: Any, value: Any) -> dict[str, Any]:
    """Return what a voucher earns and costs, in EUR, once it is known whether it was used."""
    return {
        "margin": sent * bought * rows["basket_eur"] * value["margin_share"],
        "vouchers": -sent * value["voucher_cost"],
    }


def everyone(rows: pd.DataFrame) -> Any:
    """Return what the shop does without a model."""
    return np.ones(len(rows))


USE_CASE = UseCase(
    name="toy",
    title="Vouchers: which visitors of a shop get one",
    settings=read_settings(Path(__file__).with_suffix(".yaml")),
    load=load,
    fetch=fetch,
    features=(Feature("interest", "number"), Feature("basket_eur", "number")),
    estimator=estimator,
    value=ValueModel("voucher_profit", profit, columns=("basket_eur",)),
    baseline=everyone,
    baseline_name="a voucher to everyone",
    limits=("Nobody shops here: the visits are made up.",),
)
