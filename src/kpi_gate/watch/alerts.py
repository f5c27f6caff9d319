"""What is worth telling a person: refusals, moves of the champion, findings, ends, silence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from kpi_gate.decision.verdict import Verdict
from kpi_gate.record.ledger import Entry
from kpi_gate.usecase.cron import fires
from kpi_gate.usecase.settings import Schedule

Kind = Literal[
    "invalid", "reject", "promotion", "rollback", "finding", "silence", "experiment", "serving"
]
PERIODS = 2  # ticks of the schedule without a decision that are silence
GRACE = timedelta(hours=1)  # for the last tick's run to end
_VERDICTS: dict[str, Kind] = {Verdict.INVALID: "invalid", Verdict.REJECT: "reject"}
_LONGEST_LOOK = timedelta(days=1500)  # two ticks of a schedule that fires on 29 February alone


@dataclass(frozen=True)
class Notice:
    """One message to a person.

    Attributes:
        use_case: Whose it is.
        kind: What happened, as a program tells it apart.
        subject: The same in a few words.
        text: Why, and what it means, in sentences.
        at: When it happened, UTC.
    """

    use_case: str
    kind: Kind
    subject: str
    text: str
    at: datetime

    def as_json(self) -> dict[str, str]:
        """Return what a webhook is sent."""
        return {**vars(self), "at": self.at.isoformat()}


def notices(entries: Iterable[Entry]) -> list[Notice]:
    """Return what is worth telling of ledger entries, in their order."""
    return [notice for entry in entries if (notice := _notice(entry)) is not None]


def silence(
    use_case: str, schedule: Schedule, entries: Sequence[Entry], now: datetime
) -> Notice | None:
    """Return a notice where two ticks of the retraining passed without a decision.

    A choice to skip is a decision too. A use case with no entry at all is not silent: nobody has
    started it yet.
    """
    spoken = [entry.at for entry in entries if entry.kind in ("decision", "choice")]
    if not spoken:
        return None
    last = max(spoken)
    start = max(last, now - _LONGEST_LOOK)
    ticks = fires(schedule.retrain, schedule.timezone, start, max(start, now - GRACE))
    if len(ticks) < PERIODS:
        return None
    text = (
        f"The last decision is of {last:%Y-%m-%d %H:%M} UTC; since then the schedule "
        f"`{schedule.retrain}` ({schedule.timezone}) has fired {len(ticks)} times, last at "
        f"{ticks[-1]:%Y-%m-%d %H:%M} UTC. Look at the flow runs in Prefect, and whether "
        "`kpi-gate schedule` runs."
    )
    return Notice(use_case, "silence", f"{use_case}: no decision for {PERIODS} periods", text, now)


def _notice(entry: Entry) -> Notice | None:
    body, name = entry.body, entry.use_case
    if entry.kind == "decision" and body["verdict"] in _VERDICTS:
        text = "\n".join([body["sentence"], *(f"- {reason}" for reason in body["reasons"])])
        kind = _VERDICTS[body["verdict"]]
        return Notice(name, kind, f"{name}: {body['verdict']}", text, entry.at)
    if entry.kind in ("done", "rollback", "serving_fault"):
        return _of_release(entry)
    if entry.kind == "experiment_end":
        harm = " and was stopped for harm" if body["stopped_by"] == "harm" else ""
        words = f"{name}: experiment {entry.subject[:6]} has ended: {body['verdict']}{harm}"
        text = "\n".join(filter(None, (f"{body['sentence']}.", body["reason"])))
        return Notice(name, "experiment", words, text, entry.at)
    found = body.get("findings", ()) if entry.kind == "monitor" else ()
    severe = [finding for finding in found if finding["severity"] == "severe"]
    if not severe:
        return None
    checks = ", ".join(sorted({finding["check"] for finding in severe}))
    text = "\n".join(f"- {finding['sentence']}" for finding in severe)
    return Notice(name, "finding", f"{name}: {checks}", text, entry.at)


def _of_release(entry: Entry) -> Notice:
    """Tell what became of a champion."""
    body, name = entry.body, entry.use_case
    if entry.kind == "done":
        forced = f", by force: {body['forced']}" if body.get("forced") else ""
        words = f"{_shown(body['version'])} is champion now, after {_shown(body['from'])}{forced}"
        text = f"Decision {entry.subject}: {words}."
        return Notice(name, "promotion", f"{name}: {words}", text, entry.at)
    if entry.kind == "rollback":
        words = f"{_shown(body['version'])} is champion again, after {_shown(body['from'])}"
        return Notice(name, "rollback", f"{name}: {words}", f"Reason: {body['reason']}", entry.at)
    words = f"{name}: {body['version']} is not served"
    return Notice(name, "serving", words, f"{body['why']}. What was in use goes on.", entry.at)


def _shown(version: object) -> str:
    return str(version) or "the rule of thumb"
