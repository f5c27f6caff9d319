"""Look at the champion in use, and act on what is found."""

from typing import TYPE_CHECKING

from kpi_gate.pipeline.loading import watch_over
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal

if TYPE_CHECKING:
    from kpi_gate.watch.result import Watched


def monitor(run: Run) -> "Watched":
    """Look at the champion in use, act on what is severe, decide on proposals, and record it.

    Rows that cannot be loaded are a severe finding, and recorded like any other.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger is broken or cannot be written.
    """
    from kpi_gate.pipeline import respond
    from kpi_gate.watch.look import look, unloadable

    try:
        watch = watch_over(run)
    except Refusal as refusal:
        seen = unloadable(run, str(refusal))
    else:
        seen = respond.act(watch, look(watch))
    respond.keep(run, seen)
    return seen
