"""What was served, as rows that a use case reads, and as the exposures of an experiment."""

from datetime import datetime
from pathlib import Path

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kpi_gate.experiment.log import LogError, frame_log
from kpi_gate.experiment.plan import Plan
from kpi_gate.run.context import Run
from kpi_gate.serving import places
from kpi_gate.serving.log.read import read_log
from kpi_gate.serving.log.schema import LOG_SCHEMA
from kpi_gate.usecase.contract import UseCase

ROLES = {"id": "decision_id", "time": "event_time"}  # of the log, as rows call them
_OF_LOG = ("unit", "item", "propensity", "outcome", "label_time", "observed", *ROLES.values())


def folder_of(run: Run) -> Path:
    """Return the folder of what was served of a use case."""
    return places.log(run.workspace, run.name)


def served(
    run: Run, start: datetime | None = None, end: datetime | None = None
) -> tuple[pd.DataFrame, int]:
    """Return the decisions that were answered, each once, as rows that `load()` could give.

    Columns of the row that were logged in clear are columns again; where one has the name of a
    column of the log, that of the log begins with `served_`.

    Args:
        run: The use case; nothing later than its moment is read.
        start: The first moment; by default that of the first decision.
        end: The moment after the last.

    Returns:
        The rows by time, and how many were left out because their `decision_id` came before.
    """
    table = read_log(folder_of(run), start, min(end or run.as_of, run.as_of))
    logged = table.filter(table["exposed"]).to_pandas().rename(columns=ROLES)
    again = logged.duplicated("decision_id")
    logged = logged[~again].reset_index(drop=True)
    clear = _values(logged.pop("row"), run.use_case)
    logged = logged.rename(
        columns={name: f"served_{name}" for name in logged.columns if name in clear.columns}
    )
    chosen = run.use_case.choices
    if chosen is not None:
        clear[chosen.column] = logged.pop("level")
    return pd.concat([logged, clear], axis=1), int(again.sum())


def _values(rows: pd.Series, use_case: UseCase) -> pd.DataFrame:
    """Return the logged columns of the rows, without those that the log itself has."""
    found = [orjson.loads(row) if isinstance(row, str) else {} for row in rows]
    frame = pd.DataFrame(found, index=rows.index)
    late = {*_OF_LOG, *use_case.times.with_outcome}
    return frame[[name for name in frame.columns if name not in late]]


def exposures(run: Run, plan: Plan, known: pd.DataFrame | None = None) -> pa.Table:
    """Return what was served of an experiment, each decision once, in the columns of its log.

    Args:
        run: The use case and the moment.
        plan: The experiment; its guardrails may watch columns of what was served.
        known: Rows by decision id that say what else is known, such as what guardrails watch.

    Raises:
        LogError: If nothing was served yet, or a row breaks the contract of the log.
    """
    table = read_log(folder_of(run), end=run.as_of)
    table = table.filter(pc.equal(table["experiment"], plan.experiment))
    table = table.filter(pa.array(~table["id"].to_pandas().duplicated().to_numpy()))
    if not table.num_rows:
        raise LogError(f"{folder_of(run)}: nothing of experiment {plan.experiment} was served yet")
    for margin in plan.margins:
        if known is not None and margin.column in known and margin.column not in LOG_SCHEMA.names:
            values = known[margin.column].reindex(table["id"].to_pandas().to_numpy())
            column = pa.array(values.reset_index(drop=True), from_pandas=True)
            table = table.append_column(margin.column, column)
    names = ["decision_id" if name == "id" else name for name in table.column_names]
    return frame_log(table.rename_columns(names), plan, keys=True)
