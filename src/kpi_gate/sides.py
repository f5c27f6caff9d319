"""Champion, candidate and anchor at work on the gate window."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.learning.choices import choice_scores
from kpi_gate.learning.policy import Policy
from kpi_gate.learning.scoring import ScoringError, act, probabilities
from kpi_gate.stores.models import MODEL_FILE, ModelCard, load_model
from kpi_gate.usecase import UseCase
from kpi_gate.valuation import row_values

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """A contender at work on the gate window.

    Attributes:
        card: What it is and had seen.
        scores: Probability of outcome 1, shape `(n,)`; of logged choices `(n, levels)`.
        probability: Of outcome 1 under what was done, shape `(n,)`.
        action: 1 where it acts, shape `(n,)`; of logged choices, its chance of what the log chose.
        value: Money of each row before it is weighed, shape `(n,)`.
        estimator: The model; None for the baseline.
        size_mb: Size of the model file.
        folder: Where its files lie.
    """

    card: ModelCard
    scores: Floats
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
        shape = (
            (len(gate),) if use_case.choices is None else (len(gate), len(use_case.choices.levels))
        )
        scores = np.full(shape, candidate.outcome_rate, dtype=np.float64)
        action = np.asarray(use_case.baseline(gate), dtype=np.float64)
    else:
        path = folder / MODEL_FILE
        estimator, size = load_model(path, use_case.trusted_types), path.stat().st_size / 1e6
        try:
            scores = score(estimator, gate, card.features, use_case)
        except ScoringError as error:
            raise ScoringError(
                f"the {name} ({card.contender.name}) cannot score: {error}"
            ) from error
        action = actions(policy_of(card), use_case, scores, gate)
    probability = under_the_log(use_case, scores, gate)
    value = row_values(use_case, gate, action, parameters)
    return Side(card, scores, probability, action, value, estimator, size, folder)


def score(estimator: Any, rows: pd.DataFrame, features: Sequence[str], use_case: UseCase) -> Floats:
    """Return the probabilities of outcome 1; of logged choices under each of them.

    Raises:
        ScoringError: If the estimator fails, or gives no probabilities.
    """
    if use_case.choices is not None:
        if rows.empty:
            return np.empty((0, len(use_case.choices.levels)))
        return choice_scores(estimator, rows, features, use_case.choices)
    return probabilities(estimator, rows, features) if len(rows) else np.empty(0)


def actions(policy: Policy, use_case: UseCase, scores: Floats, rows: pd.DataFrame) -> Floats:
    """Return the policy's actions on the rows, shape `(n,)`."""
    return act(policy, use_case.value, scores, rows, use_case.choices)


def under_the_log(use_case: UseCase, scores: Floats, rows: pd.DataFrame) -> Floats:
    """Return the probabilities of what was done, shape `(n,)`."""
    return scores if use_case.choices is None else use_case.choices.of_the_log(scores, rows)


def policy_of(card: ModelCard) -> Policy:
    """Return the policy that goes with a model."""
    if card.policy is None:
        raise ScoringError(f"{card.contender.name} has no policy")
    return card.policy
