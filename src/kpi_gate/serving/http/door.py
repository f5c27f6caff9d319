"""Everything that a request passes before it is answered, from the outside in."""

import logging

from kpi_gate.serving import places
from kpi_gate.serving.http.asgi import App
from kpi_gate.serving.http.keys import Keyed, Keys
from kpi_gate.serving.http.limits import Bounds, Limited, OwnNameOnly, own_names
from kpi_gate.serving.http.log_lines import Told
from kpi_gate.serving.http.metrics import Counted, Counts
from kpi_gate.serving.http.rates import shared_table
from kpi_gate.serving.http.tracing import Traced, tracer
from kpi_gate.serving.worker import Worker

logger = logging.getLogger("kpi_gate.serving")


def door(app: App, worker: Worker, counts: Counts) -> App:
    """Return the app behind traces, log, metrics, names, keys and limits.

    Args:
        app: What answers.
        worker: Its options say what is asked of a request.
        counts: Where requests are counted.
    """
    options = worker.options
    bounds = Bounds(
        body_bytes=options.body_bytes,
        per_second=options.per_second,
        request_seconds=options.request_seconds,
    )
    guarded: App = Limited(app, bounds, _table(worker) if options.per_second else None)
    if options.keys:
        keys = Keys(places.keys(worker.workspace))
        if not keys.known() and not keys.fault:
            logger.warning("there are no keys: nobody may ask until `kpi-gate key new NAME`")
        guarded = Keyed(guarded, keys)
    guarded = OwnNameOnly(guarded, own_names(options.host, options.hosts))
    guarded = Told(Counted(guarded, counts))
    traces = tracer()
    return guarded if traces is None else Traced(guarded, traces)


def _table(worker: Worker) -> memoryview | None:
    """Return where the workers of a server count together how fast callers ask."""
    options = worker.options
    if options.workers == 1:
        return None
    try:
        return shared_table(places.rates(worker.workspace, options.port))
    except OSError as error:
        why = error.strerror or type(error).__name__
        logger.warning("each worker counts requests for itself", extra={"why": why})
        return None
