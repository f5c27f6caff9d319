"""What rows must satisfy: what the contract implies and what the YAML says, as plain rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.data.validation.typed_columns import TIMES, is_category, is_number, typed
from kpi_gate.learning.label_maturity import measure_maturity
from kpi_gate.learning.scoring import DECISION_ID, KEY_ROLES
from kpi_gate.learning.windows import mature_delay, never_known
from kpi_gate.usecase.consistency import ROLES_OF
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.settings import Expectation, RowCount

NOBODY = ("", "nan", "NaN", "None", "<NA>", "NaT", "null")  # what a missing name is written as
KNOWN_SHARE = 0.95  # of the outcomes that are due; the rest may be late
GROWTH_DAYS = 31  # `may_grow_by` is an allowance for so many days
ANOTHER_UNIT = 20  # times that nothing moves within a month; from euros to cents it is 100
SEEN = 100  # rows: fewer do not tell what is usual
DAY = timedelta(days=1)
_KINDS = {
    "number": (is_number, "finite numbers"),
    "category": (is_category, "text, whole numbers or booleans"),
}
BETWEEN = "expect_column_values_to_be_between"
NOT_NULL = "expect_column_values_to_not_be_null"
IN_SET = "expect_column_values_to_be_in_set"


@dataclass(frozen=True)
class PreviousSnapshot:
    """What the last decision of this use case had seen.

    Attributes:
        as_of: Its moment.
        rows: Its number of rows.
    """

    as_of: datetime
    rows: int


@dataclass(frozen=True)
class Rule:
    """One expectation, with what people need to understand its failure.

    Attributes:
        type: Its name in Great Expectations.
        kwargs: Its arguments.
        about: Column that it is about; empty for the whole table.
        expected: What is expected, in words.
        recent: Whether it looks at the recent rows only.
        quiet: Whether it also fails where nothing is wrong, but nothing new has come.
        helper: Column that stands in where the original cannot be checked as it is, such as the
            difference of two times. It is named `<about>: <expected>`.
        by_row: Whether a row that breaks it may be set aside; a rule on what is late or missing
            says something of all rows.
        way_out: Why it is asked and what to do, where the expectation does not say so itself.
    """

    type: str
    kwargs: Mapping[str, Any]
    about: str
    expected: str
    recent: bool = False
    quiet: bool = False
    helper: pd.Series | None = field(default=None, repr=False)
    by_row: bool = True
    way_out: str = ""

    @property
    def says(self) -> str:
        """The rule in words."""
        return f"{self.about or 'table'}: expected {self.expected}"


def rules_for(
    rows: pd.DataFrame, use_case: UseCase, as_of: datetime, previous: PreviousSnapshot | None
) -> list[Rule]:
    """List everything that these rows must satisfy; what lacks its column is left to the first."""
    rules = [
        Rule("expect_column_to_exist", {"column": name}, name, "the column to exist")
        for name in use_case.columns
    ]
    limits = use_case.settings.validation.row_count
    rules.append(_row_count(limits, as_of, previous))
    if rows.empty:
        return rules
    frame = typed(rows, use_case)
    if {"event_time", "unit"} <= set(rows.columns):
        rules += _event_rules(frame, use_case.settings.freshness_days, as_of)
        if previous is not None and previous.as_of <= as_of:
            rules.append(_no_hole(frame, limits, previous))
    if {"event_time", "label_time", "outcome"} <= set(rows.columns):
        rules += _label_rules(frame, use_case.settings.window.label_delay_days, as_of)
    rules += _role_rules(frame, use_case)
    rules += _kind_rules(rows, use_case)
    rules += _amount_rules(rows, use_case)
    if "event_time" in rows:
        rules += _scale_rules(frame, use_case, as_of)
    declared = [_declared(expectation) for expectation in use_case.settings.validation.expectations]
    return [*rules, *_filled_rules(rows, use_case, declared), *declared]


def _row_count(limits: RowCount, as_of: datetime, previous: PreviousSnapshot | None) -> Rule:
    name = "expect_table_row_count_to_be_between"
    # a replay of an earlier moment has nothing to compare itself with
    if previous is None or previous.as_of > as_of:
        return Rule(name, {"min_value": 1}, "", "at least 1 row")
    growth = limits.may_grow_by * max(1.0, (as_of - previous.as_of) / DAY / GROWTH_DAYS)
    least = max(1, int(np.ceil(previous.rows * (1 - limits.may_shrink_by))))
    most = max(least, int(np.floor(previous.rows * (1 + growth))))
    expected = f"{least} to {most} rows, after {previous.rows} on {previous.as_of:%Y-%m-%d}"
    return Rule(name, {"min_value": least, "max_value": most}, "", expected)


def _no_hole(frame: pd.DataFrame, limits: RowCount, previous: PreviousSnapshot) -> Rule:
    """Return that the old rows are still there: a lost month must not hide behind new rows."""
    least = int(np.ceil(previous.rows * (1 - limits.may_shrink_by)))
    return _helped(
        "expect_column_sum_to_be_between",
        (frame["event_time"] < previous.as_of).astype(float),
        "event_time",
        f"at least {least} rows before {previous.as_of:%Y-%m-%d}, as there were on that day",
        min_value=least,
    )


def _event_rules(frame: pd.DataFrame, freshness_days: float, as_of: datetime) -> Iterator[Rule]:
    age_days = (as_of - frame["event_time"]) / DAY
    yield from map(_not_null, ("event_time", "unit"))
    yield from _identity_rules(frame)
    yield _before(as_of, age_days, "event_time")
    newest = _helped(
        "expect_column_min_to_be_between",
        age_days,
        "event_time",
        f"the newest row to be at most {freshness_days:g} days old on {as_of:%Y-%m-%d}",
        max_value=freshness_days,
    )
    yield replace(newest, quiet=True)


def _identity_rules(frame: pd.DataFrame) -> Iterator[Rule]:
    """Yield that no decision is there twice, and that none hides behind the word for a missing one.

    Decisions that have an id may share unit and moment.
    """
    if DECISION_ID in frame:
        yield _not_null(DECISION_ID)
        kwargs, unique = {"column": DECISION_ID}, "one row for each decision_id"
        yield Rule("expect_column_values_to_be_unique", kwargs, DECISION_ID, unique)
    else:
        keys = [name for name in KEY_ROLES if name in frame]
        yield Rule(
            "expect_compound_columns_to_be_unique",
            {"column_list": keys, "ignore_row_if": "any_value_is_missing"},
            "unit",
            f"one row for each {', '.join(keys[:-1])} and {keys[-1]}, or a column {DECISION_ID}",
        )
    for name in ("unit", "item", DECISION_ID):
        if name in frame and not pd.api.types.is_numeric_dtype(frame[name]):
            named = (~frame[name].astype(str).str.strip().isin(NOBODY)).where(frame[name].notna())
            yield _all_true(named, name, "a name, not the word for a missing one")


def _label_rules(frame: pd.DataFrame, delay_days: float, as_of: datetime) -> Iterator[Rule]:
    event, label, outcome = frame["event_time"], frame["label_time"], frame["outcome"]
    yield _one_of([0, 1], "outcome", "0 or 1")
    yield _all_true(
        outcome.notna() == label.notna(), "outcome", "known exactly where label_time is"
    )
    lag_days, not_before = (label - event) / DAY, "a moment not before event_time"
    yield _helped(BETWEEN, lag_days, "label_time", not_before, min_value=0)
    yield _before(as_of, (as_of - label) / DAY, "label_time")
    # a label that comes later than declared moves the windows; what never comes is missing
    measured = measure_maturity(frame, as_of, delay_days).measured_days
    delay_days = mature_delay(delay_days, measured)
    due = (event < as_of - timedelta(days=delay_days)) & ~never_known(frame)
    expected = f"a known outcome {delay_days:g} days after the event, in {KNOWN_SHARE:.0%} of rows"
    known = outcome.notna().astype(float).where(due)
    due_ones = _all_true(known, "outcome", expected, mostly=KNOWN_SHARE)
    yield replace(due_ones, by_row=False)


def _role_rules(frame: pd.DataFrame, use_case: UseCase) -> Iterator[Rule]:
    """Yield what the roles imply that only some use cases have."""
    settings, present = use_case.settings, set(frame.columns)
    roles = ROLES_OF[settings.estimator.kind]
    groups = [name for name in settings.policy.within if name != "day"]
    names = dict.fromkeys(name for name in ("item", *roles, *groups) if name in present)
    yield from map(_not_null, names)
    if "propensity" in roles and "propensity" in present:
        chance = pd.to_numeric(frame["propensity"], errors="coerce")
        fits = ((chance > 0) & (chance <= 1)).where(frame["propensity"].notna())
        yield _all_true(fits, "propensity", "a probability in (0, 1]")
    if "observed" in roles and {"observed", "outcome"} <= present:
        truth = frame["observed"].isin([True, False]).where(frame["observed"].notna())
        yield _all_true(truth, "observed", "true or false")
        hidden = frame["outcome"].isna() | frame["observed"].isin([True])
        yield _all_true(hidden, "outcome", "none where it is not observed")
    if use_case.choices is not None and use_case.choices.column in present:
        levels, name = use_case.choices.levels, use_case.choices.column
        words = f"one of the {len(levels)} choices, such as {levels[0]}"
        yield _one_of(list(levels), name, words)
    for name in settings.validation.one_per_unit:
        if {name, "unit"} <= present:
            several = frame.groupby("unit", observed=True)[name].transform("nunique") <= 1
            yield _all_true(several, name, f"one {name} for each unit")


def _kind_rules(rows: pd.DataFrame, use_case: UseCase) -> Iterator[Rule]:
    for name in TIMES:
        if name in rows:
            fits = rows[name].isna() | isinstance(rows[name].dtype, pd.DatetimeTZDtype)
            yield _all_true(fits, name, f"times with a time zone, not {rows[name].dtype}")
    for feature in use_case.features:
        if feature.name in rows:
            fits, expected = _KINDS[feature.kind]
            yield _all_true(fits(rows[feature.name]), feature.name, expected)


def _amount_rules(rows: pd.DataFrame, use_case: UseCase) -> Iterator[Rule]:
    """Yield that an amount which comes with the outcome is a number, and there once that is."""
    late = (*use_case.times.late_amounts, *use_case.amounts)
    for name in dict.fromkeys(name for name in late if {name, "outcome"} <= set(rows.columns)):
        yield _all_true(is_number(rows[name]), name, "finite numbers")
        known = rows[name].notna() | rows["outcome"].isna()
        yield _all_true(known, name, "known wherever the outcome is")


def _scale_rules(frame: pd.DataFrame, use_case: UseCase, as_of: datetime) -> Iterator[Rule]:
    """Yield that what the value reads at the decision has not changed its unit, as euros to cents.

    Where nobody declares an expectation on such a column, cents would be promoted as a gain.
    """
    start = as_of - timedelta(days=use_case.settings.validation.recent_days)
    older, late = frame[frame["event_time"] < start], set(use_case.times.with_outcome)
    for name in dict.fromkeys(use_case.value.columns):
        if name in late or name not in frame or not pd.api.types.is_numeric_dtype(frame[name]):
            continue
        known = older[name].dropna().astype(float)
        usual = float(known.median()) if len(known) >= SEEN else 0.0
        if usual > 0:
            low, high = usual / ANOTHER_UNIT, usual * ANOTHER_UNIT
            yield Rule(
                "expect_column_median_to_be_between",
                {"column": name, "min_value": low, "max_value": high},
                name,
                f"a median of {low:.4g} to {high:.4g}, as it was {usual:.4g} before",
                recent=True,
            )


def _filled_rules(rows: pd.DataFrame, use_case: UseCase, declared: list[Rule]) -> Iterator[Rule]:
    """Yield that what the value reads at the decision, and what a slice is made of, is there."""
    late = set(use_case.times.with_outcome)
    asked = {rule.about for rule in declared if rule.type == NOT_NULL}
    sliced = [rail.slice for rail in use_case.settings.guardrails if rail.slice]
    for name in dict.fromkeys((*use_case.value.columns, *sliced)):
        if name in rows.columns and name not in late | asked:
            yield replace(_not_null(name), way_out=_way_out(name, name in sliced))


def _way_out(name: str, sliced: bool) -> str:
    if sliced:
        words = 'fill it, such as with "unknown", or drop the slice'
        return f"{name} is a slice that a guardrail names: {words}"
    return f"the value model reads {name} at the decision: fill it, or leave such rows out"


def _declared(expectation: Expectation) -> Rule:
    given = ", ".join(f"{key} {value}" for key, value in expectation.kwargs.items())
    words = expectation.type.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    return Rule(
        expectation.type,
        {**expectation.kwargs, "column": expectation.column},
        expectation.column,
        f"{words} ({given})" if given else words,
        recent=expectation.rows == "recent",
    )


def _not_null(name: str) -> Rule:
    return Rule(NOT_NULL, {"column": name}, name, "no nulls")


def _one_of(levels: list[Any], name: str, expected: str) -> Rule:
    return Rule(IN_SET, {"column": name, "value_set": levels}, name, expected)


def _helped(name: str, helper: pd.Series, about: str, expected: str, **kwargs: object) -> Rule:
    rule = Rule(name, {}, about, expected, helper=helper)
    return replace(rule, kwargs={**kwargs, "column": rule.says})


def _before(as_of: datetime, age_days: pd.Series, about: str) -> Rule:
    expected = f"a moment before as_of, {as_of:%Y-%m-%d %H:%M}"
    return _helped(BETWEEN, age_days, about, expected, min_value=0, strict_min=True)


def _all_true(helper: pd.Series, about: str, expected: str, **kwargs: object) -> Rule:
    return _helped(IN_SET, helper, about, expected, value_set=[True], **kwargs)
