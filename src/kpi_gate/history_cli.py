"""Taking a changed history for right, at the door."""

import typer

from kpi_gate.words_cli import Reason, UseCaseName


def accept_history(name: UseCaseName, reason: Reason = "") -> None:
    """Take what changed since the last tick for right, in the last snapshot alone; recorded."""
    from kpi_gate import usecases
    from kpi_gate.data.accepting import accept
    from kpi_gate.run.context import same_tick
    from kpi_gate.stores.lock import one_at_a_time
    from kpi_gate.stores.settings import Place

    run = same_tick(usecases.load(name), Place())
    with one_at_a_time(run.place, name):
        entry = accept(run, reason)
    typer.echo(
        f"{name}: the history of snapshot {entry.body['snapshot'][:12]} is accepted. Go on with "
        f"`kpi-gate retrain {name} --as-of {run.as_of:%Y-%m-%dT%H:%M:%S}`."
    )
