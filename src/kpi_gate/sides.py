"""Champion, candidate and anchor at work on the gate window."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.learning.policy import Policy
from kpi_gate.learning.scoring import ScoringError, act, probabilities
from kpi_gate.stores.models import MODEL_FILE, ModelCard, load_model
from kpi_gate.usecase import UseCase

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """A contender at work on the gate window.

    Attributes:
        card: What it is and had seen.
        probability: Of outcome 1, shape `(n,)`.
        action: 1 where it acts, shape `(n,)`.
        value: Money per decision, shape `(n,)`.
        estimator: The model; None for the baseline.
        size_mb: Size of the model file.
        folder: Where its files lie.
    """

    card: ModelCard
    probability: Floats
    action: Floats
    value: Floats
    estimator: Any
    size_mb: float
    folder: Path


def side_folders(work: Path) -> dict[str, Path]:
    """Return where the files of each side lie; the anchor only where there is one."""
    folders = {"champion": work / "champion", "candidate": work / "candidate"}
    anchor = work / "champion" / "anchor"
    return {**folders, "anchor": anchor} if anchor.exists() else folders


def make_side(
    name: str, folder: Path, use_case: UseCase, gate: pd.DataFrame, candidate: ModelCard
) -> Side:
    """Score the gate window with one side.

    Raises:
        ScoringError: If it cannot score.
        ModelError: If it cannot be read.
    """
    card = ModelCard.read(folder)
    parameters = use_case.settings.base_values()
    if card.contender.is_baseline:
        estimator, size = None, 0.0
        probability = np.full(len(gate), candidate.outcome_rate, dtype=np.float64)
        action = np.asarray(use_case.baseline(gate), dtype=np.float64)
    else:
        path = folder / MODEL_FILE
        estimator, size = load_model(path, use_case.trusted_types), path.stat().st_size / 1e6
        try:
            probability = score(estimator, gate, card)
        except ScoringError as error:
            raise ScoringError(
                f"the {name} ({card.contender.name}) cannot score: {error}"
            ) from error
        action = act(policy_of(card), use_case.value, probability, gate)
    value = use_case.value.value(action, gate["outcome"].to_numpy(dtype=float), gate, parameters)
    return Side(card, probability, action, value, estimator, size, folder)


def score(estimator: Any, rows: pd.DataFrame, card: ModelCard) -> Floats:
    """Return the probabilities of outcome 1; none of no rows."""
    return probabilities(estimator, rows, card.features) if len(rows) else np.empty(0)


def policy_of(card: ModelCard) -> Policy:
    """Return the policy that goes with a model."""
    if card.policy is None:
        raise ScoringError(f"{card.contender.name} has no policy")
    return card.policy
