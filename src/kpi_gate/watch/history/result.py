"""The record of one use case over time, as a frozen result."""

from collections.abc import Mapping

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.text import finite
from kpi_gate.watch.history.alarms import Alarm


class Promotion(Frozen):
    """One promotion, and what came of it; what is not known is None, never 0.

    Attributes:
        version: Version that was promoted.
        replaced: Champion before: a version, or `baseline`.
        at: When the alias moved, UTC.
        when: The same on the clock of the data: the tick that moved it.
        as_of: Moment of its decision.
        forced: Reason of a person who promoted against the verdict; empty without one.
        taken_back: Whether a rollback undid it.
        unit: Unit of the KPI, such as EUR.
        promised: Shrunk gain per decision, as booked, in `unit`.
        booked: The same over the horizon, after the switch cost, in `unit`.
        realised: Gain per decision over the side that it replaced, as the last monitor run of it
            measured.
        lower: One-sided lower bound of `realised`.
        upper: One-sided upper bound.
        earned: `realised` times the decisions it was measured on, in `unit`.
        measured: Moment of that run.
    """

    version: str
    replaced: str
    at: AwareDatetime
    when: AwareDatetime
    as_of: AwareDatetime | None
    forced: str
    taken_back: bool
    unit: str
    promised: float | None
    booked: float | None
    realised: float | None = None
    lower: float | None = None
    upper: float | None = None
    earned: float | None = None
    measured: AwareDatetime | None = None

    @property
    def kept(self) -> float | None:
        """Share of the promise that was realised; None where nothing was promised, or known."""
        if self.realised is None or self.promised is None or self.promised <= 0:
            return None
        return finite(self.realised / self.promised)


class Measured(Frozen):
    """Promised and realised gain per decision at one monitor run.

    Attributes:
        as_of: Moment of the run, UTC.
        champion: Who was champion.
        promised: Gain that was booked at its promotion; None where it is not known.
        realised: Gain since then.
        lower: One-sided lower bound; None where it is not known.
        upper: One-sided upper bound.
        since: Moment of the promotion; None where it is not known.
        decisions: Decisions since then of which the outcome is known.
    """

    as_of: AwareDatetime
    champion: str
    promised: float | None
    realised: float
    lower: float | None
    upper: float | None
    since: AwareDatetime | None = None
    decisions: float | None = None


class Reign(Frozen):
    """How long one side was in use, on the clock of the data.

    Attributes:
        version: The champion, or `baseline`.
        start: Moment of the tick that put it in use, UTC.
        end: Moment of the tick that replaced it, or of the last one.
    """

    version: str
    start: AwareDatetime
    end: AwareDatetime


class Lead(Frozen):
    """How long one part of the way from data to production took.

    Attributes:
        part: The part, in words.
        days: Median in days; None where it never happened.
        times: How often it was measured.
    """

    part: str
    days: float | None
    times: int


class Rollback(Frozen):
    """One rollback.

    Attributes:
        at: When the alias moved, UTC.
        when: The same on the clock of the data.
        version: Champion again; `baseline` where there was none before.
        taken_back: Version that was champion until then.
        reason: Why.
    """

    at: AwareDatetime
    when: AwareDatetime
    version: str
    taken_back: str
    reason: str


class History(Frozen):
    """The record of one use case over time.

    Attributes:
        use_case: Its name.
        title: Its title; its name where it cannot be loaded.
        fault: Why it cannot be loaded; empty where it can.
        now: Moment of the report, UTC.
        entries: Rows of the ledger that it comes from.
        champion: Version in use by the ledger, or `baseline`.
        since: Tick that put it in use; None for a baseline that was always there.
        days_in_use: Days from then until the last tick.
        age_days: Age of its newest training row at the last tick in days; None where it is not
            known.
        until: Moment of the last tick; None of an empty ledger.
        verdicts: Decisions by verdict, in the order of the verdicts.
        promotions: Every promotion, oldest first.
        series: Promised and realised gain at each monitor run that knew it.
        reigns: Who was in use when, oldest first.
        lead: The parts of the way from data to production.
        rollbacks: Every rollback, oldest first.
        choices: How often each rule led to a retraining or a skip, by `retrain: max_age`.
        runs: Monitor runs.
        alarms: Every alarm, oldest first.
        quarantined: Days that count neither for training nor for judging.
    """

    use_case: str
    title: str
    fault: str = ""
    now: AwareDatetime
    entries: int
    champion: str
    since: AwareDatetime | None
    days_in_use: float | None
    age_days: float | None
    until: AwareDatetime | None = None
    verdicts: Mapping[str, int]
    promotions: tuple[Promotion, ...]
    series: tuple[Measured, ...]
    reigns: tuple[Reign, ...] = ()
    lead: tuple[Lead, ...]
    rollbacks: tuple[Rollback, ...]
    choices: Mapping[str, int]
    runs: int
    alarms: tuple[Alarm, ...]
    quarantined: tuple[str, ...]

    @property
    def kept(self) -> float | None:
        """Share of all promised gains per decision that was realised, where both are known."""
        known = [one for one in self.promotions if one.kept is not None]
        promised = sum(one.promised or 0.0 for one in known)
        return finite(sum(one.realised or 0.0 for one in known) / promised) if known else None

    def judged(self, judgement: str) -> int:
        """Count the alarms that are `true`, `false` or `open`."""
        return sum(alarm.judged == judgement for alarm in self.alarms)
