"""The record of self-tests: a scheduled promotion asks it whether this very gate was proved."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kpi_gate.decision.fingerprint import digest
from kpi_gate.proof.selftest import Bout, SelfTest, run_selftest
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run
from kpi_gate.run.provenance import file_hash, machine_hash, policy_hash
from kpi_gate.usecase import discovery

KIND = "selftest"


def prove(run: Run, rows: pd.DataFrame, each: Callable[[Bout], None]) -> SelfTest:
    """Run the self-test, record it in the ledger and write its page.

    Raises:
        Refusal: If there is too little data to train the reference champion on.
        LedgerError: If it cannot be recorded.
    """
    run.ledger.entries()  # a broken record is told before the work, and not added to
    result = run_selftest(run, rows, each)
    page = page_of(run)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(result.to_html(), encoding="utf-8")
    body = {
        **result.model_dump(mode="json"),
        "passed": result.passed,
        "sentence": f"selftest: {result.sentence()}",
        "asked_by": asked_by(),
    }
    run.append(KIND, subject_of(run), body)
    return result


def page_of(run: Run) -> Path:
    """Return where the page of the last self-test lies."""
    return run.workspace.home / KIND / f"{run.name}.html"


def last_proof(run: Run) -> bool | None:
    """Return how this very gate did in its last self-test; None where it had none.

    This very gate: the same settings, the same code and the same environment.
    """
    found = run.history.of_kind(KIND, subject_of(run))
    return bool(found[-1].body["passed"]) if found else None


def subject_of(run: Run) -> str:
    """Hash all that the gate's answers depend on but the rows."""
    settings = policy_hash(run.use_case.settings.model_dump_json())
    return digest([settings, code_hash(run.name), run.workspace.environment_hash()])


def code_hash(use_case: str) -> str:
    """Hash the machine's code and the use case's own; other use cases do not count."""
    return digest([machine_hash(), file_hash(discovery.module_file(use_case))])
