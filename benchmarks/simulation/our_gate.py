"""Our gate in the same year: the real `decide`, asked wherever it could say PROMOTE."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.simulation.rivals import Promotion
from benchmarks.simulation.worlds import ERROR, Look
from kpi_gate.decision.checks.gain import booking_error, measure_gain
from kpi_gate.decision.checks.sufficiency import check_enough
from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.stats.paired_gain import Gain
from kpi_gate.decision.verdict import Decision, Verdict

MEASURES = {"candidate": {"action_rate": 0.5}}


def terms(min_loss_events: int = 0) -> GateSettings:
    """Return the terms of a sane owner; fewer replicates than usual, all else is the default."""
    objective = {
        "kpi": "profit",
        "unit": "EUR",
        "horizon_decisions": 10_000,
        "min_effect": 0.4 * ERROR,
        "switch_cost": 150,
        "min_loss_events": min_loss_events,
        "resamples": 2_000,
    }
    return GateSettings.model_validate(
        {"objective": objective, "guardrails": [{"measure": "action_rate", "at_most": 1.0}]}
    )


@dataclass(frozen=True)
class Sight:
    """What a look shows before any bootstrap.

    Attributes:
        gain: The gain with its bounds; `p_above_threshold` is meaningless.
        enough: Whether the evidence rules admit a decision.
    """

    gain: Gain
    enough: bool

    @property
    def may_pass(self) -> bool:
        """Whether PROMOTE is possible: it needs enough evidence and the lower bound."""
        return self.enough and self.gain.lower > self.gain.threshold


def see(look: Look, settings: GateSettings) -> Sight:
    """Measure a look by the gate's own code, with a single replicate of the bootstrap."""
    objective = settings.objective.model_copy(update={"resamples": 1})
    gain = measure_gain(look.rows, objective)
    checks = check_enough(gain, look.rows, settings.objective)
    return Sight(gain, not any(check.failed for check in checks))


def decision(look: Look, settings: GateSettings, past: Sequence[tuple[float, float]]) -> Decision:
    """Ask the gate."""
    return decide(Evidence(rows=look.rows, measures=MEASURES), settings, past)


@dataclass
class OurGate:
    """The gate with its ledger.

    Attributes:
        settings: Terms of the owner.
        ledger: (gain, standard error) of every look so far, also of the rejected ones.
        asked: How many looks needed the whole `decide`.
    """

    settings: GateSettings
    ledger: list[tuple[float, float]] = field(default_factory=list)
    asked: int = 0

    def judge(self, look: Look, sight: Sight | None = None) -> Promotion | None:
        """Judge a look and remember it."""
        sight = see(look, self.settings) if sight is None else sight
        answer = self._answer(look) if sight.may_pass else None
        self.remember(sight.gain)
        return answer

    def remember(self, gain: Gain) -> None:
        """Put a look into the ledger."""
        self.ledger.append((gain.estimate, booking_error(gain)))

    def _answer(self, look: Look) -> Promotion | None:
        self.asked += 1
        made = decision(look, self.settings, self.ledger)
        if made.verdict is not Verdict.PROMOTE or made.gain is None:
            return None
        return Promotion(look.truth, made.gain.estimate, made.gain.shrunk)
