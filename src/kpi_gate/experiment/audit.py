"""Who was decided by which version when, under which plan, and with what result: for a reviewer.

All of it is held against the ledger: its chain, the plan's own hash, and what is logged now against
what the recorded looks saw.
"""

from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.result import Look
from kpi_gate.render import render


class AuditRow(Frozen):
    """What the log holds of one day, arm and policy version.

    Attributes:
        day: The day, in UTC.
        arm: `control` or `treatment`.
        policy_version: Version that decided.
        exposures: Decisions that were taken and shown.
        assigned_only: Rows of units that were assigned and not exposed.
        units: Units that were exposed.
        known: Exposures whose outcome, or amount, is known.
        total: Sum of what the plan's metric counts, over those; None where none is known.
        as_planned: Whether the version is the one that the plan has for the arm.
    """

    day: date
    arm: str
    policy_version: str
    exposures: int
    assigned_only: int
    units: int
    known: int
    total: float | None
    as_planned: bool


class AuditEntry(Frozen):
    """One row of the ledger about the experiment, its decision or its promotion.

    Attributes:
        number: Of the row.
        at: When it was written, UTC.
        kind: Kind of the row.
        what: What it says, in a sentence.
        asked_by: Who asked for it; empty where nobody did.
        hash: Hash over the row and the one before.
    """

    number: int
    at: AwareDatetime
    kind: str
    what: str
    asked_by: str
    hash: str


class Audit(Frozen):
    """All that a reviewer or a regulator asks of one experiment.

    Attributes:
        use_case: Whose policies were compared.
        title: The use case in a line.
        experiment: Name of the experiment, a hash of its plan.
        plan: What was settled before the start.
        state: How far it is.
        as_of: Nothing later is known, UTC.
        planned_at: When the plan was recorded, UTC.
        started: When the first unit could be exposed; None where it was not started.
        ended: When it ended; None where it has not.
        stopped_by: What ended it: `look`, `harm` or `person`; empty where it has not ended.
        asked_by: Who started it.
        reason: Why it was stopped, where a person did; else what its end says.
        verdict: What came of it; empty before its end.
        lift: Effect at the end, in the plan's unit a decision; None where there is none.
        lift_error: Its standard error.
        looks: What was seen at each recorded look.
        rows: What the log holds, by day, arm and version.
        entries: The rows of the ledger that it rests on.
        log: Where the log is.
        log_hash: Hash over the log's rows, as it is now.
        ledger_hash: Hash of the ledger's last row.
        verified: Whether everything agrees.
        faults: What does not, one sentence each.
    """

    use_case: str
    title: str = ""
    experiment: str
    plan: Plan
    state: Literal["planned", "running", "ended"]
    as_of: AwareDatetime
    planned_at: AwareDatetime
    started: AwareDatetime | None = None
    ended: AwareDatetime | None = None
    stopped_by: str = ""
    asked_by: str = ""
    reason: str = ""
    verdict: str = ""
    lift: float | None = None
    lift_error: float | None = None
    looks: tuple[Look, ...] = ()
    rows: tuple[AuditRow, ...] = ()
    entries: tuple[AuditEntry, ...] = ()
    log: str = ""
    log_hash: str = ""
    ledger_hash: str = ""
    verified: bool
    faults: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What a reviewer is told first."""
        return render(self, "sentence")

    def to_html(self) -> str:
        """Render it as one self-contained HTML page."""
        return render(self, "html")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can say."""
        return self.model_dump(mode="json")
