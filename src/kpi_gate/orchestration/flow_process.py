"""Run one flow run in a process of its own: what the schedule says, not what the server does.

`python -m kpi_gate.orchestration.flow_process ENTRYPOINT PARAMETERS PARENT`, called by the
schedule. Prefect's own would ask the server where the code is, what to do before and which
function to call. This one is told so, and takes from the server's record the run's `as_of` alone.
It ends when the schedule does.
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any
from uuid import UUID

from prefect._internal.control_listener import configure_from_env
from prefect.client.orchestration import get_client
from prefect.engine import handle_engine_signals
from prefect.flow_engine import run_flow
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.states import Cancelled

from kpi_gate.orchestration.trust import OPEN, asks_for_more

GRACE_SECONDS = 30.0  # to say on the server that it ends


def main() -> None:
    """Run the flow run that the environment names, or cancel it where it asks for more."""
    entrypoint, parameters, parent = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    identity = UUID(os.environ["PREFECT__FLOW_RUN_ID"])
    configure_from_env()  # the schedule's way to say that it cancels
    with handle_engine_signals(identity):
        flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(identity)
            refused = asks_for_more(run, parameters)
            if refused:
                client.set_flow_run_state(identity, Cancelled(message=refused), force=True)
                return
        as_of = {OPEN: run.parameters[OPEN]} if OPEN in run.parameters else {}
        run.parameters = {**parameters, **as_of}
        # not the result: Prefect would unpickle what the server's record of the run points to
        run_flow(flow, flow_run=run, return_type="state")


def _end_with(parent: int) -> None:
    """Ask this process to end once its parent is gone; end it where it does not."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
