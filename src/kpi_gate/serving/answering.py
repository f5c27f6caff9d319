"""How a row is decided, by what is served at that moment: dealt, scored, weighed, written down.

Nothing here changes what is served: a request keeps the one `Current` that it began with.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.serving.assignment import CONTROL, TREATMENT
from kpi_gate.serving.budget import Budget
from kpi_gate.serving.schema import Checker, moment
from kpi_gate.serving.traffic import EXPLORE, HOLDOUT, Assigned, Traffic
from kpi_gate.serving.versions import Made, One, Version

Row = Mapping[str, Any]


class Current(NamedTuple):
    """What requests are answered by from now on.

    Attributes:
        traffic: Who gets which version.
        versions: What is loaded, by name.
        usual: A version whose export knows columns and rule of thumb; None where none was ever
            exported.
        checker: Holds rows against its columns.
        row: Number of the ledger's row that it follows.
    """

    traffic: Traffic
    versions: Mapping[str, Version]
    usual: Version | None
    checker: Checker
    row: int

    def told(self) -> dict[str, Any]:
        """Return what a person is told of it."""
        traffic, experiment = self.traffic, self.traffic.experiment
        return {
            "champion": traffic.champion,
            "previous": traffic.previous,
            "canary_share": traffic.canary_share(time.time()),
            "experiment": None if experiment is None else experiment._asdict(),
            "returned": sorted(traffic.returned),
            "ledger_row": self.row,
            "versions": [
                {
                    "version": name,
                    "digest": one.predictor.digest,
                    "compiled": one.compiled,
                    "why_not": one.predictor.manifest.why,
                    "bytes": one.predictor.nbytes,
                }
                for name, one in self.versions.items()
            ],
        }


class Answer(NamedTuple):
    """What is answered on one row.

    Attributes:
        id: Of the decision: its outcome names it.
        unit: Whom it is about.
        action: What to do; of levels, the place of the one that was drawn.
        level: The level that was drawn; None where the policy chooses among none.
        score: Probability of outcome 1; None where no model scored the row.
        version: What decided; `baseline` for the rule of thumb.
        arm: The part of the split that the unit, or the decision, is in.
        propensity: Chance, given the row, of this action.
        rule_of_thumb: Whether the rule of thumb decided.
        fault: Why it stood in for a model; None where it did not.
    """

    id: str
    unit: Any
    action: float
    level: str | None
    score: float | None
    version: str
    arm: str
    propensity: float
    rule_of_thumb: bool
    fault: str | None


class Taken(NamedTuple):
    """One decision that was taken.

    Attributes:
        row: What was asked.
        dealt: How its unit is dealt.
        made: What its version does on it, within the budget.
        answer: What is answered.
        record: What is logged.
    """

    row: Row
    dealt: Assigned
    made: One
    answer: Answer
    record: dict[str, Any]


def ids_of(rows: Sequence[Row]) -> list[str]:
    """Return what each decision is called: as its row says, else by chance."""
    return [row.get("id") or secrets.token_hex(12) for row in rows]


async def take(current: Current, rows: Sequence[Row], budget: Budget | None) -> list[Taken]:
    """Decide on rows that have no fault, each by the version that its unit gets.

    Args:
        current: What is served.
        rows: The rows.
        budget: What may still be acted on; None where the policy has none.

    Raises:
        ProcessError: If the model process gives no answer.
    """
    now, assign = time.time(), current.traffic.assign
    ids = ids_of(rows)
    dealt = [assign(row["unit"], now, one, row) for row, one in zip(rows, ids, strict=True)]
    own = await _made(current, [one.version for one in dealt], rows, ids)
    if budget is not None:
        own = _within(budget, rows, own, now)
    other = await _others(current, dealt, rows, ids)
    found = []
    for at, row in enumerate(rows):
        known = other.get(at)
        answer = _answer(current.traffic, row, ids[at], dealt[at], own[at], known)
        record = _record(current, row, dealt[at], own[at], known, answer, now)
        found.append(Taken(row, dealt[at], own[at], answer, record))
    return found


async def _made(
    current: Current, versions: Sequence[str], rows: Sequence[Row], ids: Sequence[str]
) -> list[One]:
    """Let each row's version decide, all rows of one version together."""
    if len(rows) == 1:
        return (await by(current, versions[0], rows, ids)).rows()
    groups: dict[str, list[int]] = {}
    for place, version in enumerate(versions):
        groups.setdefault(version, []).append(place)
    asked = [
        by(current, version, [rows[p] for p in group], [ids[p] for p in group])
        for version, group in groups.items()
    ]
    found: dict[int, One] = {}
    for group, made in zip(groups.values(), await asyncio.gather(*asked), strict=True):
        found.update(zip(group, made.rows(), strict=True))
    return [found[place] for place in range(len(rows))]


async def by(current: Current, version: str, rows: Sequence[Row], ids: Sequence[str]) -> Made:
    """Let one version decide; what is in use for want of one is the rule of thumb."""
    held = current.versions.get(version)
    if held is None:
        assert current.usual is not None  # noqa: S101  (see `_now`)
        return await current.usual.rule_of_thumb(named(rows, ids))
    made = held.decide_here(rows)
    return made if made is not None else await held.decide(named(rows, ids))


async def _others(
    current: Current, dealt: Sequence[Assigned], rows: Sequence[Row], ids: Sequence[str]
) -> dict[int, float]:
    """Return what the other arm of an experiment would do, by row."""
    if current.traffic.experiment is None:
        return {}
    versions = {
        place: one.other_version
        for place, one in enumerate(dealt)
        if one.other_version is not None and one.arm != HOLDOUT
    }
    if not versions:
        return {}
    made = await _made(
        current,
        list(versions.values()),
        [rows[place] for place in versions],
        [ids[place] for place in versions],
    )
    return {place: one.action for place, one in zip(versions, made, strict=True)}


def _within(budget: Budget, rows: Sequence[Row], made: list[One], now: float) -> list[One]:
    """Let only so many be acted on as the budget has room for."""
    times = [_due(row, now) for row in rows]
    actions = budget.apply(
        rows, [one.advantage for one in made], [one.action for one in made], times
    )
    return [
        one if one.action == action else one._replace(action=action)
        for one, action in zip(made, actions, strict=True)
    ]


def _due(row: Row, now: float) -> float:
    """Return when a decision is due, in seconds since 1970: now, where the row does not say."""
    said = row.get("event_time")
    return now if said is None else moment(said).timestamp()


def named(rows: Sequence[Row], ids: Sequence[str]) -> list[Row]:
    """Return rows with the ids of their decisions: lots are drawn by them."""
    return [{**row, "id": one} for row, one in zip(rows, ids, strict=True)]


def _answer(
    traffic: Traffic, row: Row, name: str, dealt: Assigned, made: One, other: float | None
) -> Answer:
    action = traffic.drawn(name) if dealt.explore else made.action
    known = {dealt.version: made.action}
    if other is not None and dealt.other_version is not None:
        known[dealt.other_version] = other
    chances = {dealt.version: made.propensity} if made.level is not None else None
    return Answer(
        id=name,
        unit=row["unit"],
        action=action,
        level=made.level,
        score=made.score,
        version=dealt.version,
        arm=dealt.arm,
        propensity=traffic.propensity(dealt, action, known, chances),
        rule_of_thumb=dealt.version == BASELINE or bool(made.fault),
        fault=made.fault or None,
    )


def _record(
    current: Current,
    row: Row,
    dealt: Assigned,
    made: One,
    other: float | None,
    answer: Answer,
    now: float,
) -> dict[str, Any]:
    experiment, item = current.traffic.experiment, row.get("item")
    return {
        "id": answer.id,
        "time": row.get("event_time") or int(now * 1e6),
        "unit": str(answer.unit),
        "item": None if item is None else str(item),
        "arm": dealt.arm,
        "policy_version": dealt.version,
        "other_version": dealt.other_version if experiment is not None else None,
        "score": made.score,
        "action": answer.action,
        "level": made.level,
        "propensity": answer.propensity,
        "other_action": other,
        "exposed": True,
        "advantage": made.advantage,
        "rule_of_thumb": answer.rule_of_thumb,
        "fault": answer.fault,
        "experiment": experiment.name
        if experiment is not None and dealt.arm in (CONTROL, TREATMENT, EXPLORE)
        else None,
        "row": row,
    }
