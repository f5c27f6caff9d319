"""The record of all use cases as one self-contained page: what was decided, and what came of it."""

from collections.abc import Sequence
from datetime import datetime

from kpi_gate.report.history_charts import JUDGED, alarm_strip, count_bars, gain_chart
from kpi_gate.report.history_wording import duration, lead, many, named, share
from kpi_gate.report.html import TONES, digits, fill
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
        title=f"{many(len(histories), 'use case')} · {now:%Y-%m-%d %H:%M} UTC",
        counted=_counted(histories),
        rule=RULE,
        most=SHOWN,
        newest=lambda rows: rows[: -SHOWN - 1 : -1],
        judged=JUDGED,
        tones=TONES,
        bounds_of=_bounds,
        whole=_whole,
        **{tool.__name__: tool for tool in (duration, lead, many, named, share)},
        **{tool.__name__: tool for tool in (alarm_strip, count_bars, gain_chart)},
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


def _bounds(one: Promotion) -> tuple[int | None, str]:
    """Return the decimals that the realised gain is worth, and its bounds."""
    if one.lower is None or one.upper is None:
        return None, "no bounds"
    decimals = places((one.upper - one.lower) / 2, 2)
    return decimals, f"{digits(one.lower, decimals)} to {digits(one.upper, decimals)}"


def _whole(value: float | None) -> str:
    return "–" if value is None else total(value, sign=True).replace("-", "−")
