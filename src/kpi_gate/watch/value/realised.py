"""What the champion has earned since its promotion, as far as outcomes are known, and before."""

from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pydantic import AwareDatetime

from kpi_gate.data.quarantine import outside
from kpi_gate.decision.evidence import Window
from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.stats.confidence_sequence import RECENT_DAYS, SuddenLoss, sudden_loss
from kpi_gate.evaluation.daily import midnight
from kpi_gate.evaluation.daily_value import Worth
from kpi_gate.evaluation.scored_model import Side
from kpi_gate.learning.label_maturity import Maturity
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import within
from kpi_gate.record.dvc_stages import clear
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.champion import stand_in
from kpi_gate.run.context import Run
from kpi_gate.watch.context import Watch
from kpi_gate.watch.finding import Finding, model_finding
from kpi_gate.watch.value.champion_rows import ChampionRows, score_champion, score_side
from kpi_gate.watch.value.estimated import BlindWindow, expect_value

FALSE_ALARM = 1 / 365  # with a look a day, about one a year at most


class Realised(Frozen):
    """What the champion has earned; what is not known is None, never 0.

    Attributes:
        unit: Unit of the KPI, such as EUR.
        champion: Name of the champion.
        since: Moment of its promotion, UTC.
        until: Outcomes of events before it are due.
        worth: Value per decision since the promotion.
        per_day: The same a day, in `unit`, with the decisions of which the outcome is late.
        lately: Value per decision of the last 28 days with due outcomes, since the promotion.
        at_gate: Its own value per decision in the window that promoted it.
        gain: Value per decision over the side that it replaced, since the promotion.
        gain_lately: The same of the last 28 days.
        promised: Gain per decision that was booked at its promotion.
        loss: Since when it earns less than before; None where it does not.
        blind: The decisions whose outcomes are not due yet.
        labels: How outcomes mature, and whether they still come; None without rows.
        unknown: Why `worth` is not known; empty where it is.
    """

    unit: str
    champion: str
    since: AwareDatetime
    until: AwareDatetime | None = None
    worth: Worth | None = None
    per_day: float | None = None
    lately: Worth | None = None
    at_gate: Worth | None = None
    gain: Worth | None = None
    gain_lately: Worth | None = None
    promised: float | None = None
    loss: SuddenLoss | None = None
    blind: BlindWindow | None = None
    labels: Maturity | None = None
    unknown: str = ""


def realised_value(
    watch: Watch, quarantined: AbstractSet[date]
) -> tuple[Realised | None, list[Finding]]:
    """Value the champion in use without days in quarantine, and say what stands in the way of it.

    It is None of the baseline, which nobody promoted.
    """
    run, name, found = watch.run, watch.champion.name, []
    decided = run.history.decision_on(name)
    if watch.champion.estimator is None or decided is None:
        return None, []
    promotions = (e for e in reversed(run.history.standing) if e.body["version"] == name)
    before = next((entry.body["from"] for entry in promotions), "")
    folder, replaced = run.work / "replaced", None
    clear(folder)
    try:
        replaced = run.fetch(before, folder) if before else stand_in(run, folder)
    except ModelError as error:
        words = f"{before} cannot be read, so neither is it a way back nor the gain over it known: "
        found.append(model_finding("replaced_readable", "warning", f"{words}{error}"))
    lineage, gain = (decided.body["decision"].get(part) for part in ("lineage", "gain"))
    told = realise(
        run,
        watch.rows,
        watch.champion,
        datetime.fromisoformat(decided.body["as_of"]),
        gate=Window.model_validate(lineage["window"]) if lineage else None,
        replaced=replaced,
        promised=gain["shrunk"] if gain else None,
        quarantined=quarantined,
    )
    return told, found


def realise(
    run: Run,
    rows: pd.DataFrame,
    champion: Model,
    since: datetime,
    *,
    gate: Window | None = None,
    replaced: Model | None = None,
    promised: float | None = None,
    quarantined: AbstractSet[date] = frozenset(),
) -> Realised:
    """Value the champion's decisions since its promotion by the outcomes that are due.

    Args:
        run: The use case and the moment.
        rows: The rows known then.
        champion: The champion, or the baseline.
        since: Moment of its promotion.
        gate: Window of the evidence that promoted it.
        replaced: The side that it replaced: its predecessor, or the baseline.
        promised: Gain per decision that was booked at its promotion.
        quarantined: Days in UTC that do not count.

    Returns:
        What it earned; where nothing can be said, why.
    """
    unit, good = run.use_case.settings.objective.unit, outside(rows, quarantined)
    told = Realised(unit=unit, champion="", since=since, promised=promised)
    if good.empty:
        return told.model_copy(update={"unknown": "there are no rows"})
    try:
        told = told.model_copy(update={"champion": champion.name})
        begin = since if gate is None else min(since, gate.start)
        view = score_champion(run, good, champion, begin)
        other = None
        if replaced is not None:
            other = score_side("replaced", replaced, champion, view.rows, run)
        return told.model_copy(update=_measured(view, since, gate, other, quarantined))
    except (ScoringError, ModelError) as refused:
        return told.model_copy(update={"unknown": str(refused)})


def _measured(
    view: ChampionRows,
    since: datetime,
    gate: Window | None,
    replaced: Side | None,
    quarantined: AbstractSet[date],
) -> dict[str, Any]:
    """Measure what it earned since its promotion, beside its own past and whom it replaced."""
    used = view.usable & view.since(since)
    lately = used & view.since(view.until - timedelta(days=RECENT_DAYS))
    worth, due = view.worth(used), int((view.due & view.since(since)).sum())
    bad = sum(since <= midnight(day) < view.until for day in quarantined)
    days = (view.until - since).total_seconds() / 86_400 - bad
    per_day = None
    if worth is not None and days > 0:
        per_day = worth.per_decision * worth.decisions * (due / int(used.sum())) / days
    known = view.usable & view.rows["outcome"].notna().to_numpy()
    start = max(view.until, since)
    blind = Window(start=start, end=max(view.run.as_of, start))
    found = {
        "until": view.until,
        "worth": worth,
        "per_day": per_day,
        "lately": view.worth(lately),
        "loss": _loss(view),
        "blind": expect_value(view.run.use_case, view.side, view.rows, known, blind),
        "labels": view.labels,
        "unknown": "" if worth else _why_unknown(since, view.until, due, view.labels),
    }
    if gate is not None:
        found["at_gate"] = view.worth(view.usable & within(view.rows, gate).to_numpy())
    if replaced is not None:
        found["gain"] = view.gain(replaced, used)
        found["gain_lately"] = view.gain(replaced, lately)
    return found


def _loss(view: ChampionRows) -> SuddenLoss | None:
    """Look for a day since when the champion earns less than it did."""
    if not view.usable.any():
        return None
    days = view.own_days(view.usable)
    days = days[(days["weight"] > 0) & np.isfinite(days["money"])]
    return sudden_loss(days["money"], days["weight"], days["number"], alpha=FALSE_ALARM)


def _why_unknown(since: datetime, until: datetime, due: int, labels: Maturity) -> str:
    if until <= since:
        return f"outcomes are due until {until:%Y-%m-%d}, before its promotion"
    if labels.stuck_since is not None:
        return f"no outcome has come since {labels.stuck_since:%Y-%m-%d}"
    if not due:
        return f"there are no decisions from {since:%Y-%m-%d} until {until:%Y-%m-%d}"
    return f"{due:,} decisions since {since:%Y-%m-%d} lack outcomes, or money that is finite"
