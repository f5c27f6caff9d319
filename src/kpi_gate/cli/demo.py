"""Four ticks of the bank's real history through the real flow. `make demo` runs this.

The dates were chosen by looking at the data, the verdicts were not: they are what the gate says.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kpi_gate.environment import prepare_environment
from kpi_gate.orchestration.temporary_server import prefect_at_hand
from kpi_gate.record.ledger import open_ledger
from kpi_gate.record.prefect_key import meet_prefect
from kpi_gate.report.decision_brief import in_short, sure
from kpi_gate.report.decision_terminal import TONES
from kpi_gate.report.decision_wording import rival_in_short
from kpi_gate.report.numbers import money
from kpi_gate.workspace import Workspace

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.run.result import RetrainResult

USE_CASE = "campaign"
MARK = "demo"  # in the home: hash of the last ledger row that the demo wrote


class Tick(NamedTuple):
    """One moment of the story.

    Attributes:
        as_of: When the retraining runs.
        story: What is going on.
        in_cents: Month whose file arrives with its balances in cents; empty for none.
    """

    as_of: datetime
    story: str
    in_cents: str = ""


TICKS = (
    Tick(datetime(2008, 8, 1, tzinfo=UTC), "the first model, against calling everyone"),
    Tick(datetime(2009, 3, 1, tzinfo=UTC), "the crisis: January calls all lost money"),
    Tick(datetime(2009, 6, 1, tzinfo=UTC), "May's balances arrive in cents", in_cents="2009-05"),
    Tick(datetime(2009, 7, 1, tzinfo=UTC), "the world has changed: every third call succeeds"),
)


def main() -> None:
    """Play the ticks from an empty home and print the four decisions."""
    workspace = Workspace()
    prepare_environment(workspace.home)
    meet_prefect(workspace.home)
    begin_anew(workspace)
    console = Console(highlight=False, width=100)
    with ExitStack() as stack:
        with console.status("Starting Prefect, MLflow and DVC ..."):
            stack.enter_context(prefect_at_hand(workspace))
            from kpi_gate.usecase import discovery

            use_case = discovery.load(USE_CASE)
            raw = workspace.raw(USE_CASE)
            if use_case.fetch is not None:
                shutil.rmtree(raw, ignore_errors=True)
                use_case.fetch(raw)
        results = [_played(console, raw, number) for number in range(1, len(TICKS) + 1)]
    (workspace.home / MARK).write_text(open_ledger(workspace).entries()[-1].hash, encoding="utf-8")
    console.print(summary(results))
    console.print(
        "Look at it:  [bold].venv/bin/kpi-gate open campaign[/bold]   the newest decision's page\n"
        "             [bold]make ui[/bold]   MLflow with every decision, Prefect with every run\n"
        "Go on:       [bold].venv/bin/kpi-gate retrain campaign --as-of 2009-10-01[/bold]"
    )


def _played(console: Console, raw: Path, number: int) -> "RetrainResult":
    from flows.retrain import retrain
    from kpi_gate.orchestration.ending import call_flow

    tick = TICKS[number - 1]
    with (
        console.status(f"{number}/{len(TICKS)}  {tick.as_of:%Y-%m-%d}  {tick.story} ..."),
        month_in_cents(raw, tick.in_cents),
    ):
        found = call_flow(retrain, USE_CASE, tick.as_of, lambda _: None)
        result = cast("RetrainResult", found)
    verdict = result.decision.verdict
    console.print(f"{number}/{len(TICKS)}  {tick.as_of:%Y-%m-%d}  {verdict:<21}  {tick.story}")
    return result


def begin_anew(workspace: Workspace) -> None:
    """Clear what an earlier demo left in the home; a history of the owner's is never touched."""
    entries = open_ledger(workspace).entries()
    mark = workspace.home / MARK
    if entries and not (mark.exists() and mark.read_text(encoding="utf-8") == entries[-1].hash):
        raise SystemExit(
            f"demo: {workspace.home} holds {len(entries)} ledger rows that are not only the demo's."
            "\nPlay it elsewhere: KPI_GATE_HOME=.kpi-gate-demo make demo (and make ui)"
        )
    for name in ("ledger.db", "mlflow.db", "artifacts", "prefect", "quarantine"):
        path = workspace.home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def month_in_cents(raw: Path, month: str) -> Iterator[None]:
    """Deliver a month's file with its balances in cents, and the right one afterwards."""
    path = raw / f"{month}.csv"
    if not month:
        yield
        return
    original = path.read_bytes()
    calls = pd.read_csv(path)
    calls.assign(balance_eur=calls["balance_eur"] * 100).to_csv(path, index=False)
    try:
        yield
    finally:
        path.write_bytes(original)


def summary(results: "list[RetrainResult]") -> Table:
    """Return the four decisions as one table: what they bring, and one reason each."""
    unit = results[0].decision.unit
    table = Table(
        title="Four ticks of a bank's campaign", title_justify="left", box=None, pad_edge=False
    )
    table.add_column("as of", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column(f"{unit} a year", justify="right", no_wrap=True)
    table.add_column("why", ratio=1)
    for tick, result in zip(TICKS, results, strict=True):
        decision = result.decision
        booked = decision.money if decision.verdict == "PROMOTE" else None
        table.add_row(
            f"{tick.as_of:%Y-%m-%d}",
            Text(decision.verdict.value, style=TONES[decision.verdict.value]),
            "0" if booked is None else money(booked, "", sign=True).strip(),
            Text(_why(decision)),
        )
    return table


def _why(decision: "Decision") -> str:
    """Return one reason, without what is said of it further on."""
    if decision.gain is not None and decision.verdict == "PROMOTE":
        chance = sure(decision).partition(" of ")[0]
        return f"{chance} to earn more than the {rival_in_short(decision)}"
    return in_short(decision, decision.main_reasons[0]).partition(";")[0]


if __name__ == "__main__":
    main()
