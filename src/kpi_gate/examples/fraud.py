"""Which card payments should a bank block and review, while it can review only so many a day?

Data: simulated. 1.8 million payments of 5,000 customers at 10,000 terminals from April to September
2018, the published world of the Fraud Detection Handbook (`examples.sources.simulated_payments`),
which stands still; with `data: {drift: true}` fraudsters change on day 100. The bank's own rule
blocks high amounts, and what it blocks has no outcome, except for a random share that is let
through.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.ready_made import fraud
from kpi_gate.examples.sources.simulated_payments import bank_log, simulate
from kpi_gate.usecase.contract import UseCase, read_settings

SETTINGS = read_settings(Path(__file__).with_suffix(".yaml"))
DATA, DELAY_DAYS = SETTINGS.data, SETTINGS.window.label_delay_days
DAY_US = 86_400_000_000
SPANS = (1, 7, 30)  # days
PAST = ("customer_payments", "customer_mean", "terminal_payments", "terminal_risk")
NUMBERS = (
    *("amount", "at_night", "on_weekend", "times_usual_amount"),
    *(f"{what}_{days}d" for what in PAST for days in SPANS),
)
BANDS = {"under 20": 20, "20 to 60": 60, "60 to 120": 120, "120 to 200": 200, "over 200": np.inf}
AGES = {"under 90 days": 90, "90 to 180 days": 180, "over 180 days": np.inf}
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def fetch(folder: Path) -> None:
    """Lay the simulated payments out as the bank would log them: one Parquet file a month."""
    world = ("customers", "terminals", "days", "drift", "seed")
    payments = simulate(**{name: DATA[name] for name in world})
    blocked = block_high_amounts(payments)
    payments = bank_log(payments, blocked, DATA["exploration"], DATA["seed"])
    folder.mkdir(parents=True, exist_ok=True)
    for month, rows in payments.groupby(payments["time"].dt.tz_localize(None).dt.to_period("M")):
        rows.to_parquet(folder / f"{month}.parquet", index=False)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Read the payments before `as_of` and describe each by what was known when it was made."""
    files = [path for path in sorted(folder.glob("*.parquet")) if path.stem <= f"{as_of:%Y-%m}"]
    if not files:
        return pd.DataFrame()
    payments = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    payments = payments[payments["time"] < as_of]
    payments = payments.rename(columns={"time": "event_time", "customer": "unit"})
    seen = payments["observed"]  # what is not seen stays the simulator's secret
    payments["label_time"] = (payments["event_time"] + timedelta(days=DELAY_DAYS)).where(seen)
    payments["outcome"] = payments.pop("is_fraud").astype(float).where(seen)
    return payments.assign(**dict(_features(payments))).drop(columns="terminal")


def _features(payments: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Yield the handbook's features and the slices; an outcome counts only once it was known."""
    event, amount = payments["event_time"], payments["amount"]
    time = event.dt.as_unit("us").astype(np.int64).to_numpy()
    yield "at_night", (event.dt.hour < 6).astype(float)
    yield "on_weekend", (event.dt.day_of_week >= 5).astype(float)
    cents = np.rint(amount.to_numpy() * 100).astype(np.int64)
    for days, count, total in _before(payments["unit"].to_numpy(), time, 0, cents):
        yield f"customer_payments_{days}d", count
        yield f"customer_mean_{days}d", (mean := _share(total, count) / 100)
    yield "times_usual_amount", amount / mean
    place, seen = payments["terminal"].to_numpy(), payments["observed"].to_numpy(np.int64)
    fraud_seen = payments["outcome"].fillna(0).to_numpy(np.int64)
    for days, count, known, found in _before(place, time, DELAY_DAYS, seen, fraud_seen):
        yield f"terminal_payments_{days}d", count
        yield f"terminal_risk_{days}d", _share(found, known)
    age = payments["terminal_age"].to_numpy()
    for name, numbers, levels in (("amount_band", amount, BANDS), ("terminal_age", age, AGES)):
        code = np.searchsorted(list(levels.values()), numbers, side="right")
        yield name, pd.Categorical.from_codes(code, list(levels))


def _before(key: Ints, time: Ints, delay_days: float, *values: Ints) -> Iterator[tuple[Any, ...]]:
    """Yield each span, and of every row's key the count and sums in it, `delay_days` before."""
    order = np.lexsort((time, key))
    delay, reach = int(delay_days * DAY_US), int((delay_days + max(SPANS)) * DAY_US)
    # one line of all rows, key after key, with room before each for its look back
    line = key[order] * (np.ptp(time) + reach + 1) + time[order] - time.min() + reach
    sums = [np.concatenate([[0], np.cumsum(some[order])]) for some in (np.ones_like(time), *values)]
    end, back = np.searchsorted(line, line - delay), np.argsort(order)
    for days in SPANS:
        start = np.searchsorted(line, line - delay - days * DAY_US)
        yield days, *((total[end] - total[start])[back] for total in sums)


def _share(part: Ints, whole: Ints) -> Floats:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)  # of nothing: not known


def estimator(model: Mapping[str, Any]) -> Any:
    """Return gradient-boosted trees, in which a higher amount is never less suspicious."""
    # here and not above: `kpi-gate list` and a run with nothing new need no scikit-learn
    from sklearn.ensemble import HistGradientBoostingClassifier

    # without the penalty pure leaves grow beyond calibration
    shape = ("max_iter", "max_leaf_nodes", "min_samples_leaf", "l2_regularization")
    return HistGradientBoostingClassifier(
        **{name: model[name] for name in shape},
        learning_rate=model["learning_rate"],
        monotonic_cst={"amount": 1, "times_usual_amount": 1},
        early_stopping=False,
        random_state=model["seed"],
    )


def block_high_amounts(rows: pd.DataFrame) -> Floats:
    """Return what the bank did before there was a model."""
    blocked: Floats = (rows["amount"] > DATA["blocked_above"]).to_numpy(dtype=float)
    return blocked


def blocks_a_day(actions: Floats, rows: pd.DataFrame) -> float:
    """Return how many payments are blocked, and must be reviewed, on a day."""
    return float(actions.sum() / rows["event_time"].dt.floor("D").nunique())


USE_CASE = UseCase(
    title="Card fraud: which payments to block and review",
    settings=SETTINGS,
    load=load,
    fetch=fetch,
    numbers=NUMBERS,
    estimator=estimator,
    value=fraud,
    baseline=block_high_amounts,
    baseline_name=f"block amounts above {DATA['blocked_above']} EUR",
    measures={"blocks_a_day": blocks_a_day},
    proxies={
        "frauds stopped": lambda action, outcome, rows: action * outcome,
        "good customers blocked": lambda action, outcome, rows: action * (1 - outcome),
    },
    limits=(
        "Customers, terminals and fraudsters are simulated: the Fraud Detection Handbook's world.",
        "The drift of `data.drift` is ours; without it no retraining pays.",
        "The log is the rule's throughout; what it blocked counts through an explored share.",
        "Margin, loss, friction and review cost are published or assumed, not a bank's books.",
    ),
)
