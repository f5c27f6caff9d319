"""Which product categories should a grocer show a household this week?

Data: Complete Journey (84.51°), receipts of 2,469 households over one year. Every Monday each
category that a household bought in the last eight weeks may be shown to it, and five are: 3.9
million rows in all, which makes this the load test. A quality play is a purchase within the week.
The KPI is take-rate, plays per recommendation shown. It is no money until experiments have shown
what a play is worth, so AB_REQUIRED is the best verdict here.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.ready_made import take_rate
from kpi_gate.examples.sources import complete_journey
from kpi_gate.usecase.contract import UseCase, read_settings

SETTINGS = read_settings(Path(__file__).with_suffix(".yaml"))
NOTHING_TO_SHOW = ("COUPON/MISC ITEMS", "COUPONS/STORE & MFG", "FUEL")
HISTORY, LONG_HISTORY, WEEK = 8, 26, 7  # weeks, weeks, days
SLOTS, ACTIVITIES = SETTINGS.policy.most or 0, ("light", "regular", "heavy")
NUMBERS = (
    *("weeks_since", "bought_weeks_4w", "bought_weeks_8w", "bought_share_26w", "spend_8w_usd"),
    *("active_weeks_2w", "active_weeks_8w", "categories_8w"),
    *("buyers_share_4w", "buyers_trend", "discount_share_1w", "discount_rise"),
)
Floats = NDArray[np.float64]


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Build a row for each household, category and week that began before `as_of`."""
    lines = complete_journey.read_lines(folder, as_of)
    if lines.empty:
        return pd.DataFrame()
    monday = lines["day"].min() - (lines["day"].min() + 3) % WEEK
    lines["week"] = (lines["day"] - monday) // WEEK
    weeks = list(_weeks(lines[~lines["category"].isin(NOTHING_TO_SHOW)]))
    if not weeks:
        return pd.DataFrame()
    rows = pd.DataFrame({name: np.concatenate([week[name] for week in weeks]) for name in weeks[0]})
    for role, column in (("unit", "household"), ("item", "category")):
        rows[role] = pd.Categorical.from_codes(rows[role], lines[column].cat.categories)
    rows["activity"] = pd.cut(rows["active_weeks_8w"], [0, 4, 7, 8], labels=ACTIVITIES)
    rows["day"] = monday + WEEK * rows.pop("week")
    return complete_journey.date_decisions(rows, lines, WEEK, as_of)


def _weeks(lines: pd.DataFrame) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the candidates of each week that has eight weeks before it, with their features."""
    last = int(lines["week"].max()) + 1  # has only begun
    units, items = (lines[name].cat.codes.to_numpy(dtype=int) for name in ("household", "category"))
    shape = last + 1, units.max() + 1, items.max() + 1
    bought, spend = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.float32)
    saved = np.zeros((last + 1, shape[2]))
    bought[lines["week"], units, items] = True
    np.add.at(spend, (lines["week"], units, items), lines["sales"].astype(np.float32))
    np.add.at(saved, (lines["week"], items), lines["discount"])
    discount = saved / np.maximum(saved + spend.sum(axis=1), 0.01)  # share of the shelf price
    active = np.asarray(bought.any(axis=2))
    buyers = bought.sum(axis=1) / np.maximum(active.sum(axis=1, keepdims=True), 1)
    for week in range(HISTORY + 1, last + 1):  # the data may begin in the middle of a week
        past, long = slice(week - HISTORY, week), slice(max(0, week - LONG_HISTORY), week)
        unit, item = np.nonzero(np.any(bought[past], axis=0))
        seen = np.asarray(bought[past, unit, item])
        numbers = {
            "weeks_since": np.argmax(seen[::-1], axis=0) + 1,
            "bought_weeks_4w": seen[-4:].sum(axis=0),
            "bought_weeks_8w": seen.sum(axis=0),
            "bought_share_26w": bought[long, unit, item].mean(axis=0),
            "spend_8w_usd": spend[past, unit, item].sum(axis=0),
            "active_weeks_2w": active[week - 2 : week, unit].sum(axis=0),
            "active_weeks_8w": active[past, unit].sum(axis=0),
            "categories_8w": np.bincount(unit)[unit],
            "buyers_share_4w": buyers[week - 4 : week, item].mean(axis=0),
            "buyers_trend": buyers[week - 1, item] / buyers[past, item].mean(axis=0),
            "discount_share_1w": discount[week - 1, item],
            "discount_rise": discount[week - 1, item] - discount[past, item].mean(axis=0),
            "outcome": bought[week, unit, item],
        }
        codes = {"unit": unit, "item": item, "week": np.full(unit.size, week)}
        small = {name: whole.astype(np.int16) for name, whole in codes.items()}
        yield small | {name: values.astype(np.float32) for name, values in numbers.items()}


def show_the_usual(rows: pd.DataFrame) -> Floats:
    """Return what a shop shows without a model: what the household bought most often."""
    often = rows["bought_share_26w"] - rows["weeks_since"] / 1_000  # of two, the more recent
    by = often.groupby([rows["unit"], rows["event_time"]], observed=True)
    shown: Floats = (by.rank(method="first", ascending=False) <= SLOTS).to_numpy(dtype=float)
    return shown


def catalogue_coverage(actions: Floats, rows: pd.DataFrame) -> float:
    """Return the share of the categories that could be shown which are shown to somebody."""
    return float(rows["item"][actions > 0].nunique() / max(rows["item"].nunique(), 1))


def repeat_share(actions: Floats, rows: pd.DataFrame) -> float:
    """Return the share of recommendations whose category was bought in the week before."""
    shown = rows["weeks_since"][actions > 0]
    return float((shown == 1).mean()) if len(shown) else 0.0


USE_CASE = UseCase(
    title="Recommendations of a grocer: which categories to show a household",
    settings=SETTINGS,
    load=load,
    fetch=complete_journey.fetch,
    numbers=NUMBERS,
    value=take_rate,
    baseline=show_the_usual,
    baseline_name="show what the household bought most often",
    measures={"catalogue_coverage": catalogue_coverage, "repeat_share": repeat_share},
    proxies={
        "recommendations shown": lambda action, outcome, rows: action,
        "quality plays": lambda action, outcome, rows: action * outcome,
        "plays beyond habit": lambda a, y, rows: a * y * (rows["weeks_since"].to_numpy() > 1),
    },
    limits=(
        "Nothing was shown to anybody in the data: a play is a purchase that happened anyway. That "
        "it was foreseen is real, that showing it sells more is not known.",
        "What a play is worth in money is unlinked: AB_REQUIRED is the best verdict until "
        "experiments have shown it.",
        "Only categories bought in the last eight weeks are shown, so nothing new is discovered. "
        "Lines of products without a category (0.5 %, mostly coupons) are left out.",
    ),
)
