"""What rows must satisfy: what the contract implies and what the YAML says, as plain rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.learning.label_maturity import measure_maturity
from kpi_gate.learning.scoring import DECISION_ID, KEY_ROLES
from kpi_gate.learning.windows import mature_delay, never_known
from kpi_gate.usecase.contract import ROLES_OF, UseCase
from kpi_gate.usecase.settings import Expectation, RowCount

TIMES = ("event_time", "label_time")
NOBODY = ("", "nan", "NaN", "None", "<NA>", "NaT", "null")  # what a missing name is written as
KNOWN_SHARE = 0.95  # of the outcomes that are due; the rest may be late
GROWTH_DAYS = 31  # `may_grow_by` is an allowance for so many days
DAY = timedelta(days=1)


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
    """

    type: str
    kwargs: Mapping[str, Any]
    about: str
    expected: str
    recent: bool = False
    quiet: bool = False
    helper: pd.Series | None = None
    by_row: bool = True

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
    rules.append(_row_count(use_case.settings.validation.row_count, as_of, previous))
    if rows.empty:
        return rules
    frame = typed(rows, use_case)
    if {"event_time", "unit"} <= set(rows.columns):
        rules += _event_rules(frame, use_case.settings.validation.freshness_days, as_of)
        limits = use_case.settings.validation.row_count
        rules += [] if previous is None else _no_hole(frame, limits, as_of, previous)
    if {"event_time", "label_time", "outcome"} <= set(rows.columns):
        rules += _label_rules(frame, use_case.settings.window.label_delay_days, as_of)
    rules += _role_rules(frame, use_case)
    rules += _kind_rules(rows, use_case)
    rules += _amount_rules(rows, use_case)
    rules += [_declared(expectation) for expectation in use_case.settings.validation.expectations]
    return rules


def typed(rows: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return the rows with times and numbers readable as such; what is not becomes null.

    A column of the wrong type has its own rule, so nothing is forgiven here: the other rules can
    still say what else is wrong.
    """
    numbers = {feature.name for feature in use_case.features if feature.kind == "number"}
    mended: dict[str, pd.Series] = {}
    for name in rows.columns:
        column = rows[name]
        if name in TIMES:
            mended[name] = _as_time(column)
        elif name in numbers and not pd.api.types.is_numeric_dtype(column):
            mended[name] = _as_number(column)
    return rows.assign(**mended)


def checkable(rows: pd.DataFrame, use_case: UseCase, rules: list[Rule]) -> pd.DataFrame:
    """Return the rows, typed, with the helper columns of the rules beside them."""
    helpers = {rule.says: rule.helper for rule in rules if rule.helper is not None}
    return pd.concat([typed(rows, use_case), pd.DataFrame(helpers, index=rows.index)], axis=1)


def recent_start(recent_days: int, as_of: datetime, previous: PreviousSnapshot | None) -> datetime:
    """Return the moment from which rows are recent.

    What came since the previous snapshot, and no more than `recent_days`: a bad month must not
    drown among the good ones of a longer gap.
    """
    longest = as_of - timedelta(days=recent_days)
    return longest if previous is None or previous.as_of >= as_of else max(previous.as_of, longest)


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


def _no_hole(
    frame: pd.DataFrame, limits: RowCount, as_of: datetime, previous: PreviousSnapshot
) -> Iterator[Rule]:
    """Yield that the old rows are still there: a lost month must not hide behind new rows."""
    if previous.as_of <= as_of:
        least = int(np.ceil(previous.rows * (1 - limits.may_shrink_by)))
        yield _helped(
            "expect_column_sum_to_be_between",
            (frame["event_time"] < previous.as_of).astype(float),
            "event_time",
            f"at least {least} rows before {previous.as_of:%Y-%m-%d}, as there were on that day",
            min_value=least,
        )


def _event_rules(frame: pd.DataFrame, freshness_days: float, as_of: datetime) -> Iterator[Rule]:
    age_days = (as_of - frame["event_time"]) / DAY
    for name in ("event_time", "unit"):
        yield Rule("expect_column_values_to_not_be_null", {"column": name}, name, "no nulls")
    yield from _identity_rules(frame)
    yield _helped(
        "expect_column_values_to_be_between",
        age_days,
        "event_time",
        f"a moment before as_of, {as_of:%Y-%m-%d %H:%M}",
        min_value=0,
        strict_min=True,
    )
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
        kwargs = {"column": DECISION_ID}
        yield Rule("expect_column_values_to_not_be_null", kwargs, DECISION_ID, "no nulls")
        unique = "one row for each decision_id"
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
    kwargs = {"column": "outcome", "value_set": [0, 1]}
    yield Rule("expect_column_values_to_be_in_set", kwargs, "outcome", "0 or 1")
    yield _all_true(
        outcome.notna() == label.notna(), "outcome", "known exactly where label_time is"
    )
    between = "expect_column_values_to_be_between"
    lag_days, age_days = (label - event) / DAY, (as_of - label) / DAY
    yield _helped(between, lag_days, "label_time", "a moment not before event_time", min_value=0)
    yield _helped(
        between,
        age_days,
        "label_time",
        f"a moment before as_of, {as_of:%Y-%m-%d %H:%M}",
        min_value=0,
        strict_min=True,
    )
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
    for name in dict.fromkeys(name for name in ("item", *roles, *groups) if name in present):
        yield Rule("expect_column_values_to_not_be_null", {"column": name}, name, "no nulls")
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
        kwargs = {"column": name, "value_set": list(levels)}
        words = f"one of the {len(levels)} choices, such as {levels[0]}"
        yield Rule("expect_column_values_to_be_in_set", kwargs, name, words)
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
        if feature.name not in rows:
            continue
        column = rows[feature.name]
        if feature.kind == "number":
            yield _all_true(_is_number(column), feature.name, "finite numbers")
        else:
            yield _all_true(_is_category(column), feature.name, "text, whole numbers or booleans")


def _amount_rules(rows: pd.DataFrame, use_case: UseCase) -> Iterator[Rule]:
    """Yield that an amount which comes with the outcome is a number, and there once that is."""
    late = (*use_case.times.late_amounts, *use_case.amounts)
    for name in dict.fromkeys(name for name in late if {name, "outcome"} <= set(rows.columns)):
        yield _all_true(_is_number(rows[name]), name, "finite numbers")
        known = rows[name].notna() | rows["outcome"].isna()
        yield _all_true(known, name, "known wherever the outcome is")


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


def _helped(name: str, helper: pd.Series, about: str, expected: str, **kwargs: object) -> Rule:
    rule = Rule(name, {}, about, expected, helper=helper)
    return Rule(name, {**kwargs, "column": rule.says}, about, expected, helper=helper)


def _all_true(helper: pd.Series, about: str, expected: str, **kwargs: object) -> Rule:
    name = "expect_column_values_to_be_in_set"
    return _helped(name, helper, about, expected, value_set=[True], **kwargs)


def _as_time(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    return pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")


def _as_number(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column.astype(str), errors="coerce")


def _is_number(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
        return pd.Series(~infinite, index=column.index)
    wrong = ~np.isfinite(_as_number(column)) & column.notna()
    # numbers that are all written as text: no single row is to blame
    return ~wrong if wrong.any() else column.isna()


def _is_category(column: pd.Series) -> pd.Series:
    types = pd.api.types
    if isinstance(column.dtype, pd.StringDtype) or types.is_bool_dtype(column):
        return pd.Series(data=True, index=column.index)
    if types.is_numeric_dtype(column):  # whole numbers with nulls among them are floats
        return column.isna() | (column % 1 == 0)
    plain = (str, bool, int, np.integer, np.bool_)
    fits = column.astype(object).map(lambda value: isinstance(value, plain))
    return fits.astype(bool) | column.isna()
