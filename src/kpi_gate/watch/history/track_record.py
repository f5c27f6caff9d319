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
from kpi_gate.watch.history.result import History, Lead, Measured, Promotion, Reign, Rollback

KINDS = ("decision", "done", "rollback", "choice", "monitor")


def history(
    use_case: str, entries: Iterable[Entry], now: datetime, *, title: str = "", fault: str = ""
) -> History:
    """Tell the history of one use case; whatever a row of the ledger does not say is not known.

    Args:
        use_case: Its name.
        entries: Its entries in the ledger.
        now: The present moment, UTC.
        title: Its title; by default its name.
        fault: Why it cannot be loaded, for the reader.
    """
    told = events(entries)
    of_kind = {kind: [event for event in told if event.kind == kind] for kind in KINDS}
    decided = {event.subject: event for event in of_kind["decision"]}
    moves = [event for event in told if event.kind in ("done", "rollback")]
    champion = (moves[-1].text("version") if moves else "") or BASELINE
    # a history that is run through later happens at its own ticks, not when it is run
    since = moves[-1].when if moves else None
    until = max((event.when for event in told), default=None)
    trained = [
        one.moment("decision", "lineage", "candidate", "trained_until")
        for one in decided.values()
        if one.text("version") == champion
    ]
    choices = Counter(
        f"{one.text('action') or 'unknown'}: {one.text('rule') or 'unknown'}"
        for one in of_kind["choice"]
    )
    measured = [run for run in monitor_runs(told) if _gain(run, "per_decision") is not None]
    promotions = _promotions(of_kind["done"], of_kind["rollback"], decided, measured)
    held = {day for day, last in quarantined(told).items() if last.text("action") != "release"}
    return History(
        use_case=use_case,
        title=title or use_case,
        fault=fault,
        now=now,
        entries=len(told),
        champion=champion,
        since=since,
        days_in_use=_days(since, until),
        age_days=_days(trained[-1] if trained else None, until),
        until=until,
        verdicts=_verdicts(decided.values()),
        promotions=promotions,
        series=_series(measured, promotions),
        reigns=_reigns(told, moves),
        lead=_lead(of_kind["done"], decided),
        rollbacks=tuple(map(_rollback, of_kind["rollback"])),
        choices=dict(sorted(choices.items())),
        runs=len(of_kind["monitor"]),
        alarms=tuple(alarms(told)),
        quarantined=tuple(sorted(held)),
    )


def gains(entries: Iterable[Entry]) -> tuple[Measured, ...]:
    """Return what each monitor run of one use case measured, promised beside realised."""
    runs = [run for run in monitor_runs(events(entries)) if _gain(run, "per_decision") is not None]
    return _series(runs, ())


def _days(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds() / 86_400


def _verdicts(decided: Iterable[Event]) -> dict[str, int]:
    counts = Counter(one.text("verdict") or "unknown" for one in decided)
    order = [*Verdict, *sorted(set(counts) - set(Verdict))]
    return {str(name): counts[name] for name in order if counts[name]}


def _promotions(
    done: Iterable[Event],
    rollbacks: Iterable[Event],
    decided: Mapping[str, Event],
    measured: Iterable[Event],
) -> tuple[Promotion, ...]:
    undone = {event.subject: event.number for event in rollbacks}  # the last one of each
    last = {run.text("champion"): run for run in measured}
    return tuple(
        _promotion(
            event,
            decided.get(event.subject),
            last.get(event.text("version")),
            taken_back=undone.get(event.subject, 0) > event.number,
        )
        for event in done
    )


def _promotion(
    done: Event, decision: Event | None, last: Event | None, *, taken_back: bool
) -> Promotion:
    promised, booked = _promise(decision)
    realised, decisions, lower, upper = (
        _gain(last, name) if last else None
        for name in ("per_decision", "decisions", "lower", "upper")
    )
    return Promotion(
        version=done.text("version"),
        replaced=done.text("from") or BASELINE,
        at=done.at,
        when=done.when,
        as_of=decision.moment("as_of") if decision else None,
        forced=done.text("forced"),
        taken_back=taken_back,
        unit=decision.text("decision", "unit") if decision else "",
        promised=promised,
        booked=booked,
        realised=realised,
        lower=lower,
        upper=upper,
        earned=_times(realised, decisions),
        measured=last.when if last else None,
    )


def _promise(decision: Event | None) -> tuple[float | None, float | None]:
    """Return the shrunk gain per decision, and over the horizon after the switch cost."""
    if decision is None:
        return None, None
    shrunk = decision.figure("decision", "gain", "shrunk")
    whole = _times(shrunk, decision.figure("decision", "horizon_decisions"))
    switch = decision.figure("decision", "switch_cost")
    return shrunk, None if whole is None or switch is None else finite(whole - switch)


def _gain(run: Event, name: str) -> float | None:
    return run.figure("realised", "gain", name)


def _times(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else finite(one * other)


def _series(measured: Iterable[Event], promotions: Iterable[Promotion]) -> tuple[Measured, ...]:
    booked = {one.version: one.promised for one in promotions}
    points = []
    for run in measured:
        champion, promised = run.text("champion"), run.figure("realised", "promised")
        point = {
            "as_of": run.when,
            "champion": champion,
            "promised": booked.get(champion) if promised is None else promised,
            "realised": _gain(run, "per_decision"),
            "lower": _gain(run, "lower"),
            "upper": _gain(run, "upper"),
            "since": run.moment("realised", "since"),
            "decisions": _gain(run, "decisions"),
        }
        points.append(Measured.model_validate(point))
    return tuple(points)


def _reigns(told: Sequence[Event], moves: Sequence[Event]) -> tuple[Reign, ...]:
    """Tell who was in use from which tick to which."""
    if not told:
        return ()
    starts = [(BASELINE, told[0].when)]
    starts += [(move.text("version") or BASELINE, move.when) for move in moves]
    ends = [*(start for _, start in starts[1:]), max(event.when for event in told)]
    return tuple(
        Reign(version=version, start=start, end=max(start, end))
        for (version, start), end in zip(starts, ends, strict=True)
        if version != BASELINE or end.date() > start.date()
    )


def _lead(done: Iterable[Event], decided: Mapping[str, Event]) -> tuple[Lead, ...]:
    data = (
        _days(one.moment("decision", "lineage", "window", "end"), one.moment("as_of"))
        for one in decided.values()
    )
    written = (_days(one.moment("as_of"), one.at) for one in decided.values())
    released = (_days(decided[one.subject].at, one.at) for one in done if one.subject in decided)
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
        when=event.when,
        version=event.text("version") or BASELINE,
        taken_back=event.text("from") or BASELINE,
        reason=event.text("reason"),
    )
