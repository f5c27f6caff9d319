"""Rows without the days that are in quarantine."""

from collections.abc import Set as AbstractSet
from datetime import date

import pandas as pd


def outside(rows: pd.DataFrame, days: AbstractSet[date]) -> pd.DataFrame:
    """Leave out the rows whose event falls on one of the days, in UTC."""
    if not days or rows.empty:
        return rows
    day = rows["event_time"].dt.tz_convert("UTC").dt.date
    return rows[~day.isin(list(days))]
