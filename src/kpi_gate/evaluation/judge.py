"""The gate alone, on a table of per-row values that somebody else made."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.given_columns import first_row
from kpi_gate.decision.checks.validity import MATURE
from kpi_gate.decision.evidence import Contender, Evidence, Lineage, Window
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import EstimatorSettings, GateSettings
from kpi_gate.decision.paired_rows import SIDES, differences
from kpi_gate.decision.stats.calibration import calibration_error
from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.decision.value import estimators
from kpi_gate.decision.value.estimators import Estimate
from kpi_gate.decision.verdict import Decision
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.claims import (
    MeasuresGiven,
    PastGiven,
    Provenance,
    ReleasesGiven,
    read_measures,
    read_past,
    read_releases,
)
from kpi_gate.evaluation.evidence_files import (
    corners_of,
    day_numbers,
    numbers_of,
    pair_of,
    paired_rows,
)
from kpi_gate.evaluation.gate_settings import (
    EstimatorGiven,
    GuardrailsGiven,
    ObjectiveGiven,
    gate_settings,
)
from kpi_gate.evaluation.table import ROW_ID, read_table, row_codes
from kpi_gate.files.faults import checked

Floats = NDArray[np.float64]
ROLES = ("unit", "event_time")
VALUES = ("value_champion", "value_candidate")
LOG = ("reward", "propensity", "probability_champion", "probability_candidate")
MODEL = ("model_logged", "model_champion", "model_candidate")
# the columns that each estimator needs beside `unit` and `event_time`
NEEDS: Mapping[str, tuple[str, ...]] = {
    "paired": VALUES,
    "ratio": (*VALUES, "base_champion", "base_candidate"),
    "ips": LOG,
    "snips": LOG,
    "dr": (*LOG, *MODEL),
    "switch": (*LOG, *MODEL),
    "selective": (*VALUES, "observed", "propensity"),
    "bounded": (*VALUES, "hidden", "worst_difference", "best_difference"),
}
SCORES = ("outcome", "score_champion", "score_candidate")
UNCAPPED = ("uncapped_champion", "uncapped_candidate")
ACTIONS = ("action_champion", "action_candidate")
QUIET = timedelta(days=7)  # so long a table may have no row before outcomes are due
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)


def judge(  # noqa: PLR0913  (all that may be said beside rows)
    rows: Any,
    objective: ObjectiveGiven,
    *,
    guardrails: GuardrailsGiven = (),
    estimator: EstimatorGiven | None = None,
    measures: MeasuresGiven | None = None,
    past: PastGiven = (),
    releases: ReleasesGiven | None = None,
    history: Any = None,
    provenance: Provenance | Mapping[str, Any] | None = None,
) -> Decision:
    """Judge a table with one row a decision.

    The kind of the estimator says which columns are needed beside `unit` and `event_time`
    (`NEEDS`); by default `value_champion` and `value_candidate`. A guardrail on a slice needs its
    column. With `outcome`, `score_champion` and `score_candidate` the calibration error is
    measured; other measures are given.

    Args:
        rows: A frame of pandas or polars; or the path of a Parquet or CSV file.
        objective: What a gain must reach: an `Objective`, its fields, or the path of a YAML file,
            which may also hold `guardrails` and `estimator`.
        guardrails: What must not worsen.
        estimator: How each row's value is estimated, or its `kind`; by default `paired`.
        measures: `{side: {measure: number}}`, or a JSON file of it.
        past: (gain, standard error) of every candidate measured before, or a JSON file of them.
        releases: (offline gain, its error, online lift, its error) of every release that an
            experiment has measured, money per decision: the link to the KPI is learnt from them.
            Tuples, a frame with these columns (`offline`, `offline_error`, `online`,
            `online_error`), or a JSON file; with `past`, else it believes too much of a gain.
        history: Rows of the days before, in the same form; of them it is read how days stray, such
            as a storm that `rows` do not hold, and nothing else. 60 days are needed.
        provenance: What both models had seen; without it, whether the rows are fresh is not
            checked.

    Raises:
        ConfigurationError: If what is given is wrong; the message names field, value and bound.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> number = np.arange(900)
        >>> champion = (number % 3 == 0) * 1.0
        >>> rows = pd.DataFrame(
        ...     {
        ...         "unit": number,
        ...         "event_time": pd.Timestamp("2024-05-01", tz="UTC")
        ...         + pd.to_timedelta(number, unit="h"),
        ...         "value_champion": champion,
        ...         "value_candidate": champion + 0.3 + np.sin(number),
        ...     }
        ... )
        >>> judge(rows, {"unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.1})
        Decision(PROMOTE: +0.301 EUR per decision (0.261 to 0.341))
    """
    settings = gate_settings(objective, guardrails, estimator)
    needed = NEEDS[settings.estimator.kind]
    numbers = (*needed, *SCORES, *UNCAPPED, *ACTIONS, "exposure")
    table = read_table(rows, (*ROLES, *needed), numbers)
    path = Path(rows) if isinstance(rows, str | Path) else None
    place = "rows" if path is None else str(path)
    _require_sense(place, table)
    evidence = _evidence(table, settings, measures)
    if history is not None:
        before = read_table(history, (*ROLES, *needed), numbers, name="history")
        evidence = replace(evidence, history=_days(before, table, settings))
    if provenance is not None and len(table):
        origin = checked(Provenance, provenance, "provenance")
        evidence = replace(evidence, lineage=_lineage(table, evidence, origin, path))
    known = read_past(past)
    link = read_releases(releases, known, settings.objective.unit)
    return decide(evidence, settings, known, link=link)


def _evidence(
    table: pd.DataFrame, settings: GateSettings, measures: MeasuresGiven | None
) -> Evidence:
    found = read_measures(measures)
    for side, numbers in _measures(table).items():  # what was measured here beats what is said
        found[side] = {**found.get(side, {}), **numbers}
    estimate = _estimate(table, settings.estimator)
    slices = tuple(str(rail.slice) for rail in settings.guardrails if rail.slice)
    columns = table.assign(value_champion=estimate.champion, value_candidate=estimate.candidate)
    rows = replace(
        paired_rows(columns, slices),
        bases=estimate.bases,
        at_best=estimate.at_best,
        key=row_codes(table, NEEDS[settings.estimator.kind]),
        exposure=numbers_of(table, "exposure") if estimate.exposure is None else estimate.exposure,
    )
    corners, ranges = corners_of(table), set(getattr(settings, "ranges", ()))
    uncapped = pair_of(table, "uncapped")
    return Evidence(
        rows=rows,
        measures=found,
        corners=corners,
        ranges=tuple(sorted(ranges)) if corners else (),
        uncapped_gain=None if uncapped is None else float((uncapped[1] - uncapped[0]).mean()),
        diagnostics=estimate.diagnostics,
        faults=(*estimate.faults, *_missing(table, settings.estimator)),
    )


def _days(before: pd.DataFrame, table: pd.DataFrame, settings: GateSettings) -> DayHistory:
    """Return the differences by day of the rows before a table.

    Raises:
        ConfigurationError: If a row of them is not before the table's days.
    """
    days, first = day_numbers(before["event_time"]), day_numbers(table["event_time"])
    if len(days) and len(first) and days.max() >= first.min():
        last, start = (np.datetime64(int(day), "D") for day in (days.max(), first.min()))
        raise ConfigurationError(
            f"history: its days go up to {last} and reach into it: rows begin on {start}"
        )
    found = _estimate(before, settings.estimator)
    return DayHistory.of(differences((found.champion, found.candidate), found.bases), days)


def _estimate(table: pd.DataFrame, settings: EstimatorSettings) -> Estimate:
    """Turn the columns that the estimator needs into both sides' values."""
    kind = settings.kind
    given = {name: table[name].to_numpy(dtype=np.float64) for name in NEEDS[kind]}

    def pair(what: str) -> tuple[Floats, Floats]:
        return given[f"{what}_champion"], given[f"{what}_candidate"]

    if "reward" in given:
        log = given["reward"], given["propensity"], pair("probability")
        if kind in ("ips", "snips"):
            return (estimators.ips if kind == "ips" else estimators.snips)(*log)
        model, above = pair("model"), settings.switch_above or np.inf
        return estimators.doubly_robust(
            *log, model_logged=given["model_logged"], model=model, switch_above=above
        )
    values = pair("value")
    if kind == "ratio":
        return estimators.ratio(values, pair("base"))
    if kind == "selective":
        seen = _truth("observed", given["observed"])
        return estimators.selective(
            values, seen, given["propensity"], numbers_of(table, "exposure")
        )
    if kind == "bounded":
        ends = given["worst_difference"], given["best_difference"]
        return estimators.bounded(values, _truth("hidden", given["hidden"]), ends)
    return estimators.paired(values)


def _require_sense(place: str, table: pd.DataFrame) -> None:
    """Refuse a moment that has not come, an outcome of 7 and a score of 70.

    Raises:
        ConfigurationError: If there is one; its row is named.
    """
    present = pd.Timestamp.now("UTC")
    wrong = {"event_time": (table["event_time"] > present, f"after now, {present:%Y-%m-%dT%H:%MZ}")}
    if "outcome" in table:
        known = table["outcome"].notna()
        wrong["outcome"] = (known & ~table["outcome"].isin((0.0, 1.0)), "neither 0 nor 1")
    for name in {"score_champion", "score_candidate"} & set(table.columns):
        outside = (table[name] < 0) | (table[name] > 1)
        wrong[name] = (outside, "not between 0 and 1")
    for name, (rows, words) in wrong.items():
        if rows.any():
            value = table.loc[rows, name].iloc[0]
            where = first_row(rows.to_numpy())
            raise ConfigurationError(f"{place}: {name}: {value} is {words} in {where}")


def _truth(name: str, values: Floats) -> NDArray[np.bool_]:
    """Read a column of yes and no.

    Raises:
        ConfigurationError: If a row says neither.
    """
    neither = ~np.isin(values, (0.0, 1.0))
    if neither.any():
        value, where = values[neither][0], first_row(neither)
        raise ConfigurationError(f"{name}: {value:g} is neither 0 nor 1 in {where}")
    truth: NDArray[np.bool_] = values == 1
    return truth


def _missing(table: pd.DataFrame, estimator: EstimatorSettings) -> list[str]:
    """Say what whole rows lack; that a `row_id` comes twice is the gate's to find."""
    faults, size = [], len(table)
    holes = int(table[ROW_ID].isna().sum()) if ROW_ID in table.columns else 0
    if holes:
        faults.append(f"{ROW_ID} is missing in {holes} of {size} rows")
    unknown = int(table["outcome"].isna().sum()) if "outcome" in table.columns else 0
    if estimator.kind in ("paired", "ratio") and unknown > (1 - MATURE) * size:
        faults.append(
            f"the outcome of {unknown} of {size} rows is not known, {1 - MATURE:.0%} may be missing"
        )
    return faults


def _lineage(
    table: pd.DataFrame, evidence: Evidence, origin: Provenance, path: Path | None
) -> Lineage:
    """Make of the table and its maker's words what a comparison would have written.

    What a comparison counts in the rows of both models is not said: the gate does not check it.
    """
    content = (
        pd.util.hash_pandas_object(table).to_numpy().tobytes()
        if path is None
        else path.read_bytes()
    )
    first, last = (table["event_time"].agg(how).to_pydatetime() for how in ("min", "max"))
    if last >= LAST_MOMENT:
        raise ConfigurationError(f"event_time goes up to {last}, which is no moment")
    known = float(table["outcome"].notna().mean()) if "outcome" in table else None
    return Lineage(
        use_case="table" if path is None else path.stem,
        as_of=origin.as_of,
        snapshot=hashlib.sha256(content).hexdigest()[:32],
        snapshot_rows=len(table),
        scored_snapshot=None,
        window=Window(start=first, end=_end(last, origin)),
        shortest_window_days=0,
        label_delay_days=origin.label_delay_days,
        row_fingerprint=None,
        shared_rows=None,
        matured=known,
        champion=Contender(name="champion", digest="", trained_until=origin.champion_trained_until),
        candidate=Contender(name="candidate", digest="", trained_until=origin.trained_until),
    )


def _end(last: datetime, origin: Provenance) -> datetime:
    """Return where the window ends: where outcomes are mature, if the rows reach near to it."""
    end = last + timedelta(microseconds=1)
    mature = origin.as_of - timedelta(days=origin.label_delay_days or 0)
    return max(end, mature) if mature - end < QUIET else end


def _measures(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for side in SIDES:
        if {"outcome", f"score_{side}"} <= set(table.columns) and len(table):
            error = calibration_error(table[f"score_{side}"], table["outcome"])
            found[side] = {"calibration_error": error}
    return found
