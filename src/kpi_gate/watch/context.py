"""What a look at a champion works on: who is in use, the rows known then, and which it looks at."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.quarantine import outside
from kpi_gate.decision.evidence import Window
from kpi_gate.evaluation.scored_model import actions, expect, policy_of, score, under_the_log
from kpi_gate.learning.scoring import ScoringError, probabilities
from kpi_gate.record.model_files import Model
from kpi_gate.run.champion import fetch_champion
from kpi_gate.run.context import Run

Floats = NDArray[np.float64]
UNKNOWN = "unknown"  # in place of a champion that cannot be read
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


@dataclass(frozen=True)
class Watch:
    """One look at the champion of a use case.

    Attributes:
        run: The use case and the moment; its work folder is the watch's own.
        rows: All rows known then.
        quarantined: Days that counted for nothing when the look began.
        version: Who was in use when the look began, as the ledger says; empty for the baseline.
    """

    run: Run
    rows: pd.DataFrame
    quarantined: frozenset[date] = field(init=False)
    version: str = field(init=False)

    def __post_init__(self) -> None:
        """Note who is in use before anything is read."""
        history = self.run.history
        object.__setattr__(self, "quarantined", history.quarantined)
        object.__setattr__(self, "version", history.champion)

    @cached_property
    def batches(self) -> Batches:
        """The rows that are looked at, and the good ones before."""
        days = self.run.use_case.settings.monitor.reference_days
        return cut(self.rows, self.run.as_of, days, self.quarantined)

    @cached_property
    def champion(self) -> Model:
        """Fetch the champion in use into the watch's folder.

        Raises:
            Refusal: If it cannot be read.
        """
        return fetch_champion(self.run)

    def probability(self, rows: pd.DataFrame) -> Floats:
        """Return the champion's probabilities, shape `(n,)`."""
        return probabilities(self.champion.estimator, rows, self.champion.card.features)

    def act(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return the champion's probabilities of what was done, and its actions.

        Raises:
            ScoringError: If the rows cannot be scored, or lack what the policy reads.
        """
        use_case, card, estimator = self.run.use_case, self.champion.card, self.champion.estimator
        try:
            scores = score(estimator, rows, card.features, use_case)
            amounts = expect(estimator, rows, card.features, use_case)
            done = actions(policy_of(card), use_case, scores, rows, amounts)
            return under_the_log(use_case, scores, rows), done
        except KeyError as error:
            raise ScoringError(f"the rows have no column {error}") from error


def days_of_window(start: datetime, end: datetime) -> frozenset[date]:
    """Return the days in UTC from one midnight to another."""
    count = round((end - start) / timedelta(days=1))
    return frozenset((start + timedelta(days=k)).date() for k in range(count))
