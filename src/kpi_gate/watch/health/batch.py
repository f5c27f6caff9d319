"""Check a day's rows against the good days before it, before anything believes them."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.decision.evidence import Window
from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.leakage import numbers
from kpi_gate.usecase.contract import ROLES, UseCase
from kpi_gate.watch.finding import Finding, Severity, data_finding
from kpi_gate.watch.health.columns import Column, category_column, check_nulls, count_numbers
from kpi_gate.watch.health.days import Days, cut_days, day_of, examples, watched
from kpi_gate.watch.health.diagnosis import tell, tell_numbers
from kpi_gate.watch.health.reference import FALSE_ALARMS_A_DAY, LEAST_DAYS
from kpi_gate.watch.health.rows import check_repeated, check_times, check_twice, check_volume
from kpi_gate.watch.health.stale_columns import check_late

SHARES_A_COLUMN = 30  # bins, nulls, new levels: each may be a false alarm
MOST_ROWS_A_DAY = 4_000  # of a day's values that its columns are judged by
FEW_ROWS = 30  # below it a batch should be pooled with the days before it
TIME = "event_time"
# what no look at rows and scores shows before outcomes are known
UNDETECTABLE = (
    "The sign of a column turns whose values lie evenly around zero: its distribution stays; once "
    "outcomes are known, its AUC turns round.",
    "Two columns of one distribution are swapped, or the codes of equally frequent levels, where "
    "no unit returns the next day with the same value.",
    "A column is a day late where no unit is seen on two days in a row, or where it hardly ever "
    "moves: comparing rows as served with today's shows the first, the second does no harm.",
    "Rows get each other's values (a join by the wrong key) where no unit returns the next day, or "
    "nothing of it stays the same: every column keeps its distribution.",
    "The outcome hangs on the same features in another way: only realised value and a challenger "
    "show it.",
    "Labels are wrong or of another definition while the rows are right.",
    "A fault in a share of the rows that is within what good days differ by.",
    "A fault that is in all the good days too: it is what is usual.",
    "A model that was wrong when it was promoted: its golden rows were recorded from it.",
)


def check_batch(
    batch: pd.DataFrame, reference: pd.DataFrame, use_case: UseCase, window: Window | None = None
) -> list[Finding]:
    """Return what is wrong with a day's rows; an empty list or notes alone where nothing is.

    Bounds come from the spread between the good days, on days of the same weekday once there are
    three weeks of them, and are set for 2 false alarms in 1,000 days over all columns and checks.
    Below seven good days only what needs no bound is looked at, and a note says so.

    Args:
        batch: Rows of the day. A day with fewer than 30 rows should be pooled with the days before
            it: pass all of them, and their `window`.
        reference: Rows of the good days before the window, about 28 of them; rows that are not
            before it are left out.
        use_case: Names the features and what the value reads.
        window: The day, or days, that the batch is of; by default the UTC day of most of its rows.
            An empty batch needs it.

    Raises:
        ConfigurationError: If `unit` or `event_time` is missing, or that is no time in UTC; if the
            batch is empty and has no window.
    """
    for name, rows in (("batch", batch), ("reference", reference)):
        _refuse_without_roles(name, rows)
    days = cut_days(batch, reference, window or day_of(batch))
    kinds = watched(use_case, reference if len(reference) else batch)
    alarm = FALSE_ALARMS_A_DAY / (SHARES_A_COLUMN * max(len(kinds), 1))
    found = check_volume(days, alarm)
    if batch.empty:
        return found
    found += [*_schema(days, kinds, use_case), *check_times(days)]
    with_rows = int((days.sizes > 0).sum())
    if with_rows < LEAST_DAYS:
        return [*found, _blind(f"only {with_rows} good days with rows, {LEAST_DAYS} are needed")]
    if len(batch) < FEW_ROWS:
        found.append(_blind(f"only {len(batch)} rows: small faults cannot be seen"))
    there = {name: kind for name, kind in kinds.items() if not _is_gone(days, name)}
    return [*found, *_unusual(days, _without(there, found), use_case, alarm)]


def _unusual(
    days: Days, kinds: Mapping[str, str], use_case: UseCase, alarm: float
) -> Iterator[Finding]:
    """Yield what is not as on good days; what a repeated batch repeats is told once."""
    thin = days.thinned(MOST_ROWS_A_DAY, int(use_case.settings.model["seed"]))
    yield from check_twice(days, alarm)
    if not _is_gone(days, "unit") and (units := check_nulls("unit", thin, alarm)):
        yield units
    repeated = check_repeated(days, kinds, alarm)
    moved = list(_columns(thin, kinds, use_case.settings.schedule.timezone, alarm))
    if not repeated:
        moved += check_late(days, _without(kinds, moved), alarm)
    few = len(days.batch) < FEW_ROWS
    read = set() if few else {*use_case.feature_names, *use_case.value.columns}
    yield from (*repeated, *(_bounded(finding, read) for finding in moved))


def _bounded(finding: Finding, read: Set[str]) -> Finding:
    """Let what neither model nor value reads, and what few rows say, be a warning at most."""
    if finding.severity != "severe" or finding.column in read:
        return finding
    return finding.model_copy(update={"severity": "warning"})


def _without(kinds: Mapping[str, str], found: Sequence[Finding]) -> dict[str, str]:
    """Leave out the columns that are known to be at fault: one fault is told once."""
    faulty = {finding.column for finding in found}
    return {name: kind for name, kind in kinds.items() if name not in faulty}


def _refuse_without_roles(name: str, rows: pd.DataFrame) -> None:
    for role in ("event_time", "unit"):
        if role not in rows:
            raise ConfigurationError(f"{name}: no column {role!r}; it has {', '.join(rows)}")
    time: Any = rows[TIME].dtype
    if str(getattr(time, "tz", None)) != "UTC":
        raise ConfigurationError(f"{name}: event_time is {time}, must be a time in UTC")


def _blind(words: str) -> Finding:
    return data_finding("blind", "note", words)


def _is_gone(days: Days, name: str) -> bool:
    there = name in days.batch and name in days.reference
    return not there or bool(days.batch[name].isna().all())


def _schema(days: Days, kinds: Mapping[str, str], use_case: UseCase) -> Iterator[Finding]:
    """Yield columns that are missing, new, or hold text for numbers or numbers for text."""
    batch, reference = days.batch, days.reference
    late = {*ROLES, *use_case.times.with_outcome} - {"unit"}
    for name in [*reference, *(name for name in kinds if name not in reference)]:
        if name in late and name in batch:
            continue
        was = name in reference and reference[name].notna().mean() > 0.5
        if name not in batch or (was and batch[name].isna().all()):
            severity: Severity = "severe" if name in {*kinds, *ROLES} else "warning"
            words = f"{name} is missing from all {len(batch):,} rows"
            yield data_finding("missing", severity, words, column=name)
    for name in batch if len(reference.columns) else ():
        if name not in reference:
            words = f"{name} is new, such as {examples(batch[name])}; no good day had it"
            yield data_finding("extra", "warning", words, column=str(name))
    for name, kind in kinds.items():
        if name in batch:
            yield from _type(name, kind, days)


def _type(name: str, kind: str, days: Days) -> Iterator[Finding]:
    """Yield a finding where text stands for numbers, or numbers for text."""
    column = days.batch[name]
    text = _is_text(column)
    if kind == "number" and text.any():
        wrong, must = column[text], "be a number"
    elif kind == "category" and name in days.reference and _is_text(days.reference[name]).any():
        wrong, must = column[~text & column.notna()], "be text, as before"
    else:
        return
    if len(wrong):
        count, rows = len(wrong), len(column)
        words = f"{name} is {examples(wrong)} in {count:,} of {rows:,} rows, must {must}"
        yield data_finding("type", "severe", words, count / rows, 0.0, name)


def _is_text(column: pd.Series) -> pd.Series:
    types = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if types.is_object_dtype(column.dtype):
        return column.map(lambda value: isinstance(value, str)).astype(bool)
    return column.notna() & types.is_string_dtype(column.dtype)


def _columns(days: Days, kinds: Mapping[str, str], zone: str, alarm: float) -> Iterator[Finding]:
    """Yield at most one fault of nulls and one of values for every column."""
    counted: dict[str, Column] = {}
    for name, kind in kinds.items():
        if nulls := check_nulls(name, days, alarm):
            yield nulls
        usual, found = days.reference[name], days.batch[name]
        if kind == "category":
            yield from _category(name, days, alarm)
        elif column := _numbers(name, usual, found, days, alarm):
            counted[name] = column
    if clock := _hours(days, zone, alarm):
        counted[TIME] = clock
    yield from tell_numbers(counted)


def _category(name: str, days: Days, alarm: float) -> Iterator[Finding]:
    counted = category_column(name, days, alarm)
    if counted is None:
        return
    column, unseen = counted
    if unseen is not None:
        yield unseen
    elif column.moved:
        yield tell(column)


def _numbers(
    name: str, usual: pd.Series, found: pd.Series, days: Days, alarm: float
) -> Column | None:
    return count_numbers(name, days.good, days.day, numbers(usual), numbers(found), alarm)


def _hours(days: Days, zone: str, alarm: float) -> Column | None:
    """Count the hours where a wrong clock moved them, in the use case's zone as well as in UTC.

    Summer time moves them in one of both, and is no fault. A zone in which they change by the day
    tells nothing; None where both do, or where one says that they did not move.
    """
    moved = None
    for name in (zone, "UTC"):
        usual, found = (_hour(rows[TIME], name) for rows in (days.reference, days.batch))
        hours = _numbers(TIME, usual, found, days, alarm)
        if hours is None or (hours.is_daily and np.ptp(hours.usual) > 0):
            continue
        if not hours.moved:
            return None
        moved = hours
    return moved


def _hour(time: pd.Series, zone: str) -> pd.Series:
    local = time.dt.tz_convert(zone)
    return (local.dt.hour + local.dt.minute / 60).astype(float)
