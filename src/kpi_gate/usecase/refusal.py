"""How a run can end without evidence: in a "no" that is recorded like any decision."""

from kpi_gate.decision.verdict import Verdict


class Refusal(Exception):  # noqa: N818  (a "no", which becomes a decision, not a fault of the machine)
    """A step refuses to go on; the run ends in a recorded decision and the champion stays.

    Attributes:
        check: Name of the check that failed.
        reason: What was wrong, where, and what to do.
        verdict: INVALID, or INSUFFICIENT_EVIDENCE.
    """

    def __init__(self, check: str, reason: str, verdict: Verdict = Verdict.INVALID) -> None:
        super().__init__(reason)
        self.check, self.reason, self.verdict = check, reason, verdict
