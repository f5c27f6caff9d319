"""What became of a decision, and of a whole retraining."""

from dataclasses import dataclass

from kpi_gate.decision.retrain_rule import Choice
from kpi_gate.decision.verdict import Decision
from kpi_gate.record.ledger import Entry


@dataclass(frozen=True)
class Outcome:
    """What became of a decision, or of another act on an alias.

    Attributes:
        moved: Whether the alias points to the version now.
        words: The same in a sentence.
        refused: Whether this decision promotes nothing any more.
    """

    moved: bool
    words: str
    refused: bool = False


@dataclass(frozen=True)
class RetrainResult:
    """What a retraining came to.

    Attributes:
        entry: The decision, as the ledger holds it; None where it was not worth retraining.
        outcome: What became of the champion, in a sentence.
        repeated: Whether there was nothing new, and the decision is an earlier one.
        choice: Whether to retrain, as it was chosen on a schedule; None where the calendar rules.
    """

    entry: Entry | None
    outcome: str
    repeated: bool = False
    choice: Choice | None = None

    @property
    def decision(self) -> Decision:
        """The decision itself.

        Raises:
            ValueError: If there is none.
        """
        if self.entry is None:
            raise ValueError("nothing was decided: it was not worth retraining")
        return Decision.model_validate(self.entry.body["decision"])
