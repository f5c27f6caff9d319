"""Retrain or skip: many may propose it, one rule decides, by what staleness costs in money."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.staleness import Staleness
from kpi_gate.decision.watch_settings import TriggerSettings
from kpi_gate.text import clean, number, total

Proposer = Literal["schedule", "drift", "health", "value", "person"]
Action = Literal["retrain", "skip"]
Rule = Literal[
    "person", "health", "cooldown", "no_champion", "max_age", "calendar", "money", "not_worth_it"
]


class Proposal(Frozen):
    """One proposal to retrain.

    Attributes:
        by: Who or what proposes it.
        reason: Why, in a sentence.
    """

    by: Proposer
    reason: str


class Choice(Frozen):
    """Whether to retrain, and why; a skip is recorded like a retraining.

    Attributes:
        action: `retrain` or `skip`.
        rule: The part of the rule that decided.
        reason: The same in sentences, with its money.
        proposals: Who proposed it.
        staleness: What staleness costs; None where it was not measured.
        switch_cost: Cost of one promotion, in `unit`.
        retrain_cost: Cost of one retraining, in `unit`.
        horizon_days: Days until the next retraining would come anyway.
        waiting_cost: What waiting so long would cost, in `unit`; None where it is not known.
        champion_age_days: Age of the champion's newest row; None where there is no champion.
        days_since_retrain: Days since the last retraining; None where there was none.
        unit: Unit of the KPI, such as EUR.
    """

    action: Action
    rule: Rule
    reason: str
    proposals: tuple[Proposal, ...]
    staleness: Staleness | None
    switch_cost: float
    retrain_cost: float
    horizon_days: float
    waiting_cost: float | None
    champion_age_days: float | None
    days_since_retrain: float | None
    unit: str


def choose(
    settings: TriggerSettings,
    proposals: Sequence[Proposal],
    staleness: Staleness | None,
    *,
    champion_age_days: float | None,
    days_since_retrain: float | None,
    switch_cost: float,
    unit: str,
) -> Choice:
    """Decide whether to retrain now.

    A person's word is followed. Ill health stops everything else, as a fault of the data also
    looks like a gain; so does the cooldown. Then a missing champion, its age, the calendar where
    it rules, and money lead to a retraining. Drift alone never does.

    Args:
        settings: The `trigger` section of the use case.
        proposals: Who proposes it, and why.
        staleness: What staleness costs; None where it was not measured.
        champion_age_days: Age of the champion's newest training row; None without a champion.
        days_since_retrain: Days since the last retraining, promoted or not; None without one.
        switch_cost: Cost of one promotion, the objective's.
        unit: Unit of the KPI, such as EUR.
    """
    money = _Money(settings, staleness, switch_cost)
    action, rule, why = next(
        _rules(settings, proposals, money, champion_age_days, days_since_retrain)
    )
    told = [why, f"{action.capitalize()}."]
    if rule in ("money", "not_worth_it"):
        told = [*money.told(), *told]
    return Choice(
        action=action,
        rule=rule,
        reason=" ".join(filter(None, told)),
        proposals=tuple(proposals),
        staleness=staleness,
        switch_cost=switch_cost,
        retrain_cost=settings.retrain_cost,
        horizon_days=settings.horizon_days,
        waiting_cost=money.waiting,
        champion_age_days=champion_age_days,
        days_since_retrain=days_since_retrain,
        unit=unit,
    )


@dataclass(frozen=True)
class _Money:
    """What waiting costs against what a retraining costs."""

    settings: TriggerSettings
    staleness: Staleness | None
    switch_cost: float

    @property
    def waiting(self) -> float | None:
        found = self.staleness
        if found is None or not found.is_known or found.shrunk is None:
            return None
        return found.shrunk * self.settings.horizon_days

    @property
    def cost(self) -> float:
        return self.settings.retrain_cost + self.switch_cost

    def why_not(self) -> str:
        """Say why money is no reason to retrain; empty where it is one."""
        if self.staleness is None or self.waiting is None:
            return "Without it, only the calendar and the greatest age lead to a retraining."
        if not self.waiting > self.cost:
            return "Waiting is cheaper."
        sure = self.staleness.lower is not None and self.staleness.lower > 0
        return "" if sure else "It may be chance: the lower bound is not above zero."

    def told(self) -> Iterator[str]:
        """Tell the numbers, each in a sentence."""
        if self.staleness is None:
            yield "What staleness costs was not measured."
            return
        yield self.staleness.sentence
        if self.waiting is not None:
            work = (
                "Retraining and promoting cost" if self.settings.retrain_cost else "Promoting costs"
            )
            yield f"{work} {total(self.cost)}."
            days = number(self.settings.horizon_days)
            yield f"Waiting {days} more days would cost {total(self.waiting)}."


def _rules(
    settings: TriggerSettings,
    proposals: Sequence[Proposal],
    money: _Money,
    age: float | None,
    since: float | None,
) -> Iterator[tuple[Action, Rule, str]]:
    """Yield (action, rule, why) of every rule that applies, the strongest first."""
    by = {proposal.by: proposal.reason for proposal in reversed(proposals)}
    if "person" in by:
        yield "retrain", "person", f"A person asks for it: {_ended(by['person'])}"
    if "health" in by:
        why = "a fault of the data looks like a gain, and is none"
        yield "skip", "health", f"Health comes first ({why}): {_ended(by['health'])}"
    cooldown = number(settings.cooldown_days)
    # not `<`: a number that is none must not pass for a long time
    if since is not None and not since >= settings.cooldown_days:
        ago = f"The last retraining was {number(since)} days ago"
        yield "skip", "cooldown", f"{ago}, {cooldown} must lie between two."
    if age is None:
        yield "retrain", "no_champion", "There is no champion yet."
    elif age > settings.max_age_days:
        most = f"{number(settings.max_age_days)} is the greatest age"
        yield "retrain", "max_age", f"The champion has seen nothing for {number(age)} days, {most}."
    if settings.when == "calendar" and "schedule" in by:
        yield "retrain", "calendar", f"The calendar rules: {_ended(by['schedule'])}"
    why_not = money.why_not()
    yield ("skip", "not_worth_it", why_not) if why_not else ("retrain", "money", "")


def _ended(words: str) -> str:
    told = clean(words).rstrip(". ")
    return f"{told}."
