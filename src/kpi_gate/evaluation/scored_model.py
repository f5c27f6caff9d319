"""Champion, candidate and anchor at work on the gate window."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
from kpi_gate.record.model_files import Model, ModelCard
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
MUST_SCORE = ("candidate", "challenger")  # the others stand in service for the rule of thumb


@dataclass(frozen=True)
class Side:
    """A contender at work on the gate window.

    Attributes:
        name: Such as `champion`.
        model: What it is and had seen.
        scores: Probability of outcome 1, shape `(n,)`; of logged choices `(n, levels)`.
        probability: Of outcome 1 under what was done, shape `(n,)`.
        action: 1 where it acts, shape `(n,)`; of logged choices, its chance of what the log chose.
        value: Money of each row before it is weighed, shape `(n,)`.
        failed: Marks the rows that it cannot score, where the baseline stands in, shape `(n,)`.
        fault: Which rows these are, and why; empty where there are none.
        amounts: What a second model expects of amounts that come with the outcome.
    """

    name: str
    model: Model
    scores: Floats
    probability: Floats
    action: Floats
    value: Floats
    failed: NDArray[np.bool_]
    fault: str = ""
    amounts: Amounts = field(default_factory=dict)

    @property
    def card(self) -> ModelCard:
        """Its policy and what it had seen."""
        return self.model.card

    @property
    def estimator(self) -> Any:
        """The estimator; None for the baseline."""
        return self.model.estimator


def make_side(
    name: str, model: Model, use_case: UseCase, gate: pd.DataFrame, rate: float | None
) -> Side:
    """Score the gate window with one side.

    A model in service that cannot score a row does what the business does without one.

    Args:
        name: Such as `champion`.
        model: The side's.
        use_case: The problem.
        gate: The rows.
        rate: Probability where nobody has one: the share of positive outcomes that the candidate
            has seen.

    Raises:
        ScoringError: If a candidate or challenger cannot score every row.
        ModelError: If it cannot be read.
    """
    shape = (len(gate),) if use_case.choices is None else (len(gate), len(use_case.choices.levels))
    scores, fault = np.full(shape, rate, dtype=np.float64), ""
    failed = np.zeros(len(gate), dtype=bool)
    if model.estimator is None:
        action, amounts = rule_of_thumb(use_case, gate), NO_AMOUNTS
    else:
        acted = work(name, model, use_case, gate, instead=scores)
        action, amounts = acted.action, acted.amounts
        scores, failed, fault = acted.scored.scores, acted.scored.failed, acted.scored.words
    probability = under_the_log(use_case, scores, gate)
    value = row_values(use_case, gate, action, use_case.settings.base_values())
    return Side(name, model, scores, probability, action, value, failed, fault, amounts)


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
    model: Model,
    use_case: UseCase,
    rows: pd.DataFrame,
    *,
    instead: Floats,
    seen: pd.DataFrame | None = None,
) -> Work:
    """Let a model act on the rows; where it cannot score, the baseline acts.

    Args:
        name: Which side it is.
        model: The model.
        use_case: The problem.
        rows: What is acted on.
        instead: The scores of a row that cannot be scored.
        seen: The same rows as the model sees them, where that is something else.

    Raises:
        ScoringError: If a candidate or challenger cannot score every row.
    """
    card, estimator = model.card, model.estimator
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
