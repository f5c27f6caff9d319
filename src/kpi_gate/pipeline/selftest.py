"""Whether the gate may be believed: adversaries ask it for promotion on the newest rows."""

from typing import TYPE_CHECKING

from kpi_gate.data.snapshot import SNAPSHOT
from kpi_gate.pipeline.loading import load_rows
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from kpi_gate.proof.selftest import Bout, SelfTest


def selftest(run: Run, each: "Callable[[Bout], None]" = lambda bout: None) -> "SelfTest":
    """Let adversaries ask the gate for promotion on the newest rows, and record its answers.

    Raises:
        Refusal: If the rows cannot be loaded, or are too few.
        LedgerError: If it cannot be recorded.
    """
    from kpi_gate.proof.harness import newest_moment
    from kpi_gate.proof.record import prove

    rows = load_rows(run)
    return prove(newest_moment(run, rows), rows, each)


def proof_fault(run: Run) -> str:
    """Say why this gate may not promote on a schedule; empty where its self-test is passed.

    A gate whose settings, code or environment are new is tested first.
    """
    from kpi_gate.proof.harness import newest_moment
    from kpi_gate.proof.record import last_proof, page_of, prove

    passed = last_proof(run)
    if passed is None:
        try:
            there = (run.work / SNAPSHOT).exists()
            rows = run.snapshot.frozen if there else load_rows(run)
            passed = prove(newest_moment(run, rows), rows, lambda bout: None).passed
        except Refusal as refusal:
            return f"the gate cannot be tested: {refusal}"
    return "" if passed else f"the gate fails its self-test: see {page_of(run)}"
