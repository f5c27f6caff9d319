"""What the ledger's rows say of the link: releases whose lift was measured, and by what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.link_history import Release
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_brief import stated
from kpi_gate.record.releases import Releases
from kpi_gate.text import clean, mapping

INVALID = "invalid"  # the verdict of an experiment that shows nothing
Source = Literal["experiment", "import", "realised", "holdback"]


class Measured(NamedTuple):
    """A row that measured a lift.

    Attributes:
        row: The row.
        source: What measured it.
        decision: The decision that released what was measured; None where there is none.
        lift: What it holds of `estimate`, `standard_error` and `unit`.
        randomised: Whether chance decided who got which version.
        ended: When it was known.
        sides: Versions of control and treatment; None where it does not say.
    """

    row: Entry
    source: Source
    decision: Entry | None
    lift: Mapping[str, Any]
    randomised: bool
    ended: datetime
    sides: tuple[str, str] | None = None


@dataclass(frozen=True)
class LinkRows:
    """The releases that the rows of one use case tell of, as they were known at a moment.

    Attributes:
        releases: Those of which both gains are known, in order of time.
        left_out: What was left out, and why.
        unreadable: What is wrong with a row that should count.
    """

    releases: tuple[Release, ...]
    left_out: tuple[str, ...]
    unreadable: tuple[str, ...]


def read_rows(
    known: Releases, looks: Sequence[Entry], unit: str, as_of: datetime, before: int | None = None
) -> LinkRows:
    """Read the releases; of each the newest experiment counts, and without one the newest look.

    Args:
        known: What the rows of the use case come to.
        looks: Its monitor rows, in order.
        unit: Unit of the money; what was measured in another is left out.
        as_of: Later ends were not known.
        before: Number of the first row that was not there yet; None: all are.
    """
    there = [row for row in looks if before is None or row.number < before]
    rows = [
        one for one in _measured(known, there, as_of) if before is None or one.row.number < before
    ]
    newest: dict[str, Measured] = {}
    left, wrong, releases = [], [], []
    for one in sorted(rows, key=lambda one: (one.randomised, one.ended, one.row.number)):
        if one.ended > as_of:
            continue
        if one.decision is None:
            left.append(f"{_named(one)} names no decision of this use case")
        elif one.sides not in (None, _sides(one.decision)):
            left.append(f"{_named(one)} compares others than decision {one.decision.subject}")
        elif one.lift.get("unit") != unit:
            told = clean(one.lift.get("unit") or "no unit")
            left.append(f"{_named(one)} is in {told}, the objective in {unit}")
        else:
            passed_over = newest.get(one.decision.subject)
            if passed_over is not None and passed_over.randomised:
                left.append(f"{_named(passed_over)}: row {one.row.number} is newer")
            newest[one.decision.subject] = one
    for one in newest.values():
        release, fault = _release(one)
        if release is not None:
            releases.append(release)
        elif one.source != "realised":
            wrong.append(f"{_named(one)}: {fault}")
        else:
            left.append(f"{_named(one)}: {fault}")
    moments = {one.row.number: one.ended for one in rows}
    ordered = sorted(releases, key=lambda release: (moments[release.row], release.row))
    return LinkRows(tuple(ordered), tuple(left), tuple(wrong))


def _named(one: Measured) -> str:
    return f"row {one.row.number} ({one.row.kind} {clean(one.row.subject)})"


def _sides(decision: Entry) -> tuple[str, str]:
    body = decision.body
    return str(body.get("champion") or ""), str(body.get("version") or "")


def _measured(known: Releases, looks: Sequence[Entry], as_of: datetime) -> Iterator[Measured]:
    """Yield every row that measured a lift, whatever it says of it; of looks the newest."""
    experiments = known.experiments
    for name, row in experiments.ended.items():
        if row.body.get("verdict") == INVALID or row.body.get("lift") is None:
            continue  # it shows nothing
        plan = mapping(experiments.planned[name].body.get("plan"))
        decision = known.decisions.get(str(plan.get("decision") or ""))
        source: Source = "holdback" if plan.get("kind") == "holdback" else "experiment"
        ended = _moment(row.body.get("ended") or row.body.get("as_of"), row)
        sides = str(plan.get("control") or ""), str(plan.get("treatment") or "")
        yield Measured(row, source, decision, mapping(row.body["lift"]), True, ended, sides)
    for row in experiments.imported.values():
        body = row.body
        decision = known.decisions.get(str(body.get("decision") or ""))
        if decision is None and not body.get("decision"):
            decision = known.decision_on(str(body.get("version") or ""))
        ended = _moment(body.get("end") or body.get("as_of"), row)
        yield Measured(row, "import", decision, body, body.get("randomised") is True, ended)
    yield from _realised(known, looks, as_of)


def _realised(known: Releases, looks: Sequence[Entry], as_of: datetime) -> Iterator[Measured]:
    """Yield of each champion the newest look that says what it earned more than what it replaced.

    Only as many bodies are read as must be: a champion may have been looked at a thousand times.
    """
    told: set[str] = set()
    moments = {row.number: _moment(row.body.get("as_of"), row) for row in looks}
    for row in sorted(looks, key=lambda row: (moments[row.number], row.number), reverse=True):
        champion, ended = str(row.body.get("champion") or ""), moments[row.number]
        if champion in told or ended > as_of:
            continue
        decision = known.decision_on(champion)
        if decision is None:
            told.add(champion)
            continue
        realised = mapping(row.body.get("realised"))
        gain = mapping(realised.get("gain"))
        if gain.get("standard_error"):
            told.add(champion)
            lift = {
                "estimate": gain.get("per_decision"),
                "standard_error": gain.get("standard_error"),
                "unit": realised.get("unit"),
            }
            yield Measured(row, "realised", decision, lift, False, ended)


def _moment(told: object, row: Entry) -> datetime:
    """Return the moment that a row is about; when it was written where it does not say."""
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        found = row.at
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _release(one: Measured) -> tuple[Release | None, str]:
    """Return the release that a row measured; else what is wrong."""
    decision = one.decision
    if decision is None:
        return None, "there is no such decision"
    gain = (stated(decision.body, f"decision.gain.{name}") for name in (
        "estimate", "booking_error", "standard_error"))  # fmt: skip
    offline, booked, least = gain
    numbers = {
        "offline": offline,
        "offline_error": booked or least,
        "online": one.lift.get("estimate"),
        "online_error": one.lift.get("standard_error"),
    }
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None, f"{name} == {clean(repr(value))}, must be a number"
    release = Release(
        **numbers,
        decision=decision.subject,
        version=str(decision.body.get("version") or ""),
        randomised=one.randomised,
        ended=one.ended,
        source=one.source,
        against_baseline=decision.body.get("champion") == BASELINE,
        row=one.row.number,
    )
    faults = "; ".join(release.faults())
    return (None, faults) if faults else (release, "")
