"""The record of all use cases as one self-contained page: what was decided, and what came of it."""

from collections.abc import Sequence
from datetime import datetime

from kpi_gate.report.history_charts import (
    JUDGED,
    alarm_strip,
    count_bars,
    money_chart,
    reign_chart,
)
from kpi_gate.report.history_wording import duration, lead, many, named, share
from kpi_gate.report.html import digits, fill, moment
from kpi_gate.report.numbers import money
from kpi_gate.text import places, total
from kpi_gate.watch.history.alarms import RULE
from kpi_gate.watch.history.result import History, Promotion

SHOWN = 40  # of the newest alarms, promotions and rollbacks


def page(histories: Sequence[History], now: datetime) -> str:
    """Render the histories as one HTML page without script or outside resource.

    Args:
        histories: One a use case, in the order in which they are shown.
        now: Moment of the report, UTC.
    """
    return fill(
        "history.html",
        histories=histories,
        title=f"{many(len(histories), 'use case')}{_until(histories)} · written {moment(now)}",
        worth=_worth(histories),
        counted=_counted(histories),
        rule=RULE,
        most=SHOWN,
        newest=lambda rows: rows[: -SHOWN - 1 : -1],
        judged=JUDGED,
        bounds_of=_bounds,
        whole=_whole,
        **{tool.__name__: tool for tool in (duration, lead, many, named, share)},
        **{tool.__name__: tool for tool in (alarm_strip, count_bars, money_chart, reign_chart)},
    )


def _counted(histories: Sequence[History]) -> str:
    decided = sum(sum(told.verdicts.values()) for told in histories)
    promoted = sum(len(told.promotions) for told in histories)
    undone = sum(len(told.rollbacks) for told in histories)
    judged = {word: sum(told.judged(word) for told in histories) for word in JUDGED}
    return (
        f"{many(decided, 'decision')}, {many(promoted, 'promotion')}, {many(undone, 'rollback')}; "
        f"{many(sum(judged.values()), 'alarm')}: {judged['true']:,} true, {judged['false']:,} "
        f"false, {judged['open']:,} open."
    )


def _until(histories: Sequence[History]) -> str:
    last = max((told.until for told in histories if told.until), default=None)
    return "" if last is None else f" · up to the tick of {last:%Y-%m-%d}"


def _worth(histories: Sequence[History]) -> str:
    """Say what was realised of what was promised, a sum for each unit."""
    sums: dict[str, list[float]] = {}
    for one in (made for told in histories for made in told.promotions):
        if one.earned is not None and one.realised:
            owed = (one.promised or 0.0) * one.earned / one.realised
            total_ = sums.setdefault(one.unit, [0.0, 0.0])
            total_[0] += one.earned
            total_[1] += owed
    return "; ".join(
        f"About {money(earned, unit, sign=True)} realised, {money(owed, unit, sign=True)} promised"
        for unit, (earned, owed) in sums.items()
    ).replace("-", "−")


def _bounds(one: Promotion) -> tuple[int | None, str]:
    """Return the decimals that the realised gain is worth, and its bounds."""
    if one.lower is None or one.upper is None:
        return None, "no bounds"
    decimals = places((one.upper - one.lower) / 2, 2)
    return decimals, f"{digits(one.lower, decimals)} to {digits(one.upper, decimals)}"


def _whole(value: float | None) -> str:
    return "–" if value is None else total(value, sign=True).replace("-", "−")
