"""What staleness costs: a challenger, trained on newer rows, against the champion on later days."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from kpi_gate.data.quarantine import outside
from kpi_gate.decision.evidence import Contender, Window
from kpi_gate.decision.staleness import Staleness, measure_staleness
from kpi_gate.evaluation.daily import differences_in_money, good_days, judged, sum_by_day
from kpi_gate.evaluation.metrics import estimate_sides
from kpi_gate.evaluation.scored_model import make_side
from kpi_gate.learning.label_maturity import measure_maturity
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import Windows, plan_windows, within
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.candidate import train_candidate
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.watch.context import Watch

BETWEEN_CHALLENGES = timedelta(days=7)  # each is a whole training


@dataclass(frozen=True)
class Challenge:
    """What a challenger came to against the champion, day by day.

    Attributes:
        unit: Unit of the KPI, such as EUR.
        days: One row a judged day: `day`, `number` (days since 1970), `money` (sum of
            value(challenger) - value(champion)) and `decisions`; None where nothing was judged.
        decisions_per_day: Decisions due in a day of the window, also those whose outcome is late.
        window: From the first judged day to the last; None where nothing was judged.
        reason: Why nothing was judged; empty where something was.
    """

    unit: str
    days: pd.DataFrame | None = None
    decisions_per_day: float | None = None
    window: Window | None = None
    reason: str = ""

    def staleness(self, confidence: float) -> Staleness:
        """Measure what staleness costs a day, or say why that is not known."""
        if self.days is None:
            return Staleness(unit=self.unit, confidence=confidence, unknown=self.reason)
        return measure_staleness(
            self.days["money"],
            self.days["decisions"],
            confidence,
            unit=self.unit,
            day=self.days["number"],
            decisions_per_day=self.decisions_per_day,
        )


def challenge(
    run: Run,
    rows: pd.DataFrame,
    champion: Model,
    folder: Path,
    quarantined: AbstractSet[date] = frozenset(),
) -> Challenge:
    """Train a challenger and judge it on the last mature days, which neither side has seen.

    It is trained as a retraining would train it, on what was known before the first judged day.
    Where an action hides outcomes, its gain is that of the worst, as at the gate.

    Args:
        run: The use case and the moment.
        rows: The rows known then.
        champion: The champion, or the baseline that stands in for one.
        folder: Where the challenger's files go.
        quarantined: Days in UTC that count neither for training nor for judging.

    Returns:
        The days, or why there are none: a champion that is newer than the mature rows, too little
        to train on, a side that cannot score.
    """
    unit = run.use_case.settings.objective.unit
    good = outside(rows, quarantined)
    try:
        if good.empty:
            raise _NothingToJudgeError("there are no rows")
        lengths = run.use_case.settings.window
        measured = measure_maturity(good, run.as_of, lengths.label_delay_days).measured_days
        lay_out = partial(plan_windows, good["event_time"], as_of=run.as_of, measured_days=measured)
        end = lay_out(settings=lengths).gate.end
        days = _judged_days(run, champion.card.contender, end, quarantined)
        # a retraining's windows, with the judged days for its gate window
        span = (end - days[0]).days
        fixed = {"gate_min_days": span, "gate_max_days": span, "gate_min_rows": 1}
        windows = lay_out(settings=lengths.model_copy(update=fixed))
        challenger = train_candidate(run, good, windows, folder, frozen="")
        return _judge(run, good, windows, len(days), champion, challenger)
    except (_NothingToJudgeError, Refusal, ScoringError, ModelError) as refused:
        return Challenge(unit=unit, reason=str(refused))


def measured_staleness(watch: Watch, quarantined: AbstractSet[date]) -> tuple[Staleness, datetime]:
    """Return what staleness costs, and when that was measured: once a week for each champion."""
    run = watch.run
    for entry in reversed(run.history.of_kind("monitor")):
        told, at = entry.body.get("staleness"), entry.body.get("staleness_as_of")
        if told and at and entry.body["champion"] == watch.champion.name:
            last, made = Staleness.model_validate(told), datetime.fromisoformat(at)
            if last.is_known and timedelta(0) <= run.as_of - made < BETWEEN_CHALLENGES:
                return last, made
    found = challenge(run, watch.rows, watch.champion, run.work / "challenger", quarantined)
    return found.staleness(run.use_case.settings.trigger.confidence), run.as_of


class _NothingToJudgeError(Exception):
    """There is no fair comparison; the message says why."""


def _judged_days(
    run: Run, champion: Contender, end: datetime, quarantined: AbstractSet[date]
) -> list[datetime]:
    """Return the last mature days, if the champion has seen none of them and learnt before."""
    days = good_days(end, run.use_case.settings.trigger.judged_days, quarantined)
    seen, learnt = champion.seen_until(), champion.trained_until
    if seen is not None and seen > days[0]:
        fresh = sum(day >= seen for day in days)
        raise _NothingToJudgeError(
            f"{fresh} of the {len(days)} judged days before {end:%Y-%m-%d} are fresh for champion "
            f"{champion.name}, which has seen all until {seen:%Y-%m-%d}; all must be"
        )
    if learnt is not None and learnt >= days[0]:
        raise _NothingToJudgeError(
            f"champion {champion.name} has learnt until {learnt:%Y-%m-%d}: a challenger that can "
            "be judged would be no newer"
        )
    return days


def _judge(
    run: Run, rows: pd.DataFrame, windows: Windows, length: int, champion: Model, challenger: Model
) -> Challenge:
    """Score both sides on the judged days and add up each day."""
    use_case = run.use_case
    due = rows[within(rows, windows.gate)]
    gate = due[judged(due)].reset_index(drop=True)
    if gate.empty:
        words = f"no day of {windows.gate} has its outcomes: {len(due)} decisions are due"
        raise _NothingToJudgeError(words)
    rate = challenger.card.outcome_rate
    with threadpool_limits(int(use_case.settings.model["threads"])):
        newer = make_side("challenger", challenger, use_case, gate, rate)
        older = make_side("champion", champion, use_case, gate, rate)
    found = estimate_sides(newer, older, use_case, gate)
    if found.faults:
        raise _NothingToJudgeError("; ".join(found.faults))
    is_ratio = use_case.settings.estimator.kind == "ratio"
    days = sum_by_day(gate, *differences_in_money(found, is_ratio=is_ratio))
    volume = float(days["decisions"].sum()) * len(due) / len(gate) / length
    return Challenge(use_case.settings.objective.unit, days, volume, windows.gate)
