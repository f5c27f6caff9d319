"""The self-test in the terminal: each adversary as it is dealt with, then all as a table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kpi_gate.proof.adversaries import ADVERSARIES
from kpi_gate.proof.selftest import MARKS, Bout
from kpi_gate.text import shorten

WIDTH = 100
STYLES = {"right": "", "wrong": "bold red", "not tried": "yellow"}


@contextmanager
def show(*, quiet: bool) -> Iterator[Callable[[Bout], None]]:
    """Show progress while the block runs, and the table at its end."""
    bouts: list[Bout] = []
    console = Console(highlight=False, width=WIDTH, quiet=quiet)
    with console.status("training the reference champion ...") as status:

        def each(bout: Bout) -> None:
            bouts.append(bout)
            status.update(f"{len(bouts)}/{len(ADVERSARIES)}  {bout.name}")

        yield each
    console.print(_table(bouts))


def _table(bouts: list[Bout]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", "adversary", "must be", "decided", "because of"):
        table.add_column(name, no_wrap=True)
    for bout in bouts:
        reason = bout.check or (bout.why if bout.answer != "right" else "every check passed")
        table.add_row(
            "✓" if bout.answer == "right" else MARKS[bout.answer],
            bout.name,
            bout.required,
            bout.got.replace("_", " "),
            Text(shorten(reason, 28)),  # other people's words are no markup
            style=STYLES[bout.answer],
        )
    return table
