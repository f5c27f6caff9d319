"""What came of logged decisions, from the use case's own rows where the log does not say it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from kpi_gate.data.given_columns import identities
from kpi_gate.evaluation.valuation import row_values
from kpi_gate.experiment.log import KEYS
from kpi_gate.experiment.log_columns import MOMENT
from kpi_gate.experiment.plan import Metric
from kpi_gate.text import percent
from kpi_gate.usecase.contract import UseCase

TIME = "time"


@dataclass(frozen=True)
class Joined:
    """A log with what came of its decisions.

    Attributes:
        table: The log, in the columns of its schema.
        asked: Rows whose outcome was looked for in the use case's own rows; 0 where the log says
            it.
        unmatched: Those of them that no row of the use case is about.
        ambiguous: Those that more than one row is about.
        key: What a row is found by.
    """

    table: pa.Table
    asked: int = 0
    unmatched: int = 0
    ambiguous: int = 0
    key: tuple[str, ...] = ()

    @property
    def lost(self) -> float:
        """Share of the rows looked for that were not found."""
        return (self.unmatched + self.ambiguous) / self.asked if self.asked else 0.0

    @property
    def sentence(self) -> str:
        """How many rows found what came of them; empty where the log says it."""
        if not self.asked:
            return ""
        found = self.asked - self.unmatched - self.ambiguous
        words = (
            f"{found:,} of {self.asked:,} exposures found their row of the use case by "
            f"{', '.join(self.key)}"
        )
        lost = [
            f"{number:,} {what}"
            for number, what in (
                (self.unmatched, "have none"),
                (self.ambiguous, "have more than one, and take none"),
            )
            if number
        ]
        if not lost:
            return words
        return f"{words}; {' and '.join(lost)} ({percent(self.lost)}): their outcome is not known"


def with_outcomes(
    log: pa.Table, metric: Metric, use_case: UseCase, rows: Callable[[], pd.DataFrame]
) -> Joined:
    """Return a log whose metric is known wherever the use case knows it.

    Where the log holds no value of what the metric sums, it comes from the use case's own rows:
    the outcome, and as amount what the value function says of the logged action and the outcome.
    A log that holds some says of the others that they are not known yet.

    Args:
        log: The log with its keys, as `read_log` gives it.
        metric: What is summed.
        use_case: Whose value function.
        rows: Loads the use case's own rows; called only where they are needed.
    """
    known = [name for name in log.column_names if log[name].null_count < len(log)]
    own = log.drop_columns([name for name in log.column_names if name in KEYS])
    if metric.numerator in known:
        return Joined(own)
    found = rows()
    key, mine, theirs = _keys(log, found)
    places, ambiguous = places_of(mine, theirs)
    there = places >= 0
    counted = Joined(
        own,
        asked=len(log),
        unmatched=int((~there & ~ambiguous).sum()),
        ambiguous=int(ambiguous.sum()),
        key=key,
    )
    if not there.any():
        return counted
    about = found.iloc[places[there]].reset_index(drop=True)
    logged = log["outcome"].to_numpy() if "outcome" in known else np.full(len(log), np.nan)
    outcome = pd.Series(logged[there]).fillna(about["outcome"].astype(np.float64))
    made = {"outcome": outcome.to_numpy(dtype=np.float64)}
    if metric.numerator == "amount":
        action = log["action"].to_numpy()[there]
        base = use_case.settings.base_values()
        made["amount"] = row_values(use_case, about.assign(outcome=outcome), action, base)
    for name, values in made.items():
        whole = np.full(len(log), np.nan)
        whole[there] = values
        own = _put(own, name, pa.array(whole, pa.float64(), from_pandas=True))
    if "outcome_time" not in known:
        moments = pd.Series(pd.NaT, index=range(len(log)), dtype="datetime64[us, UTC]")
        label = about["label_time"].where(outcome.notna())
        moments[there] = label.dt.as_unit("us").to_numpy()
        own = _put(own, "outcome_time", pa.array(moments, MOMENT, from_pandas=True))
    return Joined(own, counted.asked, counted.unmatched, counted.ambiguous, key)


def _keys(log: pa.Table, rows: pd.DataFrame) -> tuple[tuple[str, ...], pd.DataFrame, pd.DataFrame]:
    """Return the names of what a decision is found by, and both sides' values of it."""
    if "decision_id" in log.column_names and "decision_id" in rows.columns:
        names: tuple[str, ...] = ("decision_id",)
    else:
        both = "item" in log.column_names and "item" in rows.columns
        names = ("unit", "item", TIME) if both else ("unit", TIME)
    mine = pd.DataFrame({name: log[name].to_pandas() for name in names})
    theirs = pd.DataFrame(
        {
            name: rows["event_time"].dt.as_unit("us") if name == TIME else identities(rows[name])
            for name in names
        }
    )
    for side in (mine, theirs):
        for name in names:
            side[name] = side[name].astype("datetime64[us, UTC]" if name == TIME else "str")
    return names, mine, theirs


def places_of(
    mine: pd.DataFrame, theirs: pd.DataFrame
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Return which row is about each decision, -1 for none, and where several are.

    Args:
        mine: What each decision is found by, shape `(n, keys)`.
        theirs: The same of the rows that could be about it.
    """
    names = list(mine.columns)
    several = theirs.duplicated(keep=False)
    once = theirs[~several].assign(place=np.flatnonzero(~several.to_numpy()))
    place = mine.merge(once, on=names, how="left")["place"].fillna(-1).to_numpy(dtype=np.int64)
    twice = theirs[several].drop_duplicates().assign(twice=True)
    marked = mine.merge(twice, on=names, how="left")["twice"].notna().to_numpy()
    return place, marked


def _put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)
