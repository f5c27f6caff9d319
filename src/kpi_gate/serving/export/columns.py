"""Say which columns a row must have, and write golden rows as they come over HTTP."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.evaluation.views import rule_of_thumb
from kpi_gate.serving.manifest import Column, Kind, Role
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.refusal import Refusal

MOST_LEVELS = 50
ROLES = ("unit", "item")


def described(
    golden: pd.DataFrame, use_case: UseCase, features: Sequence[str]
) -> tuple[Column, ...]:
    """Return the columns of a row.

    Args:
        golden: Golden rows of the model, with the columns that were known at the decision.
        use_case: Whose rows.
        features: That the model reads, in order.
    """
    rows = as_rows(golden)
    numbers = {feature.name for feature in use_case.features if feature.kind == "number"}
    roles = _roles(rows, use_case, features)
    optional = _optional(rows, use_case, roles)
    return tuple(
        _column(rows[name], role, name in numbers, required=name not in optional)
        for name, role in roles.items()
    )


def as_rows(golden: pd.DataFrame) -> pd.DataFrame:
    """Return golden rows without what was said of them; those of old models have no unit."""
    rows = golden[[name for name in golden if not name.startswith("golden_")]]
    return rows if "unit" in rows else rows.assign(unit="somebody")


def _roles(rows: pd.DataFrame, use_case: UseCase, features: Sequence[str]) -> dict[str, Role]:
    """Return what each column is for; whatever else was known at the decision is `known`."""
    found: dict[str, Role] = {"unit": "unit"}
    if "item" in rows:
        found["item"] = "item"
    declared = use_case.times.read_to_decide
    groups = [name for name in use_case.settings.policy.within if name not in ("day", "event_time")]
    for name in (*features, *declared, *groups):
        if name in rows and name not in found and name != "event_time":
            found[name] = "feature" if name in features else "known"
            if name in groups and name not in (*use_case.known, *features):
                found[name] = "group"
    return found


def _optional(rows: pd.DataFrame, use_case: UseCase, roles: dict[str, Role]) -> set[str]:
    """Return the columns that nothing reads to decide, though they are known by then."""
    read = {*use_case.known, *use_case.expected.values(), *use_case.value.columns}
    left = {name for name, role in roles.items() if role == "known" and name not in read}
    optional = {name for name in left if _rules_without(rows, use_case, [name])}
    if not _rules_without(rows, use_case, sorted(optional)):
        optional = set()
    return optional | _chosen(rows, use_case)


def _rules_without(rows: pd.DataFrame, use_case: UseCase, names: Sequence[str]) -> bool:
    try:
        rule_of_thumb(use_case, rows.drop(columns=names))
    except Refusal:
        return False
    return True


def _chosen(rows: pd.DataFrame, use_case: UseCase) -> set[str]:
    """Return the columns that come with a choice, and so cannot be known before it."""
    choices = use_case.choices
    if choices is None:
        return set()
    told = [choices.as_if(rows, level) for level in choices.levels]
    return {
        choices.column,
        *(
            name
            for name in rows
            if any(not told[0][name].equals(other[name]) for other in told[1:])
        ),
    }


def _column(values: pd.Series, role: Role, number: bool, *, required: bool) -> Column:
    kind = _kind(values)
    if role in ROLES and kind != "text":  # a name is no quantity
        kind = "whole"
    if number and kind in ("whole", "text"):  # of a column without a value: text
        kind = "number"
    known = values.dropna()
    levels: tuple[Any, ...] = ()
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = tuple(map(plain, values.dtype.categories[:MOST_LEVELS]))
    elif role not in ROLES and kind in ("text", "truth", "whole"):
        levels = tuple(sorted({plain(value) for value in known})[:MOST_LEVELS])
    example = _usual(known)
    if role == "unit":
        example = _pseudonym(example, 1)
    return Column(
        name=str(values.name),
        role=role,
        kind=kind,
        required=required,
        nullable=role not in ROLES,
        example=example,
        levels=levels,
        single=values.dtype == np.float32,
    )


def _usual(known: pd.Series) -> Any:
    """Return an example that is of no one row: it is shown to whoever asks."""
    if known.empty:
        return None
    if pd.api.types.is_numeric_dtype(known) or pd.api.types.is_datetime64_any_dtype(known):
        return plain(known.sort_values().iloc[len(known) // 2])
    return plain(known.value_counts().index[0])


def _kind(values: pd.Series) -> Kind:
    like = values.dtype
    if isinstance(like, pd.CategoricalDtype):
        like = like.categories.dtype
    if pd.api.types.is_bool_dtype(like):
        return "truth"
    if pd.api.types.is_integer_dtype(like):
        return "whole"
    if pd.api.types.is_numeric_dtype(like):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(like):
        return "time"
    kinds = {type(plain(value)) for value in values.dropna()}
    return {
        frozenset({bool}): "truth",
        frozenset({int}): "whole",
        frozenset({float}): "number",
    }.get(  # type: ignore[return-value]
        frozenset(kinds), "text"
    )


def wire_rows(table: pd.DataFrame, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return rows as they come over HTTP."""
    names = [column.name for column in columns if column.name in table]
    if "event_time" in table:
        names.append("event_time")
    lists = {name: [plain(value) for value in table[name]] for name in names}
    return [{name: lists[name][at] for name in names} for at in range(len(table))]


def unnamed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that name nobody: units are told apart by numbers of ours."""
    numbers: dict[Any, int] = {}
    for row in rows:
        numbers.setdefault(row["unit"], len(numbers) + 1)
    return [{**row, "unit": _pseudonym(row["unit"], numbers[row["unit"]])} for row in rows]


def _pseudonym(unit: Any, number: int) -> Any:
    return f"unit {number}" if isinstance(unit, str) else number


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp | np.datetime64):
        at = pd.Timestamp(value)
        return (at if at.tzinfo else at.tz_localize("UTC")).isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
