"""Tell what was decided where nothing is new, before Prefect or MLflow is started."""

from kpi_gate.errors import is_transient
from kpi_gate.pipeline.release import promote
from kpi_gate.pipeline.stages import take_snapshot
from kpi_gate.run.context import Run
from kpi_gate.run.opening import held
from kpi_gate.run.result import RetrainResult
from kpi_gate.run.standing import is_settled
from kpi_gate.usecase.refusal import Refusal


def repeated(run: Run) -> RetrainResult | None:
    """Return the decision that stands where nothing is new since it was made; else None.

    A whole run says the same, but only after Prefect, MLflow and scikit-learn are there. Whatever
    leaves it something to do is left to it: a tick that was not decided before, a move that is open
    or waits for a reviewer, rows that are refused, a service that is away.

    Raises:
        BusyError: If another process is at work on the use case.
        LedgerError: If the ledger is broken.
    """
    with held(run):
        if not is_settled(run):
            return None
        try:
            take_snapshot(run)
            if run.decided_before is None:
                return None
        except Refusal:
            return None
        except Exception as error:
            if is_transient(error):
                return None
            raise
        promote(run)
        return run.result()
