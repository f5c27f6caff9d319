"""Candidates that must not pass, and one that must: what `kpi-gate selftest` lets loose.

Each adversary is one small function of the arena whose answer is the gate's decision; its first
line says what it does. To add one, write the function and a line in `ADVERSARIES`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.proof import false_evidence, foreknowing, weak_models
from kpi_gate.proof.arena import Arena

INVALID, REJECT, PROMOTE = Verdict.INVALID, Verdict.REJECT, Verdict.PROMOTE
TOO_LITTLE = Verdict.INSUFFICIENT_EVIDENCE
NO_GAIN = (REJECT, Verdict.HOLD, TOO_LITTLE)


@dataclass(frozen=True)
class Adversary:
    """One attack, and the answers that count as right.

    Attributes:
        attack: Function of the arena; returns the gate's decision.
        must: Verdicts that are right.
    """

    attack: Callable[[Arena], Decision]
    must: tuple[Verdict, ...]

    @property
    def name(self) -> str:
        """Name of the attack, in words."""
        return self.attack.__name__.replace("_", " ")

    @property
    def words(self) -> str:
        """What it does."""
        return str(self.attack.__doc__).splitlines()[0].rstrip(".")


ADVERSARIES = (
    Adversary(weak_models.oracle, (PROMOTE,)),
    Adversary(weak_models.identical_twin, (TOO_LITTLE,)),
    Adversary(weak_models.random_scores, NO_GAIN),
    Adversary(weak_models.inverted, NO_GAIN),
    Adversary(weak_models.constant, NO_GAIN),
    Adversary(weak_models.miscalibrated, NO_GAIN),
    Adversary(false_evidence.not_a_number, (INVALID,)),
    Adversary(false_evidence.percent_for_probability, (INVALID,)),
    Adversary(false_evidence.trained_on_the_gate, (INVALID,)),
    Adversary(false_evidence.trained_on_one_gate_row, (INVALID,)),
    Adversary(foreknowing.future_feature, (INVALID,)),
    Adversary(foreknowing.feature_is_the_outcome, (INVALID,)),
    Adversary(foreknowing.value_from_the_future, (INVALID,)),
    Adversary(foreknowing.rule_of_thumb_from_the_future, (INVALID,)),
    Adversary(weak_models.slice_saboteur, (REJECT,)),
    Adversary(weak_models.rare_big_losses, NO_GAIN),
    Adversary(weak_models.one_lucky_unit, NO_GAIN),
    Adversary(false_evidence.wrong_currency_unit, (INVALID,)),
    Adversary(weak_models.ten_times_slower, (REJECT,)),
    Adversary(false_evidence.unserialisable, (INVALID,)),
    Adversary(false_evidence.unloadable_champion, (INVALID,)),
    Adversary(false_evidence.other_schema, (INVALID,)),
    Adversary(false_evidence.no_guardrails, (INVALID,)),
    Adversary(false_evidence.last_months_evidence, (INVALID,)),
    Adversary(false_evidence.redated_evidence, (INVALID,)),
    Adversary(false_evidence.other_snapshot, (INVALID,)),
    Adversary(false_evidence.repeated_rows, (INVALID,)),
    Adversary(false_evidence.immature_outcomes, (INVALID,)),
    Adversary(false_evidence.no_experiment, (Verdict.AB_REQUIRED,)),
)
