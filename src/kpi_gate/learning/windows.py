"""Time windows: train | tune | gate, by rules that were fixed before any outcome was seen."""

from datetime import datetime, timedelta

import pandas as pd

from kpi_gate.decision.evidence import Window
from kpi_gate.decision.frozen import Frozen
from kpi_gate.learning.window_settings import WindowSettings

HOUR_DAYS = 1.000001 / 24  # with room for rounding


class Windows(Frozen):
    """The three windows of one run, in time order and half-open.

    Attributes:
        train: What the candidate learns from.
        tune: What calibration, policy and variant are chosen on.
        gate: What candidate and champion are compared on.
        label_delay_days: Days until outcomes are known, by which the gate window was laid out.
    """

    train: Window
    tune: Window
    gate: Window
    label_delay_days: float


def plan_windows(
    event_time: pd.Series,
    settings: WindowSettings,
    as_of: datetime,
    fresh_from: datetime | None = None,
    measured_days: float | None = None,
    gate_days: int = 1,
) -> Windows:
    """Lay out the windows by counting rows; no outcome is looked at.

    The gate window ends where outcomes are mature and never reaches back before `fresh_from`, the
    last moment that the champion or its evidence has seen. It may be empty: then there is too
    little evidence, which is the gate's to say.

    Args:
        event_time: Event times of the snapshot's rows, tz-aware.
        settings: Lengths.
        as_of: Moment of the decision.
        fresh_from: Earliest start of the gate window.
        measured_days: Days until outcomes were known, as measured; None where nobody has.
        gate_days: The gate window reaches back further until decisions of so many days lie in it:
            a season of few calls may follow a day of very many.
    """
    delay_days = mature_delay(settings.label_delay_days, measured_days)
    end = _midnight(as_of - timedelta(days=delay_days))
    lengths = settings.gate_min_days, settings.gate_max_days
    dates = pd.Series(event_time.dt.floor("D").unique())
    start = min(
        _reach_back(event_time, end, *lengths, settings.gate_min_rows),
        _reach_back(dates, end, *lengths, gate_days),
    )
    if fresh_from is not None:
        start = min(max(start, fresh_from), max(end, fresh_from))
    return _around(event_time, settings, Window(start=start, end=max(start, end)), delay_days)


def without_gate(event_time: pd.Series, settings: WindowSettings, windows: Windows) -> Windows:
    """Lay out the windows of a training that nothing is held back from.

    Its gate window is empty, and begins when the last outcome of `windows` is mature: what is
    learnt from ends where that gate window ends.
    """
    moment = windows.gate.end + timedelta(days=windows.label_delay_days)
    empty = Window(start=moment, end=moment)
    return _around(event_time, settings, empty, windows.label_delay_days)


def _around(
    event_time: pd.Series, settings: WindowSettings, gate: Window, delay_days: float
) -> Windows:
    """Lay the windows to train and to tune before a gate window."""
    start, first = gate.start, event_time.min().to_pydatetime()
    history_days = max((start - first).days, settings.tune_days)
    known = event_time[event_time < start - timedelta(days=delay_days)]
    tune_start = _reach_back(known, start, settings.tune_days, history_days, settings.tune_min_rows)
    return Windows(
        train=Window(start=min(first, tune_start), end=tune_start),
        tune=Window(start=tune_start, end=start),
        gate=gate,
        label_delay_days=delay_days,
    )


def mature_delay(declared_days: float, measured_days: float | None) -> float:
    """Return the days until outcomes are known: what is declared, or what is measured if longer.

    An hour more is none: so much longer are some days where clocks change.
    """
    if measured_days is None or measured_days <= declared_days + HOUR_DAYS:
        return declared_days
    return measured_days


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _reach_back(
    event_time: pd.Series, end: datetime, min_days: int, max_days: int, min_rows: int
) -> datetime:
    """Return the latest midnight at least `min_days` before `end` that gathers `min_rows` rows."""
    earlier = event_time[event_time < end].sort_values()
    wanted = earlier.iloc[-min_rows] if len(earlier) >= min_rows else earlier.min()
    latest, earliest = end - timedelta(days=min_days), end - timedelta(days=max_days)
    if pd.isna(wanted):
        return latest
    return max(min(_midnight(wanted.to_pydatetime()), latest), earliest)


def known_before(rows: pd.DataFrame, moment: datetime) -> pd.Series:
    """Mark the rows whose outcome was known before a moment: the gap of the label delay."""
    return rows["label_time"].notna() & (rows["label_time"] < moment)


def mature_before(rows: pd.DataFrame, moment: datetime, delay_days: float) -> pd.Series:
    """Mark the rows whose outcome was known before a moment, of days that were mature by then.

    Where some outcomes come at once and others after the delay, the young rows that are known are
    of one kind.
    """
    return known_before(rows, moment) & (rows["event_time"] < moment - timedelta(days=delay_days))


def never_known(rows: pd.DataFrame) -> pd.Series:
    """Mark the rows whose outcome stays hidden for ever, because of what was done."""
    if "observed" not in rows:
        return pd.Series(data=False, index=rows.index)
    return ~rows["observed"].astype(bool)


def within(rows: pd.DataFrame, window: Window) -> pd.Series:
    """Mark the rows whose event falls into a window."""
    return (rows["event_time"] >= window.start) & (rows["event_time"] < window.end)
