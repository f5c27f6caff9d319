"""Taking a changed history for right, at the door."""

import typer

from kpi_gate.cli.options import Reason, UseCaseName


def accept_history(name: UseCaseName, reason: Reason = "") -> None:
    """Take what changed since the last tick for right, in the last snapshot alone; recorded."""
    from kpi_gate.release.accept_history import accept
    from kpi_gate.run.opening import held, last_tick

    run = last_tick(name)
    with held(run):
        entry = accept(run, reason)
    typer.echo(
        f"{name}: the history of snapshot {entry.body['snapshot'][:12]} is accepted. Go on with "
        f"`kpi-gate retrain {name} --as-of {run.as_of:%Y-%m-%dT%H:%M:%S}`."
    )
