"""Which visitors of a shop get a voucher? A small world of its own: replace it by your problem."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_gate import UseCase


def fetch(folder: Path) -> None:
    """Make the visits of eight months; yours are in the folder already, or in a database."""
    random = np.random.default_rng(3)
    day = np.repeat(np.arange(240), 40)
    interest = random.normal(size=day.size)
    taste = np.where(day < 120, 2.0, -2.0)  # what visitors like turns in May
    visits = pd.DataFrame({"visitor": np.arange(day.size), "interest": interest})
    visits["at"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(day, unit="D")
    visits["region"] = random.choice(["north", "south"], day.size)
    visits["basket_eur"] = random.gamma(4.0, 10.0, day.size).round(2)
    visits["bought"] = random.random(day.size) < 1 / (1 + np.exp(0.5 - taste * interest))
    visits.to_csv(folder / "visits.csv", index=False)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Return the visits, one row a decision; the machine leaves out what `as_of` did not know."""
    visits = pd.read_csv(folder / "visits.csv", parse_dates=["at"])
    return visits.rename(columns={"visitor": "unit", "at": "event_time", "bought": "outcome"})


def profit(sent, bought, rows, value):
    """Return what a voucher earns and costs, in EUR, once it is known whether it was used."""
    margin = rows["basket_eur"] * value["margin_share"]
    return {"margin": sent * bought * margin, "vouchers": -sent * value["voucher_cost"]}


def voucher_to_everyone(rows):
    """Return what the shop does without a model."""
    return np.ones(len(rows))


USE_CASE = UseCase(
    title="Vouchers: which visitors of a shop get one",
    fetch=fetch,
    load=load,
    value=profit,
    value_columns=["basket_eur"],
    numbers=["interest", "basket_eur"],
    baseline=voucher_to_everyone,
    limits=["Nobody shops here: the visits are made up."],
)
