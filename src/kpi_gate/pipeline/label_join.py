"""Join what was served with what came of it: rows for `load()`, `monitor` and experiments."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from kpi_gate.evaluation.valuation import row_values
from kpi_gate.experiment.log_columns import MOMENT
from kpi_gate.experiment.outcomes import places_of
from kpi_gate.experiment.plan import Plan
from kpi_gate.pipeline.label_outcomes import ID, ITEM, Outcomes, from_file, from_rows
from kpi_gate.pipeline.served_log import exposures, served
from kpi_gate.run.context import Run

_FIRST = (
    *(ID, "event_time", "label_time", "unit", ITEM, "outcome", "propensity", "action", "amount"),
    *("arm", "policy_version", "score", "rule_of_thumb", "experiment"),
)


class Counts(NamedTuple):
    """How decisions and outcomes found each other.

    Attributes:
        decisions: That were answered, each once.
        labelled: That have their outcome.
        waiting: Whose outcome is not due yet.
        overdue: Whose outcome is due, by the delay that the use case declares, and is not there.
        late: Labelled ones whose outcome came after that delay.
        served_twice: Decisions left out because their id was served before.
        repeated: Outcomes left out because the very same came before.
        contradicted: Decisions that take none of their outcomes: these say different things.
        unknown: Outcomes of no decision that was served.
        premature: Outcomes left out because they were known before the decision.
        future: Outcomes left out because they are known only later than now.
    """

    decisions: int
    labelled: int
    waiting: int
    overdue: int
    late: int
    served_twice: int
    repeated: int
    contradicted: int
    unknown: int
    premature: int
    future: int


class Joined(NamedTuple):
    """Served decisions with what came of them.

    Attributes:
        rows: One a decision, in the columns that `load()` gives, with what was served.
        counts: How decisions and outcomes found each other.
        source: Where the outcomes are from.
        key: What they were found by.
        unvalued: Why there is no money; empty where there is.
    """

    rows: pd.DataFrame
    counts: Counts
    source: str
    key: tuple[str, ...]
    unvalued: str


def join_labels(
    run: Run,
    *,
    outcomes: Path | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Joined:
    """Join the decisions of some time with the outcomes that are known by now.

    Args:
        run: The use case; what is known after its moment is not known.
        outcomes: File of outcomes; by default they come from the rows of the use case.
        start: Decisions from this moment on.
        end: Decisions before this moment.

    Raises:
        ConfigurationError: If the outcomes cannot be read, or name no decisions.
    """
    rows, twice = served(run)
    items = bool(rows[ITEM].notna().any())
    given = from_rows(run, items) if outcomes is None else from_file(run.use_case, outcomes, items)
    place, ambiguous = places_of(_keys(rows, given.key), _keys(given.rows, given.key))
    unknown = _unknown(rows, given, place, ambiguous)
    inside = _within(rows["event_time"], start, end)
    rows, place, ambiguous = rows[inside], place[inside], ambiguous[inside]
    rows = rows.reset_index(drop=True)
    found, premature, future = _labelled(run, rows, given, place)
    found["amount"], unvalued = _amounts(run, found)
    delay = timedelta(days=run.use_case.settings.window.label_delay_days)
    known = found["outcome"].notna()
    due = found["event_time"] + delay
    counts = Counts(
        decisions=len(found),
        labelled=int(known.sum()),
        waiting=int((~known & (due > run.as_of)).sum()),
        overdue=int((~known & (due <= run.as_of) & ~ambiguous).sum()),
        late=int((known & (found["label_time"] > due)).sum()),
        served_twice=twice,
        repeated=given.repeated,
        contradicted=int(ambiguous.sum()),
        unknown=unknown,
        premature=premature,
        future=future,
    )
    first = [name for name in _FIRST if name in found.columns]
    found = found[[*first, *(name for name in found.columns if name not in first)]]
    return Joined(found, counts, given.source, given.key, unvalued)


def _keys(rows: pd.DataFrame, key: tuple[str, ...]) -> pd.DataFrame:
    kinds = {name: "datetime64[us, UTC]" if name == "event_time" else "str" for name in key}
    return rows[list(key)].astype(kinds)


def _unknown(
    rows: pd.DataFrame,
    given: Outcomes,
    place: np.ndarray[tuple[int], np.dtype[np.int64]],
    ambiguous: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> int:
    """Count outcomes of no decision; rows from before anything was served are of none, rightly."""
    theirs = given.rows
    free = np.ones(len(theirs), dtype=bool)
    free[place[place >= 0]] = False
    if ambiguous.any():
        mine = _keys(rows[ambiguous], given.key)
        both = _keys(theirs, given.key).merge(mine.drop_duplicates(), how="left", indicator=True)
        free &= (both["_merge"] == "left_only").to_numpy()
    if "event_time" in theirs.columns and len(rows):
        free &= (theirs["event_time"] >= rows["event_time"].min()).to_numpy()
    return int(free.sum())


def _within(
    moments: pd.Series, start: datetime | None, end: datetime | None
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    inside = np.ones(len(moments), dtype=bool)
    if start is not None:
        inside &= (moments >= start).to_numpy()
    if end is not None:
        inside &= (moments < end).to_numpy()
    return inside


def _labelled(
    run: Run,
    rows: pd.DataFrame,
    given: Outcomes,
    place: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> tuple[pd.DataFrame, int, int]:
    """Return the decisions with what their outcomes say, and how many of these cannot be."""
    theirs = given.rows.drop(columns=list(given.key)).reindex(np.where(place >= 0, place, -1))
    theirs = theirs.reset_index(drop=True)
    delay = timedelta(days=run.use_case.settings.window.label_delay_days)
    said = theirs["label_time"] if "label_time" in theirs.columns else None
    usual = rows["event_time"] + delay
    label = usual if said is None else said.where(said.notna(), usual)
    known = theirs["outcome"].notna()
    premature, future = known & (label < rows["event_time"]), known & (label > run.as_of)
    taken = known & ~premature & ~future
    found = rows.assign(
        outcome=theirs["outcome"].astype(np.float64).where(taken),
        label_time=label.where(taken).astype("datetime64[us, UTC]"),
    )
    for name in theirs.columns:
        if name in found.columns and name not in _FIRST:  # what was logged was seen at the decision
            found[name] = found[name].where(found[name].notna(), theirs[name])
        elif name not in found.columns:
            found[name] = theirs[name].where(taken) if name in _late(run) else theirs[name]
    return found, int(premature.sum()), int(future.sum())


def _late(run: Run) -> tuple[str, ...]:
    return run.use_case.times.with_outcome


def _amounts(run: Run, rows: pd.DataFrame) -> tuple[pd.Series, str]:
    """Return the money of each decision, NaN where it is not known, and why none is."""
    nothing = pd.Series(np.nan, rows.index, dtype=np.float64)
    missing = [name for name in run.use_case.value.columns if name not in rows.columns]
    if missing:
        return nothing, (
            f"the value reads {', '.join(missing)}, which the log does not hold and the outcomes "
            "do not say: name what is known at the decision in `serving.log.values`"
        )
    known = rows["outcome"].notna().to_numpy()
    if known.any():
        some, base = rows[known], run.use_case.settings.base_values()
        action = some["action"].to_numpy(dtype=np.float64)
        nothing.loc[known] = row_values(run.use_case, some, action, base)
    return nothing, ""


def as_exposures(run: Run, plan: Plan, joined: Joined) -> pa.Table:
    """Return the exposures of an experiment with outcome and money, as `experiment analyse` reads.

    Raises:
        LogError: If the log breaks its contract.
    """
    known = joined.rows.set_index(ID)
    log = exposures(run, plan, known)
    found = known.reindex(log[ID].to_pandas().to_numpy())
    for name, column, kind in (
        ("amount", "amount", pa.float64()),
        ("outcome", "outcome", pa.float64()),
        ("outcome_time", "label_time", MOMENT),
    ):
        values = pa.array(found[column].reset_index(drop=True), kind, from_pandas=True)
        log = log.append_column(name, values)
    return log
