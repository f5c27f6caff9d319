"""What a look at a champion works on: the rows known then, and who is in use."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.scored_model import actions, expect, policy_of, score, under_the_log
from kpi_gate.learning.scoring import ScoringError, probabilities
from kpi_gate.record.model_files import Model
from kpi_gate.run.champion import fetch_champion
from kpi_gate.run.context import Run
from kpi_gate.watch.batch_window import Batches, cut

Floats = NDArray[np.float64]
UNKNOWN = "unknown"  # in place of a champion that cannot be read


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
