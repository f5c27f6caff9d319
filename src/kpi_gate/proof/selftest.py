"""Is this gate shut and open where it must be? Asked with the use case's own data."""

from collections.abc import Callable
from typing import Literal

import pandas as pd

from kpi_gate.decision.frozen import Frozen
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.proof.adversaries import ADVERSARIES, NO_GAIN, Adversary
from kpi_gate.proof.harness import Arena, CannotTryError, open_arena
from kpi_gate.render import render
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal

Answer = Literal["right", "wrong", "not tried"]
MARKS = {"right": "✓ right", "wrong": "✗ WRONG", "not tried": "– not tried"}


class Bout(Frozen):
    """What the gate said to one adversary.

    Attributes:
        name: The adversary.
        words: What it does.
        must: Verdicts that are right.
        got: What the gate decided; empty where the adversary could not be built.
        check: Name of the check that decided; empty where all passed.
        why: The decision in a sentence, or why there was none.
        answer: Whether the gate was right.
    """

    name: str
    words: str
    must: tuple[str, ...]
    got: str
    check: str = ""
    why: str
    answer: Answer

    @property
    def required(self) -> str:
        """The right verdicts in words."""
        words = (word.removesuffix("_EVIDENCE") for word in self.must)
        return "not PROMOTE" if self.must == NO_GAIN else " or ".join(words)


class SelfTest(Frozen):
    """The gate's answers to all adversaries.

    Attributes:
        use_case: Whose gate.
        as_of: Moment of the rows it was asked with.
        rows: Decisions in the gate window.
        bouts: One for each adversary.
    """

    use_case: str
    as_of: str
    rows: int
    bouts: tuple[Bout, ...]

    @property
    def passed(self) -> bool:
        """Whether every adversary that could be built got the decision that it must get."""
        return bool(self.bouts) and all(bout.answer != "wrong" for bout in self.bouts)

    def count(self, answer: Answer) -> int:
        """Count the bouts that ended so."""
        return sum(bout.answer == answer for bout in self.bouts)

    def sentence(self) -> str:
        """Say how it went."""
        wrong = [bout.name for bout in self.bouts if bout.answer == "wrong"]
        left = self.count("not tried")
        tail = f", {left} could not be tried" if left else ""
        if wrong:
            return f"the gate decided wrong on {', '.join(wrong)}"
        return f"{self.count('right')} of {len(self.bouts)} adversaries decided right{tail}"

    def to_html(self) -> str:
        """Render the answers as one self-contained page."""
        return render(self, "html")


def run_selftest(
    run: Run, rows: pd.DataFrame, each: Callable[[Bout], None] = lambda bout: None
) -> SelfTest:
    """Let every adversary ask the gate for promotion.

    Args:
        run: The use case and the moment.
        rows: All rows that were known then.
        each: Called after each bout, to show progress.

    Raises:
        Refusal: If there is too little data to train the reference champion on.
    """
    bouts = []
    with open_arena(run, rows) as arena:
        for adversary in ADVERSARIES:
            bouts.append(fight(adversary, arena))
            each(bouts[-1])
        return SelfTest(
            use_case=run.name,
            as_of=run.as_of.isoformat(),
            rows=len(arena.gate),
            bouts=tuple(bouts),
        )


def fight(adversary: Adversary, arena: Arena) -> Bout:
    """Let one adversary ask; what stops it before the gate is no verdict and counts as wrong."""
    answer: Answer
    check = ""
    try:
        decision = adversary.attack(arena)
        refit, got, why = decision.refit, decision.verdict.value, decision.reason
        reasons = decision.main_reasons
        if refit is not None:
            why, reasons = refit.sentence, tuple(c for c in refit.checks if c.failed)
        check = next((c.name.replace("_", " ") for c in reasons), "")
        # of no adversary another model than the one that was measured may be promoted
        right = decision.verdict in adversary.must and not (refit and refit.agrees)
        answer = "right" if right else "wrong"
    except CannotTryError as error:
        got, why, answer = "", str(error), "not tried"
    except (Refusal, ScoringError) as error:
        got, why, answer = "", f"stopped: {error}", "wrong"
    return Bout(
        name=adversary.name,
        words=adversary.words,
        must=tuple(verdict.value for verdict in adversary.must),
        got=got,
        check=check,
        why=why,
        answer=answer,
    )
