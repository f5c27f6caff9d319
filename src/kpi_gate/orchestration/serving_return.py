"""Record that servers went back from a champion: `python -m ... USE_CASE VERSION REASON`.

A process of its own, started by a server. Of several workers that ask for the same, one rolls back.
"""

import logging
import sys
from contextlib import closing

from kpi_gate.errors import ConfigurationError
from kpi_gate.orchestration.notify import telling
from kpi_gate.record.ledger import LedgerError
from kpi_gate.record.lock import BusyError, one_at_a_time
from kpi_gate.release import promotion
from kpi_gate.run.opening import plan_run

WAIT_SECONDS = 30.0  # for a retrain that is at work


def take_back(use_case: str, version: str, reason: str) -> str | None:
    """Roll back, if a version is the champion still; return what is in use then.

    None where it was no champion any more.

    Raises:
        BusyError: If another process is at work all the while.
        PromotionError: If it had to be given up.
        LedgerError: If the ledger is broken or cannot be written.
    """
    log = logging.getLogger("kpi_gate.serving")
    run = plan_run(use_case)
    with one_at_a_time(run.workspace, use_case, WAIT_SECONDS), closing(run):
        if run.history.champion != version:
            return None
        with telling(run, log.warning):
            return promotion.rollback(run, f"serving: {reason}")


def main() -> None:
    """Record what the command line says."""
    use_case, version, reason = sys.argv[1:]
    try:
        take_back(use_case, version, reason)
    except (BusyError, promotion.PromotionError, LedgerError, ConfigurationError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
