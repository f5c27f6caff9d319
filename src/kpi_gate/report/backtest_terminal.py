"""A backtest in the terminal: a progress bar while it is played, then the policies as a table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from kpi_gate.backtest.result import Backtest, Sweep
from kpi_gate.report.backtest_wording import amount, lead, overfit, sweep_rows

WIDTH = 100


@contextmanager
def bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr; it is told (done, of)."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(words, total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        yield told


def show(found: Backtest, sweep: Sweep | None) -> None:
    """Print the policies, and the what-if table where there is one."""
    console = Console(highlight=False, width=WIDTH)
    console.print(_policies(found))
    console.print(Text(lead(found)))
    if sweep is not None:
        console.print(_sweep(sweep))
        console.print(Text(overfit(sweep)))


def _policies(found: Backtest) -> Table:
    title = (
        f"{found.title}: {found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}, {len(found.ticks)} ticks"
    )
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("policy")
    for name in (f"{found.unit} in all", "bounds", "over never", "regret", "promotions", "false"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    for name, policy in found.shown.items():
        known = policy.lower is not None and policy.upper is not None
        table.add_row(
            name,
            amount(policy.kpi),
            f"{amount(policy.lower)} to {amount(policy.upper)}" if known else "none",
            amount(policy.over_never.estimate, sign=True),
            amount(policy.regret),
            str(policy.promotions),
            str(policy.false_promotions),
        )
    return table


def _sweep(sweep: Sweep) -> Table:
    head, rows = sweep_rows(sweep)
    table = Table(title="What if", title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(head):
        table.add_column(Text(name), justify="right" if place else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
