"""What a look at a champion works on: the rows known then, and who is in use."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.scored_model import actions, expect, policy_of, score, under_the_log
from kpi_gate.learning.scoring import ScoringError, probabilities
from kpi_gate.record import ledger_view, model_files
from kpi_gate.record.model_files import ModelCard
from kpi_gate.run.champion import freeze_champion
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
        quarantined: Days that count for nothing.
        version: Who was in use when the look began, as the ledger says; empty for the baseline.
    """

    run: Run
    rows: pd.DataFrame
    quarantined: frozenset[date]
    version: str = field(init=False)

    def __post_init__(self) -> None:
        """Note who is in use before anything is read."""
        said = ledger_view.read(self.run.ledger.entries(self.run.name))
        object.__setattr__(self, "version", said.champion)

    @cached_property
    def batches(self) -> Batches:
        """The rows that are looked at, and the good ones before."""
        days = self.run.use_case.settings.monitor.reference_days
        return cut(self.rows, self.run.as_of, days, self.quarantined)

    @cached_property
    def champion(self) -> ModelCard:
        """Fetch the champion in use into the watch's folder.

        Raises:
            Refusal: If it cannot be read.
        """
        return freeze_champion(self.run)

    @property
    def folder(self) -> Path:
        """Folder of the champion's files."""
        return self.run.work / "champion"

    @cached_property
    def estimator(self) -> Any:
        """The champion's model; None for the baseline.

        Raises:
            ModelError: If it cannot be loaded.
        """
        if self.champion.contender.is_baseline:
            return None
        return model_files.load_model(
            self.folder / model_files.MODEL_FILE, self.run.use_case.trusted_types
        )

    def probability(self, rows: pd.DataFrame) -> Floats:
        """Return the champion's probabilities, shape `(n,)`."""
        return probabilities(self.estimator, rows, self.champion.features)

    def act(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return the champion's probabilities of what was done, and its actions.

        Raises:
            ScoringError: If the rows cannot be scored, or lack what the policy reads.
        """
        use_case, card = self.run.use_case, self.champion
        try:
            scores = score(self.estimator, rows, card.features, use_case)
            amounts = expect(self.estimator, rows, card.features, use_case)
            done = actions(policy_of(card), use_case, scores, rows, amounts)
            return under_the_log(use_case, scores, rows), done
        except KeyError as error:
            raise ScoringError(f"the rows have no column {error}") from error


def days_of_window(start: datetime, end: datetime) -> frozenset[date]:
    """Return the days in UTC from one midnight to another."""
    count = round((end - start) / timedelta(days=1))
    return frozenset((start + timedelta(days=k)).date() for k in range(count))
