"""What the champion in use earns, what its staleness costs, and what moved around it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from threadpoolctl import threadpool_limits

from kpi_gate.data.quarantine import outside
from kpi_gate.decision.evidence import Window
from kpi_gate.decision.staleness import Staleness
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.record.dvc_stages import clear
from kpi_gate.record.model_files import ModelError
from kpi_gate.run.champion import stand_in
from kpi_gate.watch.context import Watch
from kpi_gate.watch.drift.explain import explain
from kpi_gate.watch.drift.result import DriftReport
from kpi_gate.watch.finding import Finding, model_finding
from kpi_gate.watch.value.challenger import challenge
from kpi_gate.watch.value.realised import Realised, realise

BETWEEN_CHALLENGES = timedelta(days=7)  # each is a whole training
DRIFT_DAYS = 7


@dataclass(frozen=True)
class Measured:
    """What staleness costs, and when that was measured.

    Attributes:
        staleness: What it costs a day.
        as_of: The moment of the measure, UTC.
    """

    staleness: Staleness
    as_of: datetime


def realised(watch: Watch, quarantined: AbstractSet[date]) -> tuple[Realised | None, list[Finding]]:
    """Value the champion since its promotion, with what stands in the way of it.

    Args:
        watch: The look.
        quarantined: Days in UTC that do not count.

    Returns:
        None for the baseline, which nobody promoted.
    """
    run, name = watch.run, watch.champion.name
    history = run.history
    decided = history.decision_on(name)
    if watch.champion.estimator is None or decided is None:
        return None, []
    body, found = decided.body, []
    before = next(
        (e.body["from"] for e in reversed(history.standing) if e.body["version"] == name), ""
    )
    folder, replaced = run.work / "replaced", None
    clear(folder)
    try:
        replaced = run.fetch(before, folder) if before else stand_in(run, folder)
    except ModelError as error:
        words = f"{before} cannot be read, so neither is it a way back nor the gain over it known: "
        found.append(model_finding("replaced_readable", "warning", f"{words}{error}"))
    lineage, gain = body["decision"].get("lineage"), body["decision"].get("gain")
    told = realise(
        run,
        watch.rows,
        watch.champion,
        datetime.fromisoformat(body["as_of"]),
        gate=Window.model_validate(lineage["window"]) if lineage else None,
        replaced=replaced,
        promised=gain["shrunk"] if gain else None,
        quarantined=quarantined,
    )
    return told, found


def moved(watch: Watch) -> DriftReport | None:
    """Explain what moved in the last days; None where there is no model to ask, or no rows."""
    start = watch.batches.window.end - timedelta(days=DRIFT_DAYS)
    recent = watch.rows[watch.rows["event_time"] >= start]
    recent = outside(recent, watch.quarantined)
    older = watch.batches.reference
    older = older[older["event_time"] < start]
    if watch.champion.estimator is None or recent.empty or older.empty:
        return None
    use_case = watch.run.use_case
    try:
        with threadpool_limits(int(use_case.settings.model["threads"])):
            return explain(older, recent, use_case, watch.probability)
    except ScoringError:  # the health layer says so
        return None


def staleness(watch: Watch, quarantined: AbstractSet[date]) -> Measured:
    """Measure staleness once a week; in between the last measure of this champion stands.

    Args:
        watch: The look.
        quarantined: Days in UTC that do not count.
    """
    run = watch.run
    for entry in reversed(run.history.of_kind("monitor")):
        told, at = entry.body.get("staleness"), entry.body.get("staleness_as_of")
        if told and at and entry.body["champion"] == watch.champion.name:
            last = Measured(Staleness.model_validate(told), datetime.fromisoformat(at))
            age = run.as_of - last.as_of
            if last.staleness.is_known and timedelta(0) <= age < BETWEEN_CHALLENGES:
                return last
    found = challenge(run, watch.rows, watch.champion, run.work / "challenger", quarantined)
    return Measured(found.staleness(run.use_case.settings.trigger.confidence), run.as_of)
