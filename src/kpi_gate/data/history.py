"""Whether what was known at the last tick still is: outcomes, amounts and values that changed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.frozen import Frozen
from kpi_gate.learning.scoring import row_keys

Flags = NDArray[np.bool_]


class HistoryChange(Frozen):
    """What became of the rows of the last tick.

    Attributes:
        checked: Whether the rows of the last tick were there to compare with.
        rows: Rows of the last tick.
        known: Rows of them whose outcome was known.
        changed: Rows of which an outcome, an amount or a value is another now.
        vanished: Rows that are gone.
        share: The larger of two shares: changed outcomes and amounts among those that were known,
            changed values among all rows that are still there.
        columns: Changed rows by column.
        features: Changed rows by feature; they are told, and stop nothing.
        days: Changed and vanished rows by day of the event, of the days that have any.
        example: One changed value in words.
    """

    checked: bool = True
    rows: int = 0
    known: int = 0
    changed: int = 0
    vanished: int = 0
    share: float = 0.0
    columns: Mapping[str, int] = {}
    features: Mapping[str, int] = {}
    days: Mapping[str, Mapping[str, int]] = {}
    example: str = ""

    def sentence(self) -> str:
        """Say what changed, in one sentence without its full stop."""
        if not self.checked:
            return "not checked: the rows of the last tick are not in DVC's cache"
        named = ", ".join(f"{name} in {count:,}" for name, count in self.columns.items())
        what = f"{self.changed:,} of {self.rows:,} rows of the last tick differ now"
        told = f" ({named}; {self.example})" if named else ""
        gone = f", {self.vanished:,} are gone" if self.vanished else ""
        return f"{what}{told}{gone}"


def compare_history(
    before: pd.DataFrame,
    now: pd.DataFrame,
    *,
    late: Sequence[str],
    values: Sequence[str],
    features: Sequence[str],
) -> HistoryChange:
    """Compare the rows of the last tick with what they are now.

    An outcome that became known since is no change; one that is unknown again is.

    Args:
        before: Rows of the last tick.
        now: Rows of this one.
        late: Columns that come with the outcome, itself and its time among them.
        values: Columns known at the decision that the value reads.
        features: Inputs of the model.
    """
    old, new = _keyed(before), _keyed(now)
    there = old.index.isin(new.index)
    day = old["event_time"].dt.strftime("%Y-%m-%d").to_numpy()
    known = (there & old["label_time"].notna().to_numpy())[there]
    vanished = _by_day(day[~there])
    old, day = old[there], day[there]
    new = new.loc[old.index]
    shared = [name for name in old.columns if name in new.columns]
    outcomes = {name: _differ(old[name], new[name]) & known for name in late if name in shared}
    decided = {name: _differ(old[name], new[name]) for name in values if name in shared}
    seen = {name: _differ(old[name], new[name]) for name in features if name in shared}
    both = {**outcomes, **decided}
    changed = _any(both, len(old))
    shares = (
        _any(outcomes, len(old)).sum() / max(known.sum(), 1),
        _any(decided, len(old)).sum() / max(len(old), 1),
    )
    found = _by_day(day[changed])
    return HistoryChange(
        rows=len(before),
        known=int(known.sum()),
        changed=int(changed.sum()),
        vanished=int((~there).sum()),
        share=float(max(shares)),
        columns={name: int(flags.sum()) for name, flags in both.items() if flags.any()},
        features={name: int(flags.sum()) for name, flags in seen.items() if flags.any()},
        days={
            name: {"changed": found.get(name, 0), "vanished": vanished.get(name, 0)}
            for name in sorted({*found, *vanished})
        },
        example=_example(both, old, new),
    )


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """Index rows by the decision that they are; a row without identity cannot be compared."""
    named = rows[rows["event_time"].notna() & rows["unit"].notna()]
    keyed = named.set_index(pd.Index(row_keys(named)))
    return keyed[~keyed.index.duplicated()]


def _differ(old: pd.Series, new: pd.Series) -> Flags:
    one, other = old.reset_index(drop=True), new.reset_index(drop=True)
    if isinstance(one.dtype, pd.CategoricalDtype) or one.dtype != other.dtype:
        one, other = one.astype(object), other.astype(object)
    same = (one == other).fillna(value=False).to_numpy(dtype=bool)
    both_null = one.isna().to_numpy() & other.isna().to_numpy()
    return np.asarray(~(same | both_null), dtype=bool)


def _any(flags: dict[str, Flags], size: int) -> Flags:
    found: Flags = np.logical_or.reduce([*flags.values(), np.zeros(size, dtype=bool)])
    return found


def _by_day(days: NDArray[Any]) -> dict[str, int]:
    names, counts = np.unique(days.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _example(flags: dict[str, Flags], old: pd.DataFrame, new: pd.DataFrame) -> str:
    for name, changed in flags.items():
        if changed.any():
            at = int(np.flatnonzero(changed)[0])
            row = old.iloc[at]
            then, today = row[name], new[name].iloc[at]
            moment = f"{row['event_time']:%Y-%m-%d %H:%M}"
            return f"such as {name} of {row['unit']} at {moment}, {then} then and {today} now"
    return ""
