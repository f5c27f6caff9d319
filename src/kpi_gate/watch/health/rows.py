"""Rows of a day beside those of good days: too few, repeated, counted twice, out of their day."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.learning.leakage import numbers
from kpi_gate.learning.scoring import row_keys
from kpi_gate.watch.finding import Finding, Severity, data_finding, severe_from
from kpi_gate.watch.health.columns import GONE_WRONG, LEAST_ROWS
from kpi_gate.watch.health.days import Days
from kpi_gate.watch.health.reference import LEAST_DAYS, Ints, Rate, compare_level, compare_rate

LOOK_BACK = 7  # good days before, in which a usual day's rows are looked for
MOST_ROWS = 300_000  # of rows that are told apart by their hash
TWICE, REPEATED, SKEWED = 0.005, 0.10, 0.05  # least shares of the rows
NULL = -1  # code of a value that is not there
HALF = np.log(2)  # least move of the log of the number of rows


def check_volume(days: Days, alarm: float) -> list[Finding]:
    """Compare the number of rows with the weekday's usual; an empty day is severe."""
    rows = len(days.batch)
    if days.count < LEAST_DAYS:
        told = data_finding("volume", "severe", "there are no rows", 0.0, 1.0)
        return [told] if rows == 0 else []
    level = compare_level(days.good, np.log1p(days.sizes), float(np.log1p(rows)), alarm)
    usual, low, high = (float(np.expm1(part)) for part in (level.usual, level.low, level.high))
    alike = days.sizes[days.good.groups() == days.good.group()]
    gone = rows == 0 and alike.min() > 0  # whatever the spread: the day is not there
    if not gone and (not level.is_surprise or abs(level.found - level.usual) < HALF):
        return []
    words = f"{rows:,} rows; {usual:,.0f} are usual, and {max(low, 0):,.0f} to "
    words = f"{words}{high:,.0f} no surprise" if high < 1e12 else f"{words}more no surprise"
    bound = high if rows > usual else low
    return [data_finding("volume", "warning" if rows else "severe", words, float(rows), bound)]


def check_times(days: Days) -> list[Finding]:
    """Look for rows without a time, after the end of their day, or long before it."""
    time, window = days.batch["event_time"], days.window
    faults: tuple[tuple[str, Severity, pd.Series, str], ...] = (
        ("no_time", "warning", time.isna(), "have no event_time"),
        (
            "clock_skew",
            "warning",
            time >= window.end,
            f"are after the end of the day, {window.end}",
        ),
        ("late_rows", "note", time < window.start, f"are from before {window.start}"),
    )
    found = []
    for check, mild, wrong, words in faults:
        if wrong.any():
            share = float(wrong.mean())
            such = f", such as {time[wrong].iloc[0]}" if check != "no_time" else ""
            told = f"{wrong.sum():,} of {len(time):,} rows {words}{such}"
            severity: Severity = "severe" if share >= SKEWED else mild
            found.append(data_finding(check, severity, told, share, 0.0, "event_time"))
    return found


def check_twice(days: Days, alarm: float) -> list[Finding]:
    """Compare the share of decisions that are there twice with good days."""
    twice = _repeats(days.batch)
    if twice.sum() < LEAST_ROWS:
        return []
    recent = np.cumsum(days.sizes[::-1])[::-1] <= MOST_ROWS
    rows = recent[days.day]
    usual = np.zeros(days.day.size, dtype=bool)
    usual[rows] = _repeats(days.reference[rows])
    share, before, bound = float(twice.mean()), 0.0, TWICE
    if rows.any():
        counts, sizes = days.rows_of(usual)[recent], days.sizes[recent]
        good, count = days.good.of(recent), int(twice.sum())
        rate = compare_rate(good, counts, sizes, count, twice.size, alarm)
        before, bound = rate.usual, max(rate.high, before + TWICE)
        if rate.chance >= alarm:
            return []
    if share - before < TWICE:
        return []
    key = ", ".join(str(days.batch[name][twice].iloc[0]) for name in ("unit", "event_time"))
    words = (
        f"{share:.1%} of the rows are a decision that is there twice, such as {key}; {before:.1%} "
        f"is usual, and at most {bound:.1%} no surprise"
    )
    return [data_finding("twice", severe_from(GONE_WRONG, share), words, share, bound)]


def _repeats(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows have the unit, item and time of a row above them."""
    timed = rows["event_time"].notna().to_numpy()
    repeated = np.zeros(len(rows), dtype=bool)
    repeated[timed] = pd.Series(row_keys(rows[timed])).duplicated().to_numpy()
    return repeated


def check_repeated(days: Days, kinds: Mapping[str, str], alarm: float) -> list[Finding]:
    """Look for a batch that was there before: rows whose features an earlier day had.

    Where features repeat by nature they are told apart together with their unit; where even those
    repeat, a stuck upstream cannot be seen.
    """
    names = [name for name in kinds if name in days.batch and name in days.reference]
    for columns in (names, [*names, "unit"]) if days.count - LOOK_BACK >= LEAST_DAYS else ():
        found = _overlap(days, *_hashes(days, columns, kinds), alarm)
        if found is None:
            continue
        day, rate = found
        high = max(rate.high, rate.usual + REPEATED)
        if rate.chance < alarm and rate.found - rate.usual >= REPEATED:
            words = (
                f"{rate.found:.1%} of the rows are those of {days.count - day} days before, by "
                f"their features; {rate.usual:.1%} is usual, and at most {high:.1%} no surprise"
            )
            return [data_finding("repeated", "severe", words, rate.found, high)]
    return []


def _overlap(days: Days, before: Ints, now: Ints, alarm: float) -> tuple[int, Rate] | None:
    """Return the good day that the batch overlaps most, and how much beside what is usual."""
    levels = int(max(before.max(initial=-1), now.max(initial=-1))) + 1
    kept = before >= 0
    there = np.zeros((days.count, levels), dtype=bool)
    there[days.day[kept], before[kept]] = True
    now = now[now >= 0]
    sizes = days.rows_of(kept)[LOOK_BACK:]
    if not (now.size and sizes.any()):
        return None
    shared = there[:, now].sum(axis=1)
    counts = np.zeros_like(sizes)
    for day in range(LOOK_BACK, days.count):
        rows = before[kept & (days.day == day)]
        past = there[day - LOOK_BACK : day]
        counts[day - LOOK_BACK] = past[:, rows].sum(axis=1).max() if rows.size else 0
    good, best = days.good.of(np.arange(days.count) >= LOOK_BACK), int(shared.argmax())
    return best, compare_rate(good, counts, sizes, int(shared[best]), now.size, alarm)


def _hashes(days: Days, columns: list[str], kinds: Mapping[str, str]) -> tuple[Ints, Ints]:
    """Number equal rows alike; -1 where there are too many and a row's hash is left out."""
    size = len(days.reference)
    whole = np.zeros(size + len(days.batch), dtype=np.uint64)
    odd = np.random.default_rng(len(columns)).integers(1, 2**62, len(columns), dtype=np.uint64)
    for name, factor in zip(columns, odd, strict=True):
        both = codes(days, name, kinds.get(name, "category"))
        mixed = both.view(np.uint64) * (np.uint64(2) * factor + np.uint64(1))
        whole = (whole ^ (mixed >> np.uint64(29)) ^ mixed) * np.uint64(0x9E3779B97F4A7C15)
    every = max(whole.size // MOST_ROWS, 1)
    kept = (whole >> np.uint64(40)) % np.uint64(every) == 0
    number = np.full(whole.size, -1, dtype=np.int64)
    number[kept] = pd.factorize(whole[kept])[0]
    return number[:size], number[size:]


def codes(days: Days, name: str, kind: str) -> Ints:
    """Return a whole number for each distinct value on both sides; `NULL` if there is none."""
    parts = (days.reference[name], days.batch[name])
    if kind == "number":
        values = np.concatenate([numbers(part) for part in parts]) + 0.0  # no negative zero
        return np.where(np.isnan(values), NULL, values.view(np.int64))
    if parts[0].dtype != parts[1].dtype:
        parts = (parts[0].astype(object), parts[1].astype(object))
    return np.asarray(pd.factorize(pd.concat(parts, ignore_index=True))[0], dtype=np.int64)
