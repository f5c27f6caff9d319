"""The record of self-tests: a scheduled promotion asks it whether this very gate was proved."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kpi_gate.decision.identity import digest
from kpi_gate.job import Job
from kpi_gate.promotion import asked_by, policy_hash
from kpi_gate.proof.selftest import Bout, SelfTest, run_selftest

KIND = "selftest"
PACKAGE = Path(__file__).parents[1]


def prove(job: Job, rows: pd.DataFrame, each: Callable[[Bout], None]) -> SelfTest:
    """Run the self-test, record it in the ledger and write its page.

    Raises:
        Refusal: If there is too little data to train the reference champion on.
        LedgerError: If it cannot be recorded.
    """
    job.ledger.entries(job.name)  # a broken record is told before the work, and not added to
    result = run_selftest(job, rows, each)
    page = page_of(job)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(result.html(), encoding="utf-8")
    body = {
        **result.model_dump(mode="json"),
        "passed": result.passed,
        "sentence": f"selftest: {result.sentence()}",
        "asked_by": asked_by(),
    }
    job.ledger.append(job.name, KIND, subject_of(job), body)
    return result


def page_of(job: Job) -> Path:
    """Return where the page of the last self-test lies."""
    return job.place.home / KIND / f"{job.name}.html"


def last_proof(job: Job) -> bool | None:
    """Return how this very gate did in its last self-test; None where it had none.

    This very gate: the same settings, the same code and the same environment.
    """
    found = job.ledger.entries(job.name, KIND, subject_of(job))
    return bool(found[-1].body["passed"]) if found else None


def subject_of(job: Job) -> str:
    """Hash all that the gate's answers depend on but the rows."""
    settings = policy_hash(job.use_case.settings.model_dump_json())
    return digest([settings, code_hash(job.name), job.place.environment_hash()])


def code_hash(use_case: str) -> str:
    """Hash the machine's code and the use case's own; other use cases do not count."""
    code = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "usecases" or path.stem == use_case:
            code.update(path.read_bytes())
    return code.hexdigest()
