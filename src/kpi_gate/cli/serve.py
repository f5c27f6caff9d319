"""What runs until Ctrl-C: the server of decisions, the schedule, the pages of MLflow, Prefect."""

import os
import sys
from ipaddress import ip_address
from typing import Annotated

import typer

from kpi_gate.cli.call_checks import this_workspace

Port = Annotated[int, typer.Option(min=1, max=65535)]


def serve(  # noqa: PLR0913, PLR0917  (options of the command line)
    use_cases: Annotated[list[str], typer.Argument(metavar="USE_CASE...")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    no_keys: Annotated[
        bool, typer.Option("--no-keys", help="Answer whoever asks, without an API key.")
    ] = False,
    open_to_network: Annotated[
        bool, typer.Option("--open-to-network", help="Without keys, beyond this machine too.")
    ] = False,
    no_log: Annotated[bool, typer.Option("--no-log", help="Keep no decision.")] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="A host name that it is called by, beside its address.")
    ] = None,
    most_rows: Annotated[int, typer.Option(min=1, help="Rows of one request.")] = 1_000,
    most_bytes: Annotated[int, typer.Option(min=1_000, help="Bytes of a body.")] = 1_000_000,
    per_second: Annotated[
        float, typer.Option(min=0, help="Requests of one key in a second; 0 for any number.")
    ] = 0.0,
) -> None:
    """Answer with the champion's decisions over HTTP, until Ctrl-C; a new champion takes over live.

    Examples:
        kpi-gate serve campaign --no-keys
        kpi-gate serve campaign fraud --host 0.0.0.0 --workers 2
    """
    from kpi_gate.serving import places
    from kpi_gate.serving.options import ServeOptions
    from kpi_gate.usecase.names import require_name

    wanted = tuple(dict.fromkeys(require_name(one) for one in use_cases))
    if no_keys and not open_to_network and not _is_loopback(host):
        raise typer.BadParameter(
            f"--host {host} without keys lets the network in; add --open-to-network, or make a key"
        )
    options = ServeOptions(
        use_cases=wanted,
        host=host,
        port=port,
        workers=workers,
        keys=not no_keys,
        log=not no_log,
        hosts=tuple(name or ()),
        rows=most_rows,
        body_bytes=most_bytes,
        per_second=per_second,
    )
    workspace = this_workspace()
    os.chdir(workspace.root)
    options.hand_on()
    for one in wanted:
        typer.echo(f"{one}: POST {options.address}/{one}/decisions")
    if options.keys and not places.keys(workspace).exists():
        typer.echo("There is no key yet, and nobody is answered without: `kpi-gate key new NAME`.")
    typer.echo("Ctrl-C stops it.")
    sys.stdout.flush()
    # in this process's place: what the command line has imported is no use to a server
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.execv(sys.executable, [sys.executable, "-m", "kpi_gate.serving.supervisor"])  # noqa: S606


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
