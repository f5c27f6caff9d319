"""What runs until Ctrl-C: the schedule, and the pages of MLflow and Prefect."""

import os
import sys
from typing import Annotated

import typer

from kpi_gate.cli.call_checks import this_workspace

Port = Annotated[int, typer.Option(min=1, max=65535)]


def schedule() -> None:
    """Serve every use case's flow on its cron expression, until Ctrl-C; needs a Prefect server.

    Examples:
        kpi-gate ui
        PREFECT_API_URL=http://127.0.0.1:4200/api kpi-gate schedule
    """
    from kpi_gate.workspace import UnreachableError

    if not os.environ.get("PREFECT_API_URL"):
        raise UnreachableError(
            "a schedule needs a Prefect server: start `kpi-gate ui`, or set PREFECT_API_URL"
        )
    from kpi_gate.orchestration import work_pools
    from kpi_gate.orchestration.waiting import wait_for_server

    workspace = this_workspace()
    os.chdir(workspace.root)  # processes that run a flow find the project's code from there
    work_pools.follow(workspace.root)
    wait_for_server()  # who we are is read by Prefect when it is imported
    from kpi_gate.orchestration.schedule import serve_all

    serve_all()


def ui(mlflow_port: Port = 5000, prefect_port: Port = 4200) -> None:
    """Show runs and flows: MLflow and Prefect on loopback, until Ctrl-C.

    Examples:
        kpi-gate ui
        kpi-gate ui --mlflow-port 5001 --prefect-port 4201
    """
    if mlflow_port == prefect_port:
        raise typer.BadParameter(f"both pages ask for port {mlflow_port}; give two")
    from kpi_gate.orchestration.servers.pages import serve_pages
    from kpi_gate.record.prefect_key import key_file, read_key

    workspace = this_workspace()

    def ready(pages: str, flows: str) -> None:
        kept = workspace.shown(key_file(workspace.home))
        shown = f"with {read_key(workspace.home)}   kept in" if sys.stdout.isatty() else "with"
        typer.echo(f"MLflow   {pages}   decisions, models, money\nPrefect  {flows}   flow runs")
        typer.echo(f"Sign in  to Prefect {shown} {kept}, which only you can read")
        typer.echo(f"State    {workspace.home}   Ctrl-C stops both")

    serve_pages(workspace, mlflow_port, prefect_port, ready)
