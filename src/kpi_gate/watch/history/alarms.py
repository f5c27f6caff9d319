"""Which alarms monitoring raised, and which of them what people did afterwards proved right."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.text import mapping
from kpi_gate.watch.finding import Severity
from kpi_gate.watch.history.events import Event, words

Judgement = Literal["true", "false", "open"]
FOLLOWS = timedelta(days=14)
RULE = (
    "An alarm is a severe finding or a warning; the same check of the same column in consecutive "
    "runs is one alarm. It is true if a day was quarantined for it and not all such days were "
    "released, or if a rollback or a promotion followed. It is false if every day that was "
    "quarantined for it was released. Else it is open: nobody has judged it. An act is for an "
    "alarm if its own run did it, or if within 14 days its reason names the check or repeats what "
    "it said. What a run did by itself counts until a person takes it back."
)


class Alarm(Frozen):
    """One alarm: a check that found fault in consecutive runs.

    Attributes:
        check: Name of the check.
        column: Column that it is about; empty where it is about all of them.
        severity: The worst that it was.
        first: Moment of the first run that found it, UTC.
        last: Moment of the last run.
        runs: Number of runs that found it.
        sentence: What the last run found.
        judged: `true`, `false`, or `open`: judged by nobody.
        because: What judged it; empty where nothing did.
    """

    check: str
    column: str
    severity: Severity
    first: AwareDatetime
    last: AwareDatetime
    runs: int
    sentence: str
    judged: Judgement
    because: str


@dataclass
class _Episode:
    """One alarm as it is being put together: the runs that found it, and what each one found."""

    check: str
    column: str
    runs: list[Event] = field(default_factory=list)
    found: list[Mapping[str, object]] = field(default_factory=list)

    def is_named_in(self, text: str) -> bool:
        said = (words(one.get("sentence")) for one in self.found)
        return _names(text, self.check) or any(one and one in text for one in said)

    def own_run(self, about: str) -> Iterator[Event]:
        """Yield the runs that act by themselves: where it was severe, and about this."""
        for run, found in zip(self.runs, self.found, strict=True):
            if found.get("severity") == "severe" and found.get("about") == about:
                yield run

    def spans(self, event: Event) -> bool:
        return self.runs[0].when <= event.when <= self.runs[-1].when + FOLLOWS

    def judged(self, judgement: Judgement, because: str) -> Alarm:
        severe = any(one.get("severity") == "severe" for one in self.found)
        return Alarm(
            check=self.check,
            column=self.column,
            severity="severe" if severe else "warning",
            first=self.runs[0].when,
            last=self.runs[-1].when,
            runs=len(self.runs),
            sentence=words(self.found[-1].get("sentence")),
            judged=judgement,
            because=because,
        )


def monitor_runs(events: Iterable[Event]) -> list[Event]:
    """Return the monitor runs by their moments; of several on one moment, the last."""
    latest = {event.when: event for event in events if event.kind == "monitor"}
    return [latest[when] for when in sorted(latest)]


def quarantined(events: Iterable[Event]) -> dict[str, Event]:
    """Return each day that was ever quarantined, with the last row that says something of it."""
    return {
        words(day): event
        for event in events
        if event.kind == "quarantine"
        for day in event.listed("days")
        if words(day)
    }


def alarms(events: Sequence[Event]) -> list[Alarm]:
    """Put the findings of consecutive runs together and judge each alarm, oldest first."""
    made = [episode.judged(*_judge(episode, events)) for episode in _episodes(monitor_runs(events))]
    return sorted(made, key=lambda alarm: (alarm.first, alarm.check, alarm.column))


def _episodes(runs: Iterable[Event]) -> list[_Episode]:
    every: list[_Episode] = []
    going: dict[tuple[str, str], _Episode] = {}
    for run in runs:
        found = _loud(run)
        going = {key: episode for key, episode in going.items() if key in found}
        for key, finding in found.items():
            if key not in going:
                going[key] = _Episode(*key)
                every.append(going[key])
            going[key].runs.append(run)
            going[key].found.append(finding)
    return every


def _loud(run: Event) -> dict[tuple[str, str], Mapping[str, object]]:
    """Return the findings of a run that are alarms, the worst of each check and column."""
    loud = [
        found
        for found in map(mapping, run.listed("findings"))
        if found.get("severity") in get_args(Severity)[:2] and words(found.get("check"))
    ]
    ranked = sorted(loud, key=lambda found: found["severity"] == "severe")
    return {(words(one.get("check")), words(one.get("column"))): one for one in ranked}


def _judge(episode: _Episode, events: Sequence[Event]) -> tuple[Judgement, str]:
    days, last = _days_taken(episode, events), quarantined(events)
    kept = [day for day in days if last[day].text("action") != "release"]
    if kept:
        return "true", f"{', '.join(kept)} stays in quarantine"
    act = _act(episode, events)
    if act:
        return "true", act
    if days:
        reasons = {last[day].text("reason") for day in days} - {""}
        why = f": {'; '.join(sorted(reasons))}" if reasons else ""
        return "false", f"{', '.join(days)} was released{why}"
    return "open", ""


def _days_taken(episode: _Episode, events: Sequence[Event]) -> list[str]:
    """Return the days that were quarantined for an alarm."""
    own = {run.when for run in episode.own_run("data")}
    taken = [
        event
        for event in events
        if event.kind == "quarantine"
        and event.text("action") != "release"
        and episode.spans(event)
        and (event.when in own or episode.is_named_in(event.text("reason")))
    ]
    return sorted({words(day) for event in taken for day in event.listed("days")} - {""})


def _act(episode: _Episode, events: Sequence[Event]) -> str:
    """Return the first rollback or promotion that the alarm led to; empty without one."""
    for run in episode.own_run("model"):
        if "rolled back" in run.text("action"):
            return f"{run.text('action')} on {run.when:%Y-%m-%d}"
    for event in filter(episode.spans, events):
        if event.kind == "rollback" and episode.is_named_in(event.text("reason")):
            to = event.text("version") or "the rule of thumb"
            return f"rolled back to {to} on {event.when:%Y-%m-%d}"
        if event.kind == "done" and episode.is_named_in(_why_promoted(event, events)):
            return f"{event.text('version')} was promoted on {event.when:%Y-%m-%d}"
    return ""


def _why_promoted(done: Event, events: Sequence[Event]) -> str:
    """Return why a promotion came about: a person's force, or the last choice to retrain."""
    texts = [done.text("forced")]
    decided = [
        one.number for one in events if one.kind == "decision" and one.subject == done.subject
    ]
    before = decided[-1] if decided else done.number
    choices = [one for one in events if one.kind == "choice" and one.number < before]
    if choices and choices[-1].text("action") == "retrain":
        proposals = map(mapping, choices[-1].listed("proposals"))
        texts += [choices[-1].text("reason"), *(words(one.get("reason")) for one in proposals)]
    return " ".join(texts)


def _names(text: str, check: str) -> bool:
    """Whether a text names a check, written with underscores or spaces."""
    wanted = re.escape(check.replace("_", " ").casefold())
    said = text.replace("_", " ").casefold()
    return re.search(rf"(?<!\w){wanted}(?!\w)", said) is not None
