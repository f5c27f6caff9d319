"""Candidates that must not pass, and one that must: what `kpi-gate selftest` lets loose.

Each adversary is one small function of the arena whose answer is the gate's decision; its first
line says what it does. To add one, write the function and a line in `ADVERSARIES`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.proof import lookahead, tampered_evidence, weak_candidates
from kpi_gate.proof.harness import Arena

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
    Adversary(weak_candidates.oracle, (PROMOTE,)),
    Adversary(weak_candidates.identical_twin, (TOO_LITTLE,)),
    Adversary(weak_candidates.random_scores, NO_GAIN),
    Adversary(weak_candidates.inverted, NO_GAIN),
    Adversary(weak_candidates.constant, NO_GAIN),
    Adversary(weak_candidates.miscalibrated, NO_GAIN),
    Adversary(tampered_evidence.not_a_number, (INVALID,)),
    Adversary(tampered_evidence.percent_for_probability, (INVALID,)),
    Adversary(tampered_evidence.trained_on_the_gate, (INVALID,)),
    Adversary(tampered_evidence.trained_on_one_gate_row, (INVALID,)),
    Adversary(lookahead.future_feature, (INVALID,)),
    Adversary(lookahead.feature_is_the_outcome, (INVALID,)),
    Adversary(lookahead.value_from_the_future, (INVALID,)),
    Adversary(lookahead.rule_of_thumb_from_the_future, (INVALID,)),
    Adversary(weak_candidates.slice_saboteur, (REJECT,)),
    Adversary(weak_candidates.rare_big_losses, NO_GAIN),
    Adversary(weak_candidates.one_lucky_unit, NO_GAIN),
    Adversary(tampered_evidence.wrong_currency_unit, (INVALID,)),
    Adversary(weak_candidates.ten_times_slower, (REJECT,)),
    Adversary(weak_candidates.refit_unlike_its_twin, (PROMOTE,)),
    Adversary(tampered_evidence.unserialisable, (INVALID,)),
    Adversary(tampered_evidence.unloadable_champion, (INVALID,)),
    Adversary(tampered_evidence.other_schema, (INVALID,)),
    Adversary(tampered_evidence.no_guardrails, (INVALID,)),
    Adversary(tampered_evidence.last_months_evidence, (INVALID,)),
    Adversary(tampered_evidence.redated_evidence, (INVALID,)),
    Adversary(tampered_evidence.other_snapshot, (INVALID,)),
    Adversary(tampered_evidence.repeated_rows, (INVALID,)),
    Adversary(tampered_evidence.immature_outcomes, (INVALID,)),
    Adversary(tampered_evidence.no_experiment, (Verdict.AB_REQUIRED,)),
)
