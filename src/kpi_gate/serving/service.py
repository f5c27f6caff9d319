"""One use case in service: what the ledger says of it, what is loaded for it, what it answers.

Each request reads `current` once and keeps it, so that none mixes two champions; a new one takes
over between two requests, by one assignment.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.serving import places
from kpi_gate.serving.answering import Answer, Current, Row, by, ids_of, named, take
from kpi_gate.serving.budget import Budget
from kpi_gate.serving.canary_guard import CanaryGuard
from kpi_gate.serving.errors import NothingToServeError, ServingError
from kpi_gate.serving.follow import Acted, Standing
from kpi_gate.serving.log.writer import DecisionLog
from kpi_gate.serving.releases import Release, version_before
from kpi_gate.serving.reports import Served
from kpi_gate.serving.returning import Recorder
from kpi_gate.serving.schema import Checker, RowFault
from kpi_gate.serving.shadow import Shadow
from kpi_gate.serving.state import Returns
from kpi_gate.serving.traffic import Traffic
from kpi_gate.serving.usual import Usual, comparable
from kpi_gate.serving.versions import Made, Version, Versions
from kpi_gate.usecase.serving_settings import ServingSettings

SHADOW_SECONDS = 10.0  # until a shadow in the model process is given up
ACTS = "expected_value"  # the kind of policy whose actions are 0 and 1
NEVER = datetime.fromtimestamp(0, UTC)


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
            new = await by(current, traffic.champion, rows, ids)
            both = comparable(new, await by(current, traffic.previous, rows, ids))
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
        if self.current is None:
            return {"champion": BASELINE, "versions": []}
        share, faults = self.settings.holdout.share, dict(self.versions.faults)
        return {**self.current.told(), "holdout_share": share, "not_loaded": faults}

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
        taken = await take(self._now(), rows, self._budget)
        answers = [one.answer for one in taken]
        watch = self.guard.watch
        if watch is not None:
            for one in taken:
                watch.add(one.dealt, one.row["unit"], one.made)
        if self.log is None:
            return answers, False
        records = [
            one.record
            for one in taken
            if self._shadow is None
            or one.dealt.shadow is None
            or not self._shadow.put(one.dealt.shadow, one.record, one.row)
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
        asked = asyncio.run_coroutine_threadsafe(held.decide(named(rows, ids_of(rows))), self._loop)
        return asked.result(SHADOW_SECONDS)


def _shadow_of(service: Service) -> Shadow:
    log = service.log
    assert log is not None  # noqa: S101  (nothing is scored for a log that is not there)
    return Shadow(service.shadow, log.put)
