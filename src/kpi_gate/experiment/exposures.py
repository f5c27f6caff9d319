"""The rows of a log as arrays: units are numbers, days count from the start, never row by row."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.experiment.plan import TREATMENT, Plan
from kpi_gate.experiment.suspects import Suspects, find_suspects, suspected

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Bools = NDArray[np.bool_]
DAY_US = 86_400_000_000
NEVER = np.int32(2**31 - 1)  # the day from which on an unknown outcome counts


@dataclass(frozen=True)
class Exposures:
    """What a log holds.

    Units of the control come first, then those of the treatment, each in the order in which they
    came: what comes later changes no sum of what was there before, not in its last digit. Days are
    whole days since the start; a row counts in every cut after its `known` day, the first at whose
    end its outcome was known within the label's delay. Rows are sorted by it.

    Attributes:
        units: Number of units.
        controls: How many of them are in the control.
        unit: Unit of each row that can count.
        known: From which day on each counts; `NEVER` where its outcome was never known.
        day: Day of each exposure.
        top: What is summed of each row; NaN where it is not known.
        bottom: What it is divided by; None where each row counts once.
        differs: Whether the two policies act otherwise on the row; None where nobody knows.
        watched: Each guardrail's column; NaN where not known.
        past: Metric of each unit before the start, NaN where it has none; None without any.
        first: Day on which each unit came first.
        first_exposed: Day on which each was first exposed; None where all who are assigned are.
        first_differing: Day on which the policies first differed on it; None where nobody knows.
        names: Name of each unit.
        rows_by_day: Rows of each day since the start, of control and treatment, shape `(D, 2)`.
        suspects: What should not be there, by what was looked for.
    """

    units: int
    controls: int
    unit: Small
    known: Small
    day: Small
    top: Floats
    bottom: Floats | None
    differs: Bools | None
    watched: dict[str, Floats]
    past: Floats | None
    first: Small
    first_exposed: Small | None
    first_differing: Small | None
    names: Any
    rows_by_day: Ints
    suspects: dict[str, Suspects]

    @property
    def arms(self) -> tuple[slice, slice]:
        """Units of control and treatment."""
        return slice(0, self.controls), slice(self.controls, self.units)

    def arms_until(self, cut: int) -> tuple[slice, slice]:
        """Units of control and treatment that came before a day."""
        seen = [int(np.searchsorted(self.first[arm], np.int32(cut))) for arm in self.arms]
        return slice(0, seen[0]), slice(self.controls, self.controls + seen[1])

    def until(self, cut: int) -> slice:
        """Return the rows that count in a cut at the start of a day."""
        return slice(0, int(np.searchsorted(self.known, np.int32(cut))))  # another type copies all


@dataclass(frozen=True)
class LoggedRows:
    """The rows as they were logged.

    Attributes:
        table: All of their columns.
        since: Microseconds from the start to each.
        day: Whole days from the start to each.
        unit: Number of its unit among `names`.
        names: The units.
        side: 0 of the control, 1 of the treatment.
        use: Whether it is neither before the start nor later than what is known.
    """

    table: "pa.Table"
    since: Ints
    day: Small
    unit: Small
    names: Any
    side: NDArray[np.int8]
    use: Bools

    @cached_property
    def order(self) -> Ints | slice:
        """The rows in the order of time."""
        if (np.diff(self.since) >= 0).all():
            return slice(None)
        return np.argsort(self.since, kind="stable")

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers; what is missing is NaN."""
        return np.asarray(self.table[name].to_numpy(), np.float64)

    def says(self, name: str, value: str) -> Bools:
        """Tell on which rows a column of few distinct values has this one."""
        return is_value(self.table[name], value)

    def flags(self, name: str) -> Bools | None:
        """Return a column of truth values, what is missing is true; None without it."""
        if name not in self.table.column_names:
            return None
        return np.asarray(self.table[name].fill_null(True).to_numpy(), bool)

    @property
    def outcome_since(self) -> tuple[Ints, Bools] | None:
        """Microseconds from the start to each outcome, and of which one knows; None of none."""
        if "outcome_time" not in self.table.column_names:
            return None
        column = self.table["outcome_time"]
        found = np.asarray(column.cast("int64").fill_null(0).to_numpy(), np.int64)
        start = int(self.table["time"][0].cast("int64").as_py()) - int(self.since[0])
        return found - start, np.asarray(column.is_valid().to_numpy(), bool)


def read_exposures(table: "pa.Table", plan: Plan, started: datetime, as_of: datetime) -> Exposures:
    """Return the rows of a validated log as arrays.

    Args:
        table: As `log.read_log` returns it, at least one row; what is later than `as_of` is left
            out, and counted.
        plan: Which column is summed, and by what it is divided.
        started: When the first unit could be exposed.
        as_of: What is known now.
    """
    rows = _logged(table, started, as_of)
    assigned = _Assigned(rows)
    suspects = find_suspects(rows, plan) | {"both_arms": assigned.moved}
    top, differs, shown = rows.numbers(plan.metric.numerator), _differs(rows), rows.flags("exposed")
    known = _known(rows, plan)
    known[~np.isfinite(top)] = NEVER
    counts = rows.use & (assigned.side[rows.unit] == rows.side)  # else in the arm it came to later
    by_day = _rows_by_day(rows.day[counts], rows.side[counts])
    if shown is not None:
        counts &= shown
    index = np.flatnonzero(counts)
    place = assigned.places[rows.unit[index]]
    if np.any(np.diff(known[index]) < 0):
        order = np.argsort(known[index], kind="stable")
        index, place = index[order], place[order]
    day, differs = rows.day[index], None if differs is None else differs[index]
    return Exposures(
        units=assigned.count,
        controls=assigned.controls,
        unit=place,
        known=known[index],
        day=day,
        top=top[index],
        bottom=rows.numbers("action")[index] if plan.metric.denominator == "action" else None,
        differs=differs,
        watched={one.column: rows.numbers(one.column)[index] for one in plan.margins},
        past=_past(rows, assigned),
        first=assigned.first,
        first_exposed=None if shown is None else _first(place, day, assigned.count),
        first_differing=None
        if differs is None
        else _first(place[differs], day[differs], assigned.count),
        names=rows.names.take(assigned.numbers),
        rows_by_day=by_day,
        suspects=suspects,
    )


def _logged(table: "pa.Table", started: datetime, as_of: datetime) -> LoggedRows:
    since = np.asarray(table["time"].cast("int64").to_numpy(), np.int64) - _micro(started)
    day = np.floor_divide(since, DAY_US).astype(np.int32)
    side = is_value(table["arm"], TREATMENT).astype(np.int8)
    unit, names = _codes(table["unit"])
    use = (since >= 0) & (since <= _micro(as_of) - _micro(started))
    return LoggedRows(table, since, day, unit, names, side, use)


class _Assigned:
    """Which arm each unit came into first, and its number with the control's units first."""

    def __init__(self, rows: LoggedRows) -> None:
        names, use = len(rows.names), rows.use[rows.order]
        index = np.flatnonzero(use) if isinstance(rows.order, slice) else rows.order[use]
        since, unit = rows.since[index], rows.unit[index]
        self.side = np.full(names, -1, np.int8)
        self.side[unit[::-1]] = rows.side[index[::-1]]  # what is written last is the earliest
        first = np.zeros(names, np.int64)
        first[unit[::-1]] = since[::-1]
        moved = self.side[rows.unit] != rows.side
        self.moved = suspected(rows.day, rows.use & moved)
        seen = self.side >= 0
        by_time = np.lexsort((first, np.where(seen, self.side, 2)))
        self.numbers = by_time[: int(seen.sum())]
        self.count, self.controls = self.numbers.size, int((self.side == 0).sum())
        self.places = np.full(names, -1, np.int32)
        self.places[self.numbers] = np.arange(self.count, dtype=np.int32)
        self.first = np.floor_divide(first[self.numbers], DAY_US).astype(np.int32)


def _micro(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def is_value(column: "pa.ChunkedArray", value: str) -> Bools:
    """Tell which rows of a column of few distinct values have this one."""
    code, values = _codes(column)
    return np.asarray([str(one) == value for one in values], bool)[code]


def _codes(column: "pa.ChunkedArray") -> tuple[Small, Any]:
    """Return each value's number, and the values."""
    import pyarrow as pa  # the gate alone does without

    whole = column.dictionary_encode().unify_dictionaries()
    if not whole.num_chunks:
        return np.zeros(0, np.int32), pa.array([], column.type)
    indices = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in whole.chunks]
    return np.concatenate(indices).astype(np.int32, copy=False), whole.chunk(0).dictionary


def _known(rows: LoggedRows, plan: Plan) -> Small:
    """Return from which day on each row counts, as far as time goes."""
    outcome = rows.outcome_since
    if outcome is None:
        return rows.day.copy()
    since, told = outcome
    # known at the end of this day, once the label's delay is over
    late = -np.floor_divide(round(plan.label_delay_days * DAY_US) - since, DAY_US) - 1
    known: Small = np.clip(late, rows.day, NEVER - 1).astype(np.int32)
    known[~told] = rows.day[~told]
    return known


def _differs(rows: LoggedRows) -> Bools | None:
    """Tell on which rows the policies act otherwise; where nobody knows, they may."""
    if "other_action" not in rows.table.column_names:
        return None
    other = rows.numbers("other_action")
    return None if np.isnan(other).all() else rows.numbers("action") != other


def _first(unit: Small, day: Small, units: int) -> Small:
    """Return the first day of each unit."""
    found = np.full(units, NEVER, np.int32)
    order = np.argsort(day, kind="stable")[::-1]
    found[unit[order]] = day[order]
    return found


def _past(rows: LoggedRows, assigned: _Assigned) -> Floats | None:
    """Return what the first row of each unit that says something says of its past; else NaN."""
    if "past" not in rows.table.column_names:
        return None
    value, at = rows.numbers("past"), assigned.places[rows.unit]
    said = np.flatnonzero(np.isfinite(value) & (at >= 0) & rows.use)
    if not said.size:
        return None
    said = said[np.argsort(rows.since[said], kind="stable")[::-1]]
    found = np.full(assigned.count, np.nan)
    found[at[said]] = value[said]  # what is written last is the earliest
    return found


def _rows_by_day(day: Small, side: NDArray[np.int8]) -> Ints:
    days = int(day.max()) + 1 if day.size else 0
    counted = np.bincount(day.astype(np.int64) * 2 + side, minlength=2 * days)
    return np.asarray(counted.reshape(days, 2), np.int64)
