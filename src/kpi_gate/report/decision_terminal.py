"""A decision on a terminal: in colour where there is one, in short or whole, and where to go on."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from kpi_gate.decision.verdict import Decision
from kpi_gate.report.decision_brief import WIDTH, brief
from kpi_gate.report.decision_text import table

TONES = {
    "PROMOTE": "bold green",
    "HOLD": "bold yellow",
    "INSUFFICIENT_EVIDENCE": "bold yellow",
    "AB_REQUIRED": "bold cyan",
    "REJECT": "bold red",
    "INVALID": "bold red",
}
ALL = "--all"  # the option that shows what passed too


def show_decision(decision: Decision, *, whole: bool, after: Iterable[str] = ()) -> None:
    """Print a decision.

    Args:
        decision: The decision.
        whole: Whether every check is shown, with all numbers.
        after: Lines that go on from there, such as where its page is.
    """
    console = Console(highlight=False)
    text = table(decision) if whole else brief(decision, ALL, columns(console))
    lines = Text("\n".join([text, *after]))
    lines.highlight_words([f"{decision.verdict.value}:"], TONES[decision.verdict.value])
    lines.highlight_regex(r"(?m)^  FAIL\b", "bold red")
    lines.highlight_regex(r"(?m)^  ok\b", "green")
    lines.highlight_regex(r"(?m)^(Money|Link|What would change it|Champion|Page|Run):", "bold")
    console.print(lines, soft_wrap=True)


def columns(console: Console) -> int:
    """Return the longest line: what the terminal has room for; in a pipe always the same."""
    return max(min(console.width, WIDTH), 40) if console.is_terminal else WIDTH
