"""Taking a changed history for right, at the door."""

import typer

from kpi_gate.cli.options import Reason, UseCaseName


def accept_history(name: UseCaseName, reason: Reason = "") -> None:
    """Take what changed since the last tick for right, in the last snapshot alone; recorded."""
    from kpi_gate.record.lock import one_at_a_time
    from kpi_gate.release.accept_history import accept
    from kpi_gate.run.context import same_tick
    from kpi_gate.usecase import discovery
    from kpi_gate.workspace import Place

    run = same_tick(discovery.load(name), Place())
    with one_at_a_time(run.place, name):
        entry = accept(run, reason)
    typer.echo(
        f"{name}: the history of snapshot {entry.body['snapshot'][:12]} is accepted. Go on with "
        f"`kpi-gate retrain {name} --as-of {run.as_of:%Y-%m-%dT%H:%M:%S}`."
    )
