"""Champion, candidate and anchor at work on the gate window."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.valuation import row_values
from kpi_gate.evaluation.views import at_decision, rule_of_thumb, seen_by
from kpi_gate.learning.expected import NO_AMOUNTS, AmountError, Amounts, Expected
from kpi_gate.learning.logged_choices import choice_scores
from kpi_gate.learning.policy import Policy
from kpi_gate.learning.row_scoring import PartlyScored, score_partly
from kpi_gate.learning.scoring import ScoringError, act, probabilities
from kpi_gate.record.model_files import MODEL_FILE, ModelCard, load_model
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
MUST_SCORE = ("candidate", "challenger")  # the others stand in service for the rule of thumb


@dataclass(frozen=True)
class Side:
    """A contender at work on the gate window.

    Attributes:
        name: Such as `champion`.
        card: What it is and had seen.
        scores: Probability of outcome 1, shape `(n,)`; of logged choices `(n, levels)`.
        probability: Of outcome 1 under what was done, shape `(n,)`.
        action: 1 where it acts, shape `(n,)`; of logged choices, its chance of what the log chose.
        value: Money of each row before it is weighed, shape `(n,)`.
        estimator: The model; None for the baseline.
        size_mb: Size of the model file.
        folder: Where its files lie.
        amounts: What a second model expects of amounts that come with the outcome.
        failed: Marks the rows that it cannot score, where the baseline stands in, shape `(n,)`.
        fault: Which rows these are, and why; empty where there are none.
    """

    name: str
    card: ModelCard
    scores: Floats
    probability: Floats
    action: Floats
    value: Floats
    estimator: Any
    size_mb: float
    folder: Path
    failed: NDArray[np.bool_]
    fault: str = ""
    amounts: Amounts = field(default_factory=dict)


def side_folders(work: Path) -> dict[str, Path]:
    """Return where the files of each side lie; the anchor only where there is one."""
    folders = {"champion": work / "champion", "candidate": work / "candidate"}
    anchor = work / "champion" / "anchor"
    return {**folders, "anchor": anchor} if anchor.exists() else folders


def make_side(
    name: str, folder: Path, use_case: UseCase, gate: pd.DataFrame, candidate: ModelCard
) -> Side:
    """Score the gate window with one side.

    A model in service that cannot score a row does what the business does without one.

    Raises:
        ScoringError: If a candidate or challenger cannot score every row.
        ModelError: If it cannot be read.
    """
    card = ModelCard.read(folder)
    shape = (len(gate),) if use_case.choices is None else (len(gate), len(use_case.choices.levels))
    scores = np.full(shape, candidate.outcome_rate, dtype=np.float64)
    estimator, size, fault = None, 0.0, ""
    failed = np.zeros(len(gate), dtype=bool)
    if card.contender.is_baseline:
        action, amounts = rule_of_thumb(use_case, gate), NO_AMOUNTS
    else:
        path = folder / MODEL_FILE
        estimator, size = load_model(path, use_case.trusted_types), path.stat().st_size / 1e6
        acted = work(name, card, estimator, use_case, gate, instead=scores)
        action, amounts = acted.action, acted.amounts
        scores, failed, fault = acted.scored.scores, acted.scored.failed, acted.scored.words
    probability = under_the_log(use_case, scores, gate)
    value = row_values(use_case, gate, action, use_case.settings.base_values())
    return Side(
        name,
        card,
        scores,
        probability,
        action,
        value,
        estimator,
        size,
        folder,
        failed,
        fault,
        amounts,
    )


@dataclass(frozen=True)
class Work:
    """What a model does on rows.

    Attributes:
        action: As a side's.
        scored: The scores behind it, and the rows where the baseline acted for want of one.
        amounts: What a second model expects of amounts; zero where the baseline acted.
    """

    action: Floats
    scored: PartlyScored
    amounts: Amounts


def work(
    name: str,
    card: ModelCard,
    estimator: Any,
    use_case: UseCase,
    rows: pd.DataFrame,
    *,
    instead: Floats,
    seen: pd.DataFrame | None = None,
) -> Work:
    """Let a model act on the rows; where it cannot score, the baseline acts.

    Args:
        name: Which side it is.
        card: The model's.
        estimator: The model.
        use_case: The problem.
        rows: What is acted on.
        instead: The scores of a row that cannot be scored.
        seen: The same rows as the model sees them, where that is something else.

    Raises:
        ScoringError: If a candidate or challenger cannot score every row.
    """
    policy, seen = policy_of(card), rows if seen is None else seen

    def whole(part: pd.DataFrame) -> Floats:
        expect(estimator, part, card.features, use_case)
        return score(estimator, part, card.features, use_case)

    found = score_partly(whole, seen, card.features, instead)
    if found.words and name in MUST_SCORE:
        raise ScoringError(f"the {name} ({card.contender.name}) cannot score {found.words}")
    scored = ~found.failed
    amounts = expect(estimator, seen[scored], card.features, use_case)
    acted = actions(policy, use_case, found.scores[scored], rows[scored], amounts)
    if scored.all():
        return Work(acted, found, amounts)
    action = rule_of_thumb(use_case, rows).copy()
    action[scored] = acted
    spread = {
        each: Expected(*(_spread(known, scored) for known in pair))
        for each, pair in amounts.items()
    }
    return Work(action, found, spread)


def _spread(known: Floats, marked: NDArray[np.bool_]) -> Floats:
    """Return numbers of some rows as numbers of all, zero elsewhere."""
    whole = np.zeros(marked.size)
    whole[marked] = known
    return whole


def score(estimator: Any, rows: pd.DataFrame, features: Sequence[str], use_case: UseCase) -> Floats:
    """Return the probabilities of outcome 1; of logged choices under each of them.

    Raises:
        ScoringError: If the estimator fails, or gives no probabilities.
    """
    view = at_decision(use_case, rows, features)
    if use_case.choices is not None:
        if rows.empty:
            return np.empty((0, len(use_case.choices.levels)))
        with seen_by(use_case, "choices.retell", rows, view):
            return choice_scores(estimator, view, features, use_case.choices)
    return probabilities(estimator, view, features) if len(rows) else np.empty(0)


def expect(
    estimator: Any, rows: pd.DataFrame, features: Sequence[str], use_case: UseCase
) -> Amounts:
    """Return what a model expects of the amounts that come with the outcome.

    Raises:
        ScoringError: If the policy needs one that the model does not know, or the model fails.
    """
    times = use_case.times
    wanted = [name for name in times.late_amounts if name not in times.expected]
    if not wanted or not times.weighed or rows.empty:
        return NO_AMOUNTS
    missing = [name for name in wanted if name not in getattr(estimator, "amounts", ())]
    if missing:
        raise ScoringError(f"it has no model of {', '.join(missing)}, which the policy needs")
    try:
        found: Amounts = estimator.expect(at_decision(use_case, rows, features)[list(features)])
    except (AmountError, KeyError) as error:
        raise ScoringError(str(error)) from error
    return found


def actions(
    policy: Policy,
    use_case: UseCase,
    scores: Floats,
    rows: pd.DataFrame,
    amounts: Amounts = NO_AMOUNTS,
) -> Floats:
    """Return the policy's actions on the rows, shape `(n,)`.

    Args:
        policy: Rule.
        use_case: Says what the policy may read of the rows.
        scores: As `score` gives them.
        rows: The rows; only what was known at the decision is looked at.
        amounts: As `expect` gives them.
    """
    view = at_decision(use_case, rows)
    with seen_by(use_case, "choices.retell", rows, view):
        return act(
            policy, use_case.value, scores, view, use_case.choices, use_case.expected, amounts
        )


def under_the_log(use_case: UseCase, scores: Floats, rows: pd.DataFrame) -> Floats:
    """Return the probabilities of what was done, shape `(n,)`."""
    return scores if use_case.choices is None else use_case.choices.of_the_log(scores, rows)


def policy_of(card: ModelCard) -> Policy:
    """Return the policy that goes with a model."""
    if card.policy is None:
        raise ScoringError(f"{card.contender.name} has no policy")
    return card.policy
