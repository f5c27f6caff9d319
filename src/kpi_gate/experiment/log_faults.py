"""What is wrong with a log up to a day: each with what was found, its number and its bound."""

from collections.abc import Iterator

import numpy as np
from scipy.special import chdtrc, ndtri

from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.estimates import Moments, difference
from kpi_gate.experiment.exposures import Exposures, Floats
from kpi_gate.experiment.plan import ARMS, TREATMENT, Plan
from kpi_gate.experiment.result import Fault, Split
from kpi_gate.text import number, percent

SPLIT_LEVEL = 0.001  # asked every day, it alarms falsely in about 1 % of experiments
FEW_UNITS = 50  # of an arm, below which a normal bound is not believed
ONE_UNIT = 0.5  # share of the variance that a single unit may carry
QUIET = 30  # rows that a day must have had for their lack to mean something
QUIET_DAYS = 0.25  # share of days without rows beyond which a log has holes
PACE = 0.1  # share of the usual pace below which rows after today are a clock's, and no replay
HASHED = 20_000  # units whose arm is checked against the plan's hash
MISSED = 0.001  # level of the comparison of outcomes that are missing

_ROWS = {
    "early": ("clock", "{rows} dated before the start"),
    "outcomes": (
        "outcome before exposure",
        "{rows} with an outcome that was known before the decision",
    ),
    "both_arms": ("unit in both arms", "{rows} of a unit that came into the other arm before"),
    "versions": ("policy version", "{rows} decided by another version than planned{example}"),
    "doubled": ("rows twice", "{rows} there twice: whole days were written twice"),
    "infinite": ("amounts", "{rows} with an amount that is not finite"),
    "action": ("action", "{rows} with an action below 0, which nothing can be divided by"),
}


def split_of(first: np.ndarray, controls: int, cut: int, share: float) -> Split:
    """Return how many units came into each arm before a day, and whether chance explains it."""
    control, treatment = (int((one < cut).sum()) for one in (first[:controls], first[controls:]))
    units = control + treatment
    expected = np.asarray([units * (1 - share), units * share])
    if not units:
        return Split(control=0, treatment=0, expected=share, p_value=1.0)
    squares = float((np.square(np.asarray([control, treatment]) - expected) / expected).sum())
    return Split(
        control=control,
        treatment=treatment,
        expected=share,
        p_value=float(chdtrc(1, squares)),
    )


def row_faults(log: Exposures, cut: int) -> Iterator[Fault]:
    """Yield what is wrong with single rows before a day."""
    for name, (check, words) in _ROWS.items():
        found = log.suspects.get(name)
        count = 0 if found is None else found.until(cut)
        if found is not None and count:
            example = f", such as {found.example}" if found.example else ""
            said = words.format(rows=_rows(count), example=example)
            yield Fault(check=check, reason=said, value=float(count), bound=0.0)
    twice = log.suspects.get("twice")
    if twice is not None and twice.until(cut) and not log.suspects["doubled"].until(cut):
        yield Fault(
            check="rows twice",
            severity="warning",
            reason=f"{_rows(twice.until(cut))} there twice, with unit, time, action and value "
            "alike: two decisions of one moment, or one that was written twice",
            value=float(twice.until(cut)),
            bound=0.0,
        )


def unit_faults(log: Exposures, plan: Plan, cut: int) -> Iterator[Fault]:
    """Yield what is wrong with who is in which arm before a day."""
    share = plan.treatment_share
    split = split_of(log.first, log.controls, cut, share)
    if not split.control + split.treatment:
        return
    empty = [
        arm for arm, units in zip(ARMS, (split.control, split.treatment), strict=True) if not units
    ]
    # of so few units all may be in one arm by chance
    if empty and split.p_value < SPLIT_LEVEL:
        other = split.control + split.treatment
        yield Fault(
            check="arm without exposure",
            reason=f"no unit of {other:,} is in the {empty[0]}",
            value=0.0,
            bound=1.0,
        )
    elif split.p_value < SPLIT_LEVEL:
        yield _mismatch("split", "units", split)
    parts = (
        ("split of the exposed", "units that were exposed", log.first_exposed),
        ("split where they differ", "units on which the two policies differ", log.first_differing),
    )
    for check, units, first in parts:
        where = None if first is None else split_of(first, log.controls, cut, share)
        if where is not None and where.p_value < SPLIT_LEVEL <= split.p_value:
            yield _mismatch(check, units, where)
            return
    yield from _other_hash(log, plan, cut)


def _mismatch(check: str, units: str, split: Split) -> Fault:
    found = split.treatment / (split.control + split.treatment)
    rare = number(1 / max(split.p_value, 1e-12), 0)
    return Fault(
        check=check,
        reason=f"{percent(found)} of the {units} are in the treatment, planned are "
        f"{percent(split.expected)}: chance does so once in {rare}",
        value=split.p_value,
        bound=SPLIT_LEVEL,
    )


def _other_hash(log: Exposures, plan: Plan, cut: int) -> Iterator[Fault]:
    """Say where units are in another arm than the plan's salt deals them to."""
    seen = np.flatnonzero(log.first < cut)
    asked = seen[:: max(seen.size // HASHED, 1)]
    dealt = arms(log.names.take(asked).to_pylist(), plan) == TREATMENT
    other = int((dealt != (asked >= log.controls)).sum())
    if other:
        yield Fault(
            check="assignment",
            severity="warning",
            reason=f"{percent(other / asked.size)} of the units are in another arm than the "
            "plan's salt deals them to: they were assigned in another way",
            value=other / asked.size,
            bound=0.0,
        )


def pace_faults(log: Exposures, cut: int, quiet_days: int, *, at_look: bool) -> Iterator[Fault]:
    """Yield days without rows, of both arms or of one, before a day.

    Args:
        log: The exposures.
        cut: The day; all days before it are over.
        quiet_days: Longest stretch without a row that is usual.
        at_look: Whether an effect is read from them: a log that has stopped then has no answer.
    """
    rows = np.zeros((cut, 2))
    there = log.rows_by_day[:cut]
    rows[: len(there)] = there
    usual = np.median(rows[rows.sum(axis=1) > 0], axis=0) if rows.any() else np.zeros(2)
    silent = _silent(rows.sum(axis=1), quiet_days) if usual.sum() >= QUIET else np.zeros(0, int)
    last = int(np.flatnonzero(rows.sum(axis=1))[-1]) if rows.any() else -1
    over = cut - 1 - last
    if over >= 2 + quiet_days and usual.sum() >= QUIET:
        yield Fault(
            check="log stops",
            severity="invalid" if at_look else "warning",
            reason=f"the log stops after day {last + 1}: {over} days have no row, "
            f"a day has had {number(usual.sum(), 0)}",
            value=float(over),
            bound=1.0 + quiet_days,
        )
    elif silent.size:
        yield Fault(
            check="days without rows",
            severity="invalid" if silent.size > QUIET_DAYS * cut else "warning",
            reason=f"{silent.size} of {cut} days have no row, such as day {silent[0] + 1}",
            value=silent.size / cut,
            bound=QUIET_DAYS,
        )
    for side, arm in enumerate(ARMS):
        alone = (rows[:, side] == 0) & (rows[:, 1 - side] > 0) & (usual[side] >= QUIET)
        if alone.any():
            day = int(np.argmax(alone))
            yield Fault(
                check="arm without rows",
                reason=f"the {arm} has no row on {int(alone.sum())} days, such as day {day + 1}, "
                "when the other arm has",
                value=float(alone.sum()),
                bound=0.0,
            )


def _silent(rows: Floats, quiet_days: int) -> np.ndarray:
    """Return the days without rows that belong to a longer stretch than is usual."""
    empty = np.concatenate([[False], rows == 0, [False]])
    edges = np.flatnonzero(np.diff(empty.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts > quiet_days
    stretches = [np.arange(a, b) for a, b in zip(starts[long], ends[long], strict=True)]
    return np.concatenate([*stretches, np.zeros(0, np.int64)]).astype(np.int64)


def skew_faults(log: Exposures, plan: Plan, days: float, later_days: float) -> Iterator[Fault]:
    """Yield rows that are later than what is known: a clock that is ahead, or a replay.

    Args:
        log: The exposures.
        plan: Its pace counts where none is seen yet.
        days: Days so far.
        later_days: Days from what is known to the last such row.
    """
    later = log.suspects["later"].days.size
    if not later:
        return
    seen = float(log.rows_by_day.sum())
    usual = seen / days if days >= 1 and seen else plan.units_per_week / 7
    ahead = later < PACE * usual * later_days
    yield Fault(
        check="clock",
        severity="invalid" if ahead else "warning",
        reason=f"{_rows(later)} dated after this analysis, up to {number(later_days)} days: "
        + ("a clock is ahead" if ahead else "they are not looked at"),
        value=float(later),
        bound=0.0,
    )


def missing_faults(log: Exposures, cut: int) -> tuple[float, list[Fault]]:
    """Return the share of the rows before a day whose outcome is known, and what is wrong with it.

    Outcomes that are missing more often in one arm bias what is left of it.
    """
    known = log.until(cut)
    unknown = slice(known.stop, None)
    late = log.unit[unknown][log.day[unknown] < cut]
    if not late.size:
        return 1.0, []
    lost = np.bincount(late, minlength=log.units).astype(np.float64)
    rows = lost + np.bincount(log.unit[known], minlength=log.units)
    share = 1 - float(lost.sum()) / float(rows.sum())
    if share == 0:
        reason = "no outcome of a row is known that should be by now"
        return 0.0, [Fault(check="outcomes", reason=reason, value=0.0, bound=1.0)]
    sides = [_ratio(lost[arm], rows[arm]) for arm in log.arms]
    found = difference(*sides)
    level = -float(ndtri(MISSED / 2))
    if not abs(found.estimate) > level * found.standard_error:
        return share, []
    reason = (
        f"{percent(found.control)} of the control's outcomes are missing and "
        f"{percent(found.treatment)} of the treatment's: what is left of them cannot be compared"
    )
    z = abs(found.estimate) / found.standard_error if found.standard_error else 99.0
    return share, [Fault(check="missing outcomes", reason=reason, value=z, bound=level)]


def _ratio(top: Floats, bottom: Floats) -> Moments:
    here = bottom > 0
    top, bottom = top[here], bottom[here]
    if top.size < 2:
        nothing = {
            (a, b): 0.0 for a in ("numerator", "denominator") for b in ("numerator", "denominator")
        }
        return Moments(top.size, {"numerator": 0.0, "denominator": 1.0}, nothing)
    spread = np.cov(top, bottom)
    pairs = {
        ("numerator", "numerator"): float(spread[0, 0]),
        ("numerator", "denominator"): float(spread[0, 1]),
        ("denominator", "denominator"): float(spread[1, 1]),
    }
    means = {"numerator": float(top.mean()), "denominator": float(bottom.mean())}
    return Moments(top.size, means, pairs)


def effect_faults(
    units: tuple[int, int], error: float, influence: Floats, *, alike: bool
) -> Iterator[Fault]:
    """Yield why an effect cannot be believed: too few units, no spread, or one that carries it.

    Args:
        units: Units compared, of control and treatment.
        error: Standard error of the effect; NaN where it cannot be told.
        influence: What each unit adds to the effect.
        alike: Whether the log says where the policies act alike.
    """
    if alike and not any(units):
        reason = "the two policies act alike on all rows: there is nothing to compare"
        yield Fault(check="alike", reason=reason, value=0.0, bound=0.0)
        return
    if min(units) < FEW_UNITS:
        yield Fault(
            check="units",
            severity="warning",
            reason=f"{min(units)} units of an arm are too few for an answer",
            value=float(min(units)),
            bound=float(FEW_UNITS),
        )
        return
    if not error > 0:
        reason = "all units have the same value: there is nothing to compare"
        if error != 0:
            reason = "the effect has no error: what the metric is divided by is 0 in all rows"
        yield Fault(check="constant", reason=reason)
        return
    each = np.square(influence)
    top = float(each.max() / max(each.sum(), 1e-300))
    if top > ONE_UNIT:
        yield Fault(
            check="one unit",
            reason=f"one unit carries {percent(top)} of the variance: what it does decides",
            value=top,
            bound=ONE_UNIT,
        )


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
