"""MLflow's client, and the one error of ours that its own become."""

import os
from contextlib import contextmanager
from typing import Any

from kpi_gate.record import prepared_databases
from kpi_gate.workspace import Workspace

TRACKING_URI = "MLFLOW_TRACKING_URI"
LEDGER_ROW = "kpi_gate.ledger_row"  # `number:hash` of the row that holds the run's decision


class TrackingError(RuntimeError):
    """MLflow cannot be reached, or refused; the message names the address."""


@contextmanager
def client(workspace: Workspace) -> Any:
    """Yield an MLflow client.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    prepared_databases.lay_out("mlflow", workspace.mlflow_uri)
    before = os.environ.get(TRACKING_URI)
    mlflow.set_tracking_uri(workspace.mlflow_uri)  # for the calls that take no client
    try:
        yield mlflow.MlflowClient(workspace.mlflow_uri)
    except (MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrackingError(
            f"MLflow at {workspace.mlflow_uri}: {reason}; nothing was promoted. "
            "Start it (make ui) or check KPI_GATE_MLFLOW_URI"
        ) from error
    finally:  # mlflow writes the address into the environment, where the next place would find it
        if before is None:
            os.environ.pop(TRACKING_URI, None)
        else:
            os.environ[TRACKING_URI] = before
