"""The log of a use case's experiments, with what came of its decisions."""

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.log import SqlTable, read_log, shown
from kpi_gate.experiment.outcomes import Joined, with_outcomes
from kpi_gate.experiment.past import past_column, past_of
from kpi_gate.experiment.plan import Plan
from kpi_gate.pipeline.loading import load_rows
from kpi_gate.pipeline.served_log import exposures, folder_of
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal

if TYPE_CHECKING:
    from pandas import DataFrame

EXPOSURES = "exposures"  # folder of the logs, beside those of the rows


def log_of(run: Run) -> Path | SqlTable:
    """Return where the log of the use case's experiments is.

    Raises:
        ConfigurationError: If the YAML names a table and the environment no database.
    """
    said = run.use_case.settings.experiment.log
    if said is None:
        return run.workspace.root / "data" / EXPOSURES / run.name
    if said.sql is None:
        return (run.workspace.root / str(said.path)).resolve()
    url = run.workspace.experiment_log_url.get_secret_value()
    if not url:
        raise ConfigurationError(
            f"use case {run.name}: experiment.log.sql == {said.sql!r}: no database: set "
            "KPI_GATE_EXPERIMENT_LOG_URL"
        )
    return SqlTable(url, said.sql)


def serves_its_log(run: Run) -> bool:
    """Tell whether what `kpi-gate serve` logged is the log: none is named, and none is there."""
    named = run.use_case.settings.experiment.log is not None
    source = log_of(run)
    there = isinstance(source, Path) and source.exists()
    return not named and not there and folder_of(run).is_dir()


def logged(run: Run, plan: Plan, started: datetime) -> Joined:
    """Return the log with what came of its decisions, and each unit's past where the plan uses it.

    Raises:
        LogError: If it cannot be read, is empty, or breaks its contract.
        ConfigurationError: If outcomes must come from the use case's rows, which cannot be loaded.
    """
    log = exposures(run, plan) if serves_its_log(run) else read_log(log_of(run), plan, keys=True)

    @cache
    def rows() -> "DataFrame":
        try:
            return load_rows(run)
        except Refusal as refusal:
            raise ConfigurationError(
                f"the log says no {plan.metric.numerator}, and the rows of {run.name} that would "
                f"cannot be loaded: {refusal}"
            ) from refusal

    joined = with_outcomes(log, plan.metric, run.use_case, rows)
    if not plan.covariate_correlation or "past" in joined.table.column_names:
        return joined
    past = past_of(run.use_case, rows(), started, plan.metric)
    found = past_column(joined.table["unit"].to_pandas(), past)
    column = pa.array(found, pa.float64(), from_pandas=True)
    return replace(joined, table=joined.table.append_column("past", column))


def place_of_log(run: Run) -> str:
    """Return where the log is, as people read it."""
    source = folder_of(run) if serves_its_log(run) else log_of(run)
    return shown(source if isinstance(source, SqlTable) else run.workspace.shown(source))
