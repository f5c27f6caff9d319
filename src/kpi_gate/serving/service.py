"""One use case in service: what the ledger says of it, what is loaded for it, how a row is decided.

Each request reads `current` once and keeps it, so that none mixes two champions; a new one takes
over between two requests, by one assignment.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.serving import places
from kpi_gate.serving.budget import Budget
from kpi_gate.serving.canary_guard import CanaryGuard
from kpi_gate.serving.errors import NothingToServeError, ServingError
from kpi_gate.serving.follow import Acted, Standing
from kpi_gate.serving.log.writer import DecisionLog
from kpi_gate.serving.releases import Release, version_before
from kpi_gate.serving.reports import Served
from kpi_gate.serving.returning import Recorder
from kpi_gate.serving.schema import Checker, RowFault, moment
from kpi_gate.serving.shadow import Shadow
from kpi_gate.serving.state import Returns
from kpi_gate.serving.traffic import (
    CONTROL,
    EXPLORE,
    HOLDOUT,
    TREATMENT,
    Assigned,
    Traffic,
)
from kpi_gate.serving.usual import Usual, comparable
from kpi_gate.serving.versions import Made, One, Version, Versions
from kpi_gate.usecase.serving_settings import ServingSettings

Row = Mapping[str, Any]
SHADOW_SECONDS = 10.0  # until a shadow in the model process is given up
ACTS = "expected_value"  # the kind of policy whose actions are 0 and 1
NEVER = datetime.fromtimestamp(0, UTC)


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


class Service:
    """One use case in service.

    Attributes:
        name: The use case.
        settings: How it is served.
        versions: What is loaded.
        current: What requests are answered by; None before the first look at the ledger.
        log: Where decisions are kept; None where that was chosen.
        returns: Versions that everybody was sent back from.
        guard: Watches a canary.
        recorder: Sees to it that a return is in the ledger.
        swapped: Is told of each change: champion before and after.
    """

    def __init__(
        self,
        name: str,
        settings: ServingSettings,
        versions: Versions,
        log: DecisionLog | None,
        swapped: Callable[[str, str], None] = lambda before, after: None,
        worker: str = "worker",
        *,
        counted: bool = True,
    ) -> None:
        self.name, self.settings, self.versions, self.log = name, settings, versions, log
        workspace = versions.workspace
        self.returns = Returns(places.state(workspace, name))
        self.guard = CanaryGuard(places.canary(workspace, name), self.returns, worker)
        self.recorder = Recorder(workspace.root, name, worker)
        self._shadow = _shadow_of(self) if log is not None and settings.shadow != "none" else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.swapped = swapped
        self.current: Current | None = None
        self._mark: object = None
        self._budget: Budget | None = None
        self._counted = counted  # else the budget is this process's alone
        self._recent: list[str] = []  # champions, the newest last: they stay warm
        self._columns: Version | None = None

    async def follow(self, standing: Standing) -> None:
        """Take up what the ledger says, once it is loaded; until then what was there goes on."""
        returned = self.returns.active(standing.champion, standing.since)
        mark = (standing, returned)
        if mark == self._mark and not self.versions.due:
            return
        self._loop = asyncio.get_running_loop()
        hoped = self._traffic(standing, returned, frozenset())
        await self.versions.load(hoped.versions, standing.known)
        traffic = await self._loaded(standing, returned)
        if not self.versions.held:  # the rule of thumb too is asked by the columns of an export
            await self._load_any(standing)
        champion = traffic.champion
        if champion != BASELINE:
            self._recent = [*(one for one in self._recent if one != champion), champion]
        kept = [*traffic.versions, *self._recent[-1 - self.settings.keep_versions :]]
        usual = self.versions.held.get(champion) or next(iter(self.versions.held.values()), None)
        self._columns = usual or self._columns
        columns = () if self._columns is None else self._columns.predictor.manifest.columns
        before = self.current
        self.current = Current(
            traffic, dict(self.versions.held), self._columns, Checker(columns), standing.row
        )
        self._mark = mark
        self._settle_budget()
        if before is not None and before.traffic.champion != champion:
            self.swapped(before.traffic.champion, champion)
        await self.versions.keep([*(kept or self.versions.held), *hoped.versions])

    async def _loaded(self, standing: Standing, returned: frozenset[str]) -> Traffic:
        """Return a split of what can be loaded: what cannot is nobody's, and one goes on back."""
        while True:
            faulty = frozenset(self.versions.faults)
            traffic = self._traffic(standing, returned, faulty)
            await self.versions.load(traffic.versions, standing.known)
            if frozenset(self.versions.faults) == faulty:
                return traffic

    async def watch(self, standing: Standing) -> None:
        """Watch a canary that has begun, and see to it that a return is on record."""
        current, champion = self.current, standing.champion
        if current is not None:
            usual = partial(self._usual, current, standing.acted)
            await self.guard.follow(current.traffic, time.time(), usual)
        gone = champion in self.returns.active(champion, standing.since)
        self.recorder.follow(self.returns.read()[champion] if gone else None)

    async def _usual(self, current: Current, acted: Acted | None) -> Usual:
        """Return what is known of champion and version before, before anybody gets it."""
        traffic = current.traffic
        held = current.versions.get(traffic.champion)
        if held is None:
            return Usual()
        manifest, golden = held.predictor.manifest, held.predictor.golden
        acts_more = None
        if acted is not None and manifest.policy_kind == ACTS and acted.before == traffic.previous:
            acts_more = acted.rate - acted.rate_before
        rows = golden["rows"][: golden["real"]]
        ids = [f"golden {number}" for number in range(len(rows))]
        try:
            new = await self._by(current, traffic.champion, rows, ids)
            both = comparable(new, await self._by(current, traffic.previous, rows, ids))
        except ServingError:  # the process is away: failures are watched all the same
            both = None
        return Usual(both, acts_more, float(max(len(manifest.levels) - 1, 1)))

    async def send_back(self, version: str, reason: str) -> None:
        """Send everybody back from a version at once, in all workers.

        Raises:
            ServingError: If it cannot be written; this worker goes back all the same.
        """
        since = None if self.current is None else self.current.traffic.since
        await self.guard.send_back(version, reason, since)

    def _settle_budget(self) -> None:
        """Count what the policy's budget has room for; a new champion goes on with the counts."""
        if self._columns is None:
            return
        predictor, known = self._columns.predictor, self._budget
        settings = predictor.manifest.policy.settings
        if known is not None and known.settings == settings:
            return
        path = places.budget(self.versions.workspace, self.name) if self._counted else None
        made = Budget(settings, path, predictor.golden_advantages)
        if known is not None:
            known.close()
        self._budget = made if made.binds else None

    def close(self) -> None:
        """Finish the log and close the counts."""
        if self._shadow is not None:
            self._shadow.close()
        if self.log is not None:
            self.log.close()
        if self._budget is not None:
            self._budget.close()

    def forget(self) -> None:
        """Let the next look begin anew: what is loaded has changed by itself."""
        self._mark = None

    async def _load_any(self, standing: Standing) -> None:
        for name in reversed(list(standing.known)):
            await self.versions.load([name], standing.known)
            if self.versions.held:
                return

    def _traffic(
        self, standing: Standing, returned: frozenset[str], unavailable: frozenset[str]
    ) -> Traffic:
        releases = [Release(*one) for one in standing.standing]
        return Traffic(
            self.name,
            self.settings,
            champion=standing.champion,
            previous=version_before(releases, self.settings.canary, returned | unavailable),
            since=standing.since or NEVER,
            experiment=standing.experiment,
            returned=returned,
            candidate=standing.candidate,
            unavailable=unavailable,
        )

    def served(self, standing: Standing | None, fault: str) -> Served:
        """Return what this worker reports of the use case.

        Args:
            standing: What the ledger says.
            fault: Why it could not be read, if it could not.
        """
        current = self.current
        if current is None:
            return Served(version="", fault=fault or "not started yet")
        wanted = BASELINE if standing is None else standing.champion or BASELINE
        answers = current.traffic.champion
        held = current.versions.get(answers)
        wrong = self.versions.faults.get(wanted, "")
        if not wrong and answers != wanted and wanted in current.traffic.returned:
            wrong = f"{wanted} did harm and was taken back"
        return Served(
            version=answers,
            answers=answers,
            compiled=held is not None and held.compiled,
            row=current.row,
            fault=wrong or fault,
        )

    @property
    def champion(self) -> str:
        """What the champion's share of the decisions gets now; `baseline` for the rule of thumb."""
        return BASELINE if self.current is None else self.current.traffic.champion

    def golden_scores(self, version: str) -> list[float]:
        """Return the scores of a version's golden rows, as they were; none where it has none."""
        held = self.versions.held.get(version)
        if held is None:
            return []
        golden = held.predictor.golden
        return [score for score in golden["score"][: golden["real"]] if score is not None]

    @property
    def suspended(self) -> str:
        """Why an experiment that runs is not dealt; empty where it is, or none runs."""
        return "" if self.current is None else self.current.traffic.suspended

    def own_faults(self) -> list[str]:
        """Return what is not as it should be of log, budget, shadow and returns."""
        found = [self.recorder.fault]
        found += [] if self.log is None else [self.log.state.fault]
        found += [] if self._shadow is None else [self._shadow.state.fault]
        return found if self._budget is None else [*found, self._budget.fault]

    def told(self) -> dict[str, Any]:
        """Return what a person is told of what is served."""
        current = self.current
        if current is None:
            return {"champion": BASELINE, "versions": []}
        traffic, experiment = current.traffic, current.traffic.experiment
        return {
            "champion": traffic.champion,
            "previous": traffic.previous,
            "canary_share": traffic.canary_share(time.time()),
            "holdout_share": self.settings.holdout.share,
            "experiment": None if experiment is None else experiment._asdict(),
            "returned": sorted(traffic.returned),
            "ledger_row": current.row,
            "versions": [
                {
                    "version": name,
                    "digest": one.predictor.digest,
                    "compiled": one.compiled,
                    "why_not": one.predictor.manifest.why,
                    "bytes": one.predictor.nbytes,
                }
                for name, one in current.versions.items()
            ],
            "not_loaded": dict(self.versions.faults),
        }

    def faults(self, rows: Sequence[Any]) -> list[RowFault]:
        """Return what is wrong with the rows of a request.

        Raises:
            NothingToServeError: If no version was ever promoted.
        """
        return self._now().checker.check(rows)

    def _now(self) -> Current:
        current = self.current
        if current is None or current.usual is None:
            why = "; ".join(self.versions.faults.values()) or "no version was promoted yet"
            raise NothingToServeError(f"{self.name}: {why}; `kpi-gate status` says more")
        return current

    async def decide(self, rows: Sequence[Row]) -> tuple[list[Answer], bool]:
        """Decide on rows that have no fault, and log it.

        Returns:
            The answers, and whether the log has taken them.

        Raises:
            NothingToServeError: If no version was ever promoted.
            ProcessError: If the model process gives no answer.
        """
        current, now = self._now(), time.time()
        ids = [row.get("id") or secrets.token_hex(12) for row in rows]
        assign = current.traffic.assign
        dealt = [assign(row["unit"], now, one, row) for row, one in zip(rows, ids, strict=True)]
        own = await self._made(current, [one.version for one in dealt], rows, ids)
        if self._budget is not None:
            own = _within(self._budget, rows, own, now)
        other = await self._others(current, dealt, rows, ids)
        answers = [
            _answer(current.traffic, rows[at], ids[at], dealt[at], own[at], other.get(at))
            for at in range(len(rows))
        ]
        watch = self.guard.watch
        if watch is not None:
            for row, one, made in zip(rows, dealt, own, strict=True):
                watch.add(one, row["unit"], made)
        if self.log is None:
            return answers, False
        records = [
            _record(current, rows[at], dealt[at], own[at], other.get(at), answers[at], now)
            for at in range(len(rows))
        ]
        if self._shadow is not None:
            records = [
                record
                for record, one, row in zip(records, dealt, rows, strict=True)
                if one.shadow is None or not self._shadow.put(one.shadow, record, row)
            ]
        return answers, self.log.put(records) if records else True

    def shadow(self, version: str, rows: Sequence[Row]) -> Made | None:
        """Let a version score rows for the log alone, in the shadow's own thread."""
        current = self.current
        held = None if current is None else current.versions.get(version)
        if held is None or self._loop is None:
            return None
        made = held.decide_here(rows)
        if made is not None:
            return made
        ids = [row.get("id") or secrets.token_hex(12) for row in rows]
        asked = asyncio.run_coroutine_threadsafe(held.decide(_named(rows, ids)), self._loop)
        return asked.result(SHADOW_SECONDS)

    async def _made(
        self, current: Current, versions: Sequence[str], rows: Sequence[Row], ids: Sequence[str]
    ) -> list[One]:
        """Let each row's version decide, all rows of one version together."""
        if len(rows) == 1:
            return (await self._by(current, versions[0], rows, ids)).rows()
        groups: dict[str, list[int]] = {}
        for place, version in enumerate(versions):
            groups.setdefault(version, []).append(place)
        asked = [
            self._by(current, version, [rows[p] for p in group], [ids[p] for p in group])
            for version, group in groups.items()
        ]
        found: dict[int, One] = {}
        for group, made in zip(groups.values(), await asyncio.gather(*asked), strict=True):
            found.update(zip(group, made.rows(), strict=True))
        return [found[place] for place in range(len(rows))]

    async def _by(
        self, current: Current, version: str, rows: Sequence[Row], ids: Sequence[str]
    ) -> Made:
        """Let one version decide; what is in use for want of one is the rule of thumb."""
        held = current.versions.get(version)
        if held is None:
            assert current.usual is not None  # noqa: S101  (see `_now`)
            return await current.usual.rule_of_thumb(_named(rows, ids))
        made = held.decide_here(rows)
        return made if made is not None else await held.decide(_named(rows, ids))

    async def _others(
        self, current: Current, dealt: Sequence[Assigned], rows: Sequence[Row], ids: Sequence[str]
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
        made = await self._made(
            current,
            list(versions.values()),
            [rows[place] for place in versions],
            [ids[place] for place in versions],
        )
        return {place: one.action for place, one in zip(versions, made, strict=True)}


def _shadow_of(service: Service) -> Shadow:
    log = service.log
    assert log is not None  # noqa: S101  (nothing is scored for a log that is not there)
    return Shadow(service.shadow, log.put)


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


def _named(rows: Sequence[Row], ids: Sequence[str]) -> list[Row]:
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
