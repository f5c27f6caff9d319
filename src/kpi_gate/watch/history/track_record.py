"""Tell from the ledger what became of a use case: promised and realised, decided and undone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record.ledger import Entry
from kpi_gate.text import finite
from kpi_gate.watch.history.alarms import alarms, monitor_runs, quarantined
from kpi_gate.watch.history.events import Event, events
from kpi_gate.watch.history.result import History, Lead, Measured, Promotion, Rollback

__all__ = ["History", "history"]
DAY = 86_400


def history(
    use_case: str,
    entries: Iterable[Entry],
    now: datetime,
    *,
    title: str = "",
    fault: str = "",
) -> History:
    """Tell the history of one use case.

    Args:
        use_case: Its name.
        entries: Its entries in the ledger; whatever a row does not say is not known.
        now: The present moment, UTC.
        title: Its title; by default its name.
        fault: Why it cannot be loaded, for the reader.
    """
    told = events(entries)
    decided = {event.subject: event for event in told if event.kind == "decision"}
    champion, since = _champion(told)
    trained = _trained_until(champion, decided.values())
    promotions = _promotions(told, decided)
    moved = [event for event in told if event.kind == "rollback"]
    choices = (
        f"{one.text('action') or 'unknown'}: {one.text('rule') or 'unknown'}"
        for one in told
        if one.kind == "choice"
    )
    return History(
        use_case=use_case,
        title=title or use_case,
        fault=fault,
        now=now,
        entries=len(told),
        champion=champion,
        since=since,
        days_in_use=_days(since, now),
        age_days=_days(trained, now),
        verdicts=_verdicts(decided.values()),
        promotions=promotions,
        series=_series(told, promotions),
        lead=_lead(told, decided),
        rollbacks=tuple(map(_rollback, moved)),
        choices=dict(sorted(Counter(choices).items())),
        runs=sum(event.kind == "monitor" for event in told),
        alarms=tuple(alarms(told)),
        quarantined=tuple(
            sorted(d for d, last in quarantined(told).items() if last.text("action") != "release")
        ),
    )


def _champion(told: Sequence[Event]) -> tuple[str, datetime | None]:
    moves = [event for event in told if event.kind in ("done", "rollback")]
    return (moves[-1].text("version") or BASELINE, moves[-1].at) if moves else (BASELINE, None)


def _trained_until(champion: str, decided: Iterable[Event]) -> datetime | None:
    known = [
        one.moment_at("decision", "lineage", "candidate", "trained_until")
        for one in decided
        if one.text("version") == champion
    ]
    return known[-1] if known else None


def _days(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds() / DAY


def _verdicts(decided: Iterable[Event]) -> dict[str, int]:
    counts = Counter(one.text("verdict") or "unknown" for one in decided)
    order = [*Verdict, *sorted(set(counts) - set(Verdict))]
    return {str(name): counts[name] for name in order if counts[name]}


def _promotions(told: Sequence[Event], decided: Mapping[str, Event]) -> tuple[Promotion, ...]:
    made = []
    for index, event in enumerate(told):
        if event.kind == "done":
            later = told[index + 1 :]
            undone = any(one.kind == "rollback" and one.subject == event.subject for one in later)
            made.append(_promotion(event, decided.get(event.subject), told, undone))
    return tuple(made)


def _promotion(
    done: Event, decision: Event | None, told: Sequence[Event], undone: bool
) -> Promotion:
    version = done.text("version")
    promised, booked = _promise(decision)
    measured = [
        run
        for run in monitor_runs(told)
        if run.text("champion") == version and _gain(run, "per_decision") is not None
    ]
    last = measured[-1] if measured else None
    realised, decisions = (
        (None, None) if last is None else (_gain(last, "per_decision"), _gain(last, "decisions"))
    )
    return Promotion(
        version=version,
        replaced=done.text("from") or BASELINE,
        at=done.at,
        as_of=decision.moment_at("as_of") if decision else None,
        forced=done.text("forced"),
        taken_back=undone,
        unit=decision.text_at("decision", "unit") if decision else "",
        promised=promised,
        booked=booked,
        realised=realised,
        lower=_gain(last, "lower") if last else None,
        upper=_gain(last, "upper") if last else None,
        earned=_times(realised, decisions),
        measured=last.when if last else None,
    )


def _promise(decision: Event | None) -> tuple[float | None, float | None]:
    """Return the shrunk gain per decision, and over the horizon after the switch cost."""
    if decision is None:
        return None, None
    shrunk = decision.number_at("decision", "gain", "shrunk")
    whole = _times(shrunk, decision.number_at("decision", "horizon_decisions"))
    switch = decision.number_at("decision", "switch_cost")
    return shrunk, None if whole is None or switch is None else finite(whole - switch)


def _gain(run: Event, name: str) -> float | None:
    return run.number_at("realised", "gain", name)


def _times(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else finite(one * other)


def _series(told: Sequence[Event], promotions: Sequence[Promotion]) -> tuple[Measured, ...]:
    booked = {one.version: one.promised for one in promotions}
    points = []
    for run in monitor_runs(told):
        realised, champion = _gain(run, "per_decision"), run.text("champion")
        if realised is not None:
            promised = run.number_at("realised", "promised")
            points.append(
                Measured(
                    as_of=run.when,
                    champion=champion,
                    promised=booked.get(champion) if promised is None else promised,
                    realised=realised,
                    lower=_gain(run, "lower"),
                    upper=_gain(run, "upper"),
                )
            )
    return tuple(points)


def _lead(told: Sequence[Event], decided: Mapping[str, Event]) -> tuple[Lead, ...]:
    data = (
        _days(one.moment_at("decision", "lineage", "window", "end"), one.moment_at("as_of"))
        for one in decided.values()
    )
    written = (_days(one.moment_at("as_of"), one.at) for one in decided.values())
    released = (
        _days(decided[one.subject].at, one.at)
        for one in told
        if one.kind == "done" and one.subject in decided
    )
    return (
        _median("evidence ends, until the moment of the decision", data),
        _median("moment of the decision, until it is on record", written),
        _median("decision on record, until in production", released),
    )


def _median(part: str, days: Iterable[float | None]) -> Lead:
    known = [value for value in days if value is not None]
    return Lead(part=part, days=median(known) if known else None, times=len(known))


def _rollback(event: Event) -> Rollback:
    return Rollback(
        at=event.at,
        version=event.text("version") or BASELINE,
        taken_back=event.text("from") or BASELINE,
        reason=event.text("reason"),
    )
