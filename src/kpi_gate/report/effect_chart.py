"""The effect of an experiment or a holdback over time, with bounds that hold on all days."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from markupsafe import Markup

from kpi_gate.experiment.result import Day, Effect
from kpi_gate.report.decision_charts import Estimate, gain_figure
from kpi_gate.report.html import digits
from kpi_gate.report.line_chart import Line, line_chart
from kpi_gate.text import clean, places

TOO_WIDE = 8  # times what is shown otherwise; bounds of the first days would flatten the rest


class Level(NamedTuple):
    """An amount that is drawn across.

    Attributes:
        name: What it is.
        value: How much.
    """

    name: str
    value: float


def end_of(day: Day) -> datetime:
    """Return the end of a day, until when its exposures count."""
    return datetime.combine(day.day, time(), UTC) + timedelta(days=1)


def effect_over_time(
    days: Sequence[Day],
    unit: str,
    level: Level,
    marks: Sequence[tuple[datetime, float, str]] = (),
) -> Markup | str:
    """Draw the effect so far; empty where nothing is known.

    Args:
        days: The effect by day, in order.
        unit: What it is counted in, per decision.
        level: What it is held against.
        marks: (moment, effect, words) of what happened.
    """
    seen = [(end_of(day), day.estimate) for day in days if day.estimate is not None]
    if not seen:
        return ""
    widest = TOO_WIDE * max(abs(level.value), *(abs(value) for _, value in seen[len(seen) // 4 :]))
    lower, upper = (
        [
            (end_of(day), value)
            for day in days
            if (value := getattr(day, end)) is not None and abs(value) <= widest
        ]
        for end in ("lower", "upper")
    )
    last = digits(seen[-1][1], places(max(abs(level.value), abs(seen[-1][1])), 3), sign=True)
    lines = [
        Line("", lower, "bounds"),
        Line("bounds that hold on all days at once", upper, "bounds"),
        Line(
            level.name, [(moment, level.value) for moment in (seen[0][0], seen[-1][0])], "promised"
        ),
        Line(f"effect so far: {last}", seen, "realised", marks),
    ]
    return line_chart(lines, "Effect of all exposures so far", f"{clean(unit)} a decision")


def effect_bars(
    effects: Sequence[tuple[str, Effect | None]], level: float, unit: str, decimals: int
) -> Markup | str:
    """Draw the effect of each part of the time alone; empty where fewer than two are known.

    Args:
        effects: (words, effect) of each part, in order.
        level: What they are held against.
        unit: What they are counted in, per decision.
        decimals: Digits that are worth writing.
    """
    rows = [
        Estimate(name, effect.estimate, effect.lower, effect.upper)
        for name, effect in effects
        if effect is not None
    ]
    return gain_figure(rows, level, clean(unit), decimals) if len(rows) > 1 else ""
