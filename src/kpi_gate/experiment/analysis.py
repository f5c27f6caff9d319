"""What an experiment came to: looks at the benefit, and a bound on harm that holds every day.

A look is made of the plan and of the rows before its cut alone, with the outcomes that were known
when it could be read: it is the same at any later moment. Between looks nothing is tested.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kpi_gate.experiment.course import Course
from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.exposures import read_exposures
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.result import Analysis, ExperimentVerdict, Fault

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DAY = timedelta(days=1)


def analyse(
    log: "pa.Table | pd.DataFrame | Path", plan: Plan, *, started: datetime, as_of: datetime
) -> Analysis:
    """Say what an experiment came to, as far as it is known at a moment.

    Args:
        log: One row an exposure, in the columns of `log.SCHEMA`: a frame, or a path to one.
        plan: As it was settled before the start.
        started: When the first unit could be exposed.
        as_of: What is known now; rows and outcomes after it are not looked at.

    Raises:
        ExperimentError: If the moments cannot be, or the plan is none.
        LogError: If a path leads to no log that can be read.
    """
    _require_call(plan, started, as_of)
    started, as_of = started.astimezone(UTC), as_of.astimezone(UTC)
    try:
        from kpi_gate.experiment.log import LogError, frame_log, read_log
    except ImportError as error:
        raise ExperimentError(
            f"a log is read by what is not installed: pip install 'kpi-gate[pipeline]' ({error})"
        ) from None

    path = Path(log) if isinstance(log, Path | str) else None
    try:
        table = frame_log(log, plan) if path is None else read_log(path, plan, coded=True)
        _require_columns(table.column_names, plan)
    except LogError as error:
        if path is not None:  # not written whole yet, perhaps: that ends no experiment
            raise
        return _invalid(plan, started, as_of, [Fault(check="log", reason=str(error))])
    if not table.num_rows:
        return _without_rows(plan, started, as_of)
    exposures = read_exposures(table, plan, started, as_of)
    return Course(exposures, plan, started, as_of).run()


def _require_call(plan: object, started: datetime, as_of: datetime) -> None:
    if not isinstance(plan, Plan):
        raise ExperimentError(f"plan is {type(plan).__name__}, must be a Plan of plan_experiment")
    for name, moment in (("started", started), ("as_of", as_of)):
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise ExperimentError(f"{name} is {moment!r}, must be a datetime with its time zone")
    if as_of < started:
        raise ExperimentError(
            f"as_of is {as_of.isoformat()}, must not be before the start {started.isoformat()}"
        )


def _require_columns(names: Sequence[str], plan: Plan) -> None:
    """Refuse a log without a column that the plan needs."""
    from kpi_gate.experiment.log import LogError

    needed = [plan.metric.numerator, *(one.column for one in plan.margins)]
    missing = [name for name in needed if name not in names]
    if missing:
        raise LogError(
            f"the log has no column {', '.join(missing)}, which the plan needs; it has "
            f"{', '.join(names)}"
        )


def _invalid(plan: Plan, started: datetime, as_of: datetime, faults: list[Fault]) -> Analysis:
    return Analysis(
        plan=plan,
        started=started,
        as_of=as_of,
        verdict=ExperimentVerdict.INVALID,
        because=faults[0].reason,
        faults=tuple(faults),
    )


def _without_rows(plan: Plan, started: datetime, as_of: datetime) -> Analysis:
    if as_of - started >= 2 * DAY:
        reason = f"the log has no row {(as_of - started).days} days after the start"
        return _invalid(plan, started, as_of, [Fault(check="log", reason=reason)])
    return Analysis(
        plan=plan,
        started=started,
        as_of=as_of,
        verdict=ExperimentVerdict.RUNNING,
        because="nothing was logged yet",
        next_look=plan.readable_times(started)[0],
    )
