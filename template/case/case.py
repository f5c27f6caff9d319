"""Which visitors of a shop get a voucher? It runs as it is: put your problem in the place of it.

1. `load`: your rows, one a decision, from files in `data/raw/case/`, or from a database.
2. `profit`: what a decision is worth once its outcome is known.
3. The columns that the model may see, in `USE_CASE` below; money and times, in the YAML beside it.
4. Then delete `fetch`: it only makes the data of this example.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_gate import UseCase


def fetch(folder: Path) -> None:
    """Make the visits of the last eight months; yours are there already."""
    random, day = np.random.default_rng(3), np.repeat(np.arange(240), 40)
    first = pd.Timestamp.now("UTC").normalize() - pd.Timedelta(days=240)
    interest = random.normal(size=day.size)
    visits = pd.DataFrame({"visitor": np.arange(day.size), "interest": interest})
    visits["at"] = first + pd.to_timedelta(day, unit="D")
    visits["region"] = random.choice(["north", "south"], day.size)
    visits["basket_eur"] = random.gamma(4.0, 10.0, day.size).round(2)
    visits["bought"] = random.random(day.size) < 1 / (1 + np.exp(0.5 - 2 * interest))
    visits.to_csv(folder / "visits.csv", index=False)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Return the visits, one row a decision; the machine leaves out what `as_of` did not know."""
    visits = pd.read_csv(folder / "visits.csv", parse_dates=["at"])
    # unit: who is independent of whom; event_time: when it is decided; outcome: 1, 0 or unknown
    return visits.rename(columns={"visitor": "unit", "at": "event_time", "bought": "outcome"})


def profit(sent, bought, rows, value):
    """Return what a voucher earns and costs, in EUR, once it is known whether it was used."""
    margin = rows["basket_eur"] * value["margin_share"]
    return {"margin": sent * bought * margin, "vouchers": -sent * value["voucher_cost"]}


def voucher_to_everyone(rows):
    """Return what the shop does without a model: the first model must beat it."""
    return np.ones(len(rows))


USE_CASE = UseCase(
    title="Vouchers: which visitors of a shop get one",
    fetch=fetch,
    load=load,
    value=profit,
    value_columns=["basket_eur"],  # columns that the money reads
    numbers=["interest", "basket_eur"],  # what the model sees, all known when it is decided
    baseline=voucher_to_everyone,
    limits=["Nobody shops here: the visits are made up."],
)
