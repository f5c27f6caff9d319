"""Columns that stand still, or jump, between two days of one unit: a day late, or other rows'."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.watch.finding import Finding, data_finding, severe_from
from kpi_gate.watch.health.days import Days
from kpi_gate.watch.health.reference import LEAST_DAYS, Ints, Rate, compare_rate
from kpi_gate.watch.health.rows import NULL, codes

MOST_ROWS = 300_000  # of entities that are followed from day to day
LEAST_PAIRS = 20  # entities on two days in a row
LEAST_STALE = 0.05  # share of the entities
MOSTLY_WRONG = 0.50  # share beyond which a day is of no use
BLIND = (
    "{pairs} units are seen on the day and on the day before, {least} are needed: whether a column "
    "is a day late cannot be seen here, but by comparing rows as served with those of today"
)


def check_late(days: Days, kinds: Mapping[str, str], alarm: float) -> list[Finding]:
    """Compare the share of units whose value did not move since their day before.

    More of them is a column that is a day late; fewer, other codes or a join by the wrong key.

    It needs units (with their items) that are seen on two days in a row; where there are none a
    note says so. A column that hardly ever moves cannot be seen to be late, and need not be.
    """
    entity, kept = _entities(days)
    place = np.concatenate([days.day, np.full(len(days.batch), days.count)])
    pairs = [_pairs(entity, place, kept, day) for day in range(1, days.count + 1)]
    sizes = np.array([pair[0].size for pair in pairs], dtype=np.int64)
    usable = int((sizes[:-1] > 0).sum())
    if sizes.size == 0 or sizes[-1] < LEAST_PAIRS or usable < LEAST_DAYS:
        seen = int(sizes[-1]) if sizes.size else 0
        words = BLIND.format(pairs=seen, least=LEAST_PAIRS)
        return [data_finding("late_column", "note", words, seen, LEAST_PAIRS)]
    found: list[Finding] = []
    good = days.good.of(np.arange(days.count) >= 1)
    for name, kind in kinds.items():
        if name not in days.batch or name not in days.reference:
            continue
        value = codes(days, name, kind)
        both = [(value[then], value[now]) for then, now in pairs]
        known = np.array([((then != NULL) & (now != NULL)).sum() for then, now in both])
        same = np.array([((then == now) & (now != NULL)).sum() for then, now in both])
        if known[-1] < LEAST_PAIRS or (known[:-1] > 0).sum() < LEAST_DAYS:
            continue
        rate = compare_rate(good, same[:-1], known[:-1], same[-1], int(known[-1]), alarm)
        if rate.chance < alarm:
            found += _tell(name, rate, int(known[-1]))
    return found


def _tell(name: str, rate: Rate, units: int) -> Iterator[Finding]:
    """Yield a column that stood still, or one that changed where it hardly ever does."""
    share, usual, low, high, _ = rate
    if share - usual >= LEAST_STALE:
        words = (
            f"{name} is that of the day before for {share:.1%} of {units:,} units; {usual:.1%} is "
            f"usual, and at most {high:.1%} no surprise"
        )
        severity = severe_from(MOSTLY_WRONG * (1 - usual), share - usual)
        yield data_finding("late_column", severity, words, share, high, name)
    if usual - share >= LEAST_STALE:
        words = (
            f"{name} is another than the day before for {1 - share:.1%} of {units:,} units; "
            f"{1 - usual:.1%} is usual, and at most {1 - low:.1%} no surprise: other codes, or the "
            "values of other rows"
        )
        severity = severe_from(share, (1 - MOSTLY_WRONG) * usual)
        yield data_finding("changed_column", severity, words, share, low, name)


def _entities(days: Days) -> tuple[Ints, NDArray[np.bool_]]:
    """Number the units (and items) of both sides; keep whole entities, and not too many."""
    key = codes(days, "unit", "category")
    if "item" in days.reference and "item" in days.batch:
        item = codes(days, "item", "category")
        key = np.asarray(pd.factorize(key * (item.max() + 2) + item)[0], dtype=np.int64)
    return key, key % max(key.size // MOST_ROWS, 1) == 0


def _pairs(entity: Ints, place: Ints, kept: NDArray[np.bool_], day: int) -> tuple[Ints, Ints]:
    """Return each entity's last row of the day before, and its first row of the day."""
    before, now = (
        pd.Series(np.flatnonzero(kept & (place == number)), dtype=np.int64)
        for number in (day - 1, day)
    )
    last, first = before.groupby(entity[before]).last(), now.groupby(entity[now]).first()
    both = last.index.intersection(first.index)
    return last[both].to_numpy(), first[both].to_numpy()
