"""What the terminal shows of long work: progress while it runs, then what came of it as a table."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kpi_gate.backtest.result import Backtest, Sweep
from kpi_gate.proof.adversaries import ADVERSARIES
from kpi_gate.proof.selftest import MARKS, Bout
from kpi_gate.report.backtest_wording import amount, between, caution, lead, overfit, sweep_rows

WIDTH = 100
STYLES = {"right": "", "wrong": "bold red", "not tried": "yellow"}


@contextmanager
def progress_bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr; it is told (done, of)."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def show_backtest(found: Backtest, sweep: Sweep | None) -> None:
    """Print the policies, and the what-if table where there is one."""
    console = Console(highlight=False, width=WIDTH)
    span = f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}, {len(found.ticks)} ticks"
    head = [f"{found.unit} net", "bounds", "over never", "regret", "gross", "promotions", "false"]
    rows = [
        (
            name,
            amount(policy.net.estimate),
            between(policy.net.lower, policy.net.upper) or "none",
            amount(policy.over_never.estimate, sign=True),
            amount(policy.regret),
            amount(policy.gross),
            str(policy.promotions),
            str(policy.false_promotions),
        )
        for name, policy in found.policies.items()
    ]
    console.print(_numbers(f"{found.title}: {span}", ["policy", *head], rows))
    console.print(Text(lead(found)))
    console.print(Text(caution(found)))
    if sweep is not None:
        console.print(_numbers("What if", *sweep_rows(sweep), wrap=True))
        console.print(Text(overfit(sweep)))


def _numbers(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool = False
) -> Table:
    """Return a table whose first column is text; other people's words are no markup."""
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(head):
        aligned: Literal["left", "right"] = "right" if place else "left"
        table.add_column(
            Text(name), justify=aligned, no_wrap=bool(place) and not wrap, overflow="fold"
        )
    for row in rows:
        table.add_row(*map(Text, row))
    return table


@contextmanager
def show_selftest(*, quiet: bool) -> Iterator[Callable[[Bout], None]]:
    """Show each adversary as it is dealt with, and at the end of the block all as a table."""
    bouts: list[Bout] = []
    console = Console(highlight=False, width=WIDTH, quiet=quiet)
    with console.status("training the reference champion ...") as status:

        def each(bout: Bout) -> None:
            bouts.append(bout)
            status.update(f"{len(bouts)}/{len(ADVERSARIES)}  {bout.name}")

        yield each
    table = Table(box=None, pad_edge=False)
    for name in ("", "adversary", "must be", "decided", "because of"):
        last = name == "because of"
        table.add_column(name, no_wrap=not last, overflow="fold")
    for bout in bouts:
        reason = bout.check or (bout.why if bout.answer != "right" else "every check passed")
        table.add_row(
            "✓" if bout.answer == "right" else MARKS[bout.answer],
            bout.name,
            bout.required,
            bout.got.replace("_", " "),
            Text(reason),
            style=STYLES[bout.answer],
        )
    console.print(table)
