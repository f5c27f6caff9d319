"""The Open Bandit sample: a real log of ads with propensities, too small to decide by.

Saito et al. 2020, carried by their own package under the Apache licence: 10,000 rows for each of
three campaigns and two policies, seven days of November 2019, four clicks in a thousand. One policy
draws alike among all ads, the other is Thompson sampling. No model can be learnt from so few
clicks. The sample asks what its authors ask: does Thompson sampling earn more, by the log of the
other alone? The gate has to answer that this log does not know, and how many rows would.

    python -m kpi_gate.examples.sources.open_bandit /tmp/bandit
    kpi-gate judge --objective /tmp/bandit/objective.yaml --rows /tmp/bandit/all.parquet

`women_reversed` asks the reverse of Thompson sampling's log: whether ads drawn alike earn more. It
showed some ads once in a million times, and a single row then carries most of the weight.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_gate.examples.sources.carrier import carried

CARRIER = "obp"
USE_CASE = "ads"  # a project that does not keep it has no use for this file
CAMPAIGNS = ("all", "men", "women")
ALIKE, THOMPSON = "random", "bts"
SHA256 = {
    "random/all": "7168295b6e0a9eab",
    "random/men": "ede6d08c6877f99c",
    "random/women": "e65f3bd3beb17664",
    "bts/all": "0ad874e4dbf6902f",
    "bts/men": "db6d1f7ed2d591ba",
    "bts/women": "e5d1b49a39b60858",
}
CLICK_PRICE = 0.40  # EUR; an assumption, the log has no prices
USER_FEATURES = [f"user_feature_{number}" for number in range(4)]
OBJECTIVE = """\
objective:
  kpi: ad_revenue
  unit: EUR
  horizon_decisions: 27000000   # slots of a month; an assumption, as is the price of a click
  horizon: a month
  min_effect: 0.00002           # EUR per slot, of about 0.0016
  switch_cost: 500              # EUR
estimator: {kind: snips}
guardrails:
  - {slice: slot, may_lose: 0.0005, min_events: 1000}
"""


def read_log(policy: str, campaign: str) -> pd.DataFrame:
    """Read what a policy showed in a campaign, and what was clicked."""
    path = f"dataset/obd/{policy}/{campaign}/{campaign}.csv"
    source = carried(CARRIER, path, SHA256[f"{policy}/{campaign}"])
    return pd.read_csv(source, index_col=0)


def question(campaign: str, policy: str = ALIKE) -> pd.DataFrame:
    """Return the rows that `kpi-gate judge` needs: a policy by its own log, and the other one."""
    log = read_log(policy, campaign)
    if policy == ALIKE:
        # whoever the user is: it prefers ads by slot, and its log shows how often
        shown = read_log(THOMPSON, campaign).groupby("position")["item_id"]
        share = shown.value_counts(normalize=True)
        logged = pd.MultiIndex.from_frame(log[["position", "item_id"]])
        other = share.reindex(logged, fill_value=0.0).to_numpy()
    else:
        other = np.full(len(log), 1 / log["item_id"].nunique())
    return pd.DataFrame(
        {
            # users are not told: rows whose four features are the same share a unit
            "unit": log[USER_FEATURES].agg(" ".join, axis="columns"),
            "event_time": pd.to_datetime(log["timestamp"], utc=True, format="ISO8601"),
            "row_id": log.index,
            "slot": log["position"],
            "reward": log["click"] * CLICK_PRICE,
            "propensity": log["propensity_score"],
            "probability_champion": log["propensity_score"],
            "probability_candidate": other,
        }
    )


def write(folder: Path) -> None:
    """Write the objective, and the rows of each question."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "objective.yaml").write_text(OBJECTIVE, encoding="utf-8")
    for campaign in CAMPAIGNS:
        question(campaign).to_parquet(folder / f"{campaign}.parquet", index=False)
    reversed_rows = question("women", THOMPSON)
    reversed_rows.to_parquet(folder / "women_reversed.parquet", index=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
