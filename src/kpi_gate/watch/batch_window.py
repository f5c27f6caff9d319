"""Which rows are looked at: the newest day, or as many as make a batch, and good ones before."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from kpi_gate.data.quarantine import outside
from kpi_gate.decision.evidence import Window

FEW_ROWS = 30  # a day with fewer says nothing alone
WEEK = 7
MOST_DAYS = 0.7  # of the days before: where so many have enough rows, a day is a batch


@dataclass(frozen=True)
class Batches:
    """The rows that are looked at.

    Attributes:
        window: The day, or the days.
        batch: Its rows; of several days, without those in quarantine.
        reference: Rows of the good days before.
        length: Days of the window.
    """

    window: Window
    batch: pd.DataFrame
    reference: pd.DataFrame
    length: int

    def periods(self) -> list[pd.DataFrame]:
        """Return the good rows in periods as long as the window, oldest first."""
        if self.reference.empty:
            return []
        since = self.reference["event_time"] - self.window.start
        # floored: a midnight belongs to the day that it begins
        return [part for _, part in self.reference.groupby(since // timedelta(days=self.length))]


def cut(
    rows: pd.DataFrame, as_of: datetime, reference_days: int, quarantined: frozenset[date]
) -> Batches:
    """Return the newest whole day before a moment with the good days before it.

    Where most days have too few rows to say anything, the days of a week are taken together, and
    as many weeks before it as `reference_days` says days, up to a year.
    """
    end = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    event = rows["event_time"]
    lately = event[(event >= end - timedelta(days=4 * WEEK)) & (event < end)]
    full = int((lately.dt.floor("D").value_counts() >= FEW_ROWS).sum())
    length = 1 if full >= MOST_DAYS * 4 * WEEK else WEEK
    window = Window(start=end - timedelta(days=length), end=end)
    first = window.start - timedelta(days=min(reference_days * length, 366))
    reference = rows[(event >= first) & (event < window.start)]
    batch = rows[(event >= window.start) & (event < end)]
    if length > 1 and len(good := outside(batch, quarantined)):
        batch = good  # a day that is out must not spoil a week of looks
    return Batches(
        window=window,
        batch=batch.reset_index(drop=True),
        reference=outside(reference, quarantined).reset_index(drop=True),
        length=length,
    )
