"""Which ad should fill each slot, judged from the log of a policy that drew others?

Data: simulated, with a known truth (see `examples.sources.simulated_ads`): 80 ads, three slots, 4
clicks in a thousand, and the chance with which each ad was drawn. An ad's appeal wanders, so a
model wears out within weeks. What another policy would have earned is estimated from the log alone,
by its propensities (SNIPS); `examples.sources.open_bandit` holds a real log, too small for it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.ready_made import ad_revenue
from kpi_gate.examples.sources.simulated_ads import GROUPS, prices, simulate, world
from kpi_gate.usecase.contract import Choices, UseCase, read_settings

SETTINGS = read_settings(Path(__file__).with_suffix(".yaml"))
DATA, DELAY_DAYS = SETTINGS.data, SETTINGS.window.label_delay_days
ADS = tuple(f"ad{number:02d}" for number in range(DATA["ads"]))
ITEM = pd.CategoricalDtype(ADS)
PRICES = prices(len(ADS), DATA["seed"])  # EUR a click: the price list, known beforehand
Floats = NDArray[np.float64]


def fetch(folder: Path) -> None:
    """Lay the simulated log out as an ad server would write it: one Parquet file a month."""
    truth = world(DATA["ads"], DATA["days"], DATA["half_life_days"], DATA["seed"])
    log = simulate(truth, DATA["users"], DATA["impressions"], DATA["seed"])
    months = log["time"].dt.tz_localize(None).dt.to_period("M")
    told = tell(log)
    folder.mkdir(parents=True, exist_ok=True)
    for month, rows in told.groupby(months):
        rows.to_parquet(folder / f"{month}.parquet", index=False)


def tell(log: pd.DataFrame) -> pd.DataFrame:
    """Return what the simulator drew as the ad server names it."""
    ad, group = log["ad"].to_numpy(), log["group"].to_numpy()
    return pd.DataFrame(
        {
            "event_time": log["time"],
            "unit": log["user"],
            "item": pd.Categorical.from_codes(ad, list(ADS)),
            "slot": log["slot"],
            "user_group": pd.Categorical.from_codes(group, list(GROUPS)),
            "propensity": log["propensity"],
            "outcome": log["click"].astype(float),
            "click_price": PRICES[ad],
            "currency": pd.Categorical.from_codes(np.zeros(len(log), dtype=np.int8), ["EUR"]),
        }
    )


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Read the slots filled before `as_of`; a click counts if it comes within a day."""
    files = [path for path in sorted(folder.glob("*.parquet")) if path.stem <= f"{as_of:%Y-%m}"]
    if not files:
        return pd.DataFrame()
    rows = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    rows = rows[rows["event_time"] < as_of].reset_index(drop=True)
    rows["label_time"] = rows["event_time"] + timedelta(days=DELAY_DAYS)
    return with_features(rows)


def with_features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the numbers that stand for ad, group, and both: encoded far faster."""
    ad = pd.Index(ADS).get_indexer(rows["item"])
    group = pd.Index(GROUPS).get_indexer(rows["user_group"])
    return rows.assign(ad=ad, group=group, ad_in_group=ad * len(GROUPS) + group)


def show_instead(rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """Return the rows as they would be, had this ad been drawn in all of them."""
    ad = ADS.index(item)
    return rows.assign(
        item=pd.Categorical.from_codes(np.full(len(rows), ad), dtype=ITEM),
        ad=ad,
        ad_in_group=ad * len(GROUPS) + rows["group"],
        click_price=PRICES[ad],
    )


def estimator(model: Mapping[str, Any]) -> Any:
    """Return a logistic regression on ad, slot, group, and each ad in each group."""
    # here and not above: `kpi-gate list` and a run with nothing new need no scikit-learn
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    return make_pipeline(
        OneHotEncoder(handle_unknown="ignore"),
        LogisticRegression(C=model["C"], max_iter=model["max_iter"]),
    )


def draw_alike(rows: pd.DataFrame) -> Floats:
    """Return the chance of the logged ad where every ad is drawn alike."""
    return np.full(len(rows), 1 / len(ADS))


def top_ad_share(actions: Floats, rows: pd.DataFrame) -> float:
    """Return the share of the slots that the most frequent ad would fill."""
    weight = pd.Series(actions / rows["propensity"].to_numpy(), rows.index)
    filled = weight.groupby(rows["item"], observed=True).sum()
    return float(filled.max() / filled.sum())


USE_CASE = UseCase(
    title="Ads in three slots: which one to show",
    settings=SETTINGS,
    load=load,
    fetch=fetch,
    categories=("ad", "slot", "group", "ad_in_group"),
    known=("click_price",),
    estimator=estimator,
    value=ad_revenue,
    baseline=draw_alike,
    baseline_name=f"draw each of the {len(ADS)} ads alike",
    choices=Choices("item", ADS, show_instead),
    measures={"top_ad_share": top_ad_share},
    # of the logged ad; the page weighs both by propensity, as the money
    proxies={"clicks": lambda action, outcome, rows: outcome},
    limits=(
        "Users, ads, clicks and prices are simulated, in the shape of the Open Bandit Dataset; the "
        "log is taken for one impression in a hundred.",
        "Slots are drawn each on its own. There are no budgets, no pacing and no competition: an "
        "ad that is shown more often pays as much a click.",
        "Users never tire of ads, and nothing is said of what they buy after a click.",
        "The log stays that of its own policy, whatever is promoted.",
    ),
)
