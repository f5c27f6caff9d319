"""Rows from the owner's `load()`: made plain, masked to what was known, written once."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kpi_gate.data.columns import Kind
from kpi_gate.data.frames import FrameError, plain
from kpi_gate.data.snapshot import SNAPSHOT, Snapshot, mask_future, write_rows
from kpi_gate.pipeline import raw_folder
from kpi_gate.run.context import Run
from kpi_gate.usecase.contract import ROLES, UseCase
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.usecase.settings import ConfigurationError

if TYPE_CHECKING:
    from kpi_gate.watch.context import Watch

IDENTITIES = ("unit", "item", "decision_id")


def load_rows(run: Run) -> pd.DataFrame:
    """Load the rows known at `as_of`; a use case that can fetch its data does so first.

    What was fetched for another `data` section of the YAML is put aside and fetched anew.

    Raises:
        Refusal: If they cannot be loaded or read, lack a role column, or are none.
    """
    raw = run.workspace.raw(run.name)
    if run.use_case.fetch is not None:
        raw_folder.fetch_once(raw, run.use_case.fetch, run.use_case.settings.data)
    else:
        raw_folder.stand_in_for_files(raw)
    rows = known_rows(run.use_case, raw, run.as_of)
    if rows.empty:
        early = f"{run.name} has 0 rows before {run.as_of:%Y-%m-%d}; choose a later --as-of"
        raise Refusal("rows_present", early)
    return rows


def watch_over(run: Run) -> "Watch":
    """Return a look at the champion, in a folder apart: a retraining's files stay as they are.

    Raises:
        Refusal: If the rows cannot be loaded.
    """
    from kpi_gate.watch.context import Watch

    workspace = run.workspace.model_copy(update={"root": run.workspace.home / "monitor"})
    return Watch(run.at(workspace=workspace), load_rows(run))


def known_rows(use_case: UseCase, raw: Path, as_of: datetime) -> pd.DataFrame:
    """Load the owner's rows, plain, and blank what was not known yet.

    Raises:
        Refusal: If they cannot be loaded or read, or lack a role column.
        ConfigurationError: If a column that the settings name is not there.
    """
    rows = with_label_time(use_case, plain_rows(use_case, use_case.load(raw, as_of)))
    missing = [role for role in ROLES if role not in rows.columns]
    if missing and len(rows):
        reason = f"load() of {use_case.name} gives no column {', '.join(missing)}"
        raise Refusal("roles_present", reason)
    for rail in use_case.settings.guardrails if len(rows) else ():
        column = rail.slice or rail.by
        if column and column not in rows.columns:
            words = f"guardrails: {rail.name}: load() gives no column {column!r}"
            raise ConfigurationError(f"use case {use_case.name}: {words}")
    return mask_future(rows, as_of, use_case.times.with_outcome) if len(rows) else rows


def with_label_time(use_case: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the moment at which each known outcome became known.

    Where the owner does not say it is the declared delay after the event.
    """
    if "label_time" in rows or not {"event_time", "outcome"} <= set(rows.columns):
        return rows
    known = rows["event_time"] + timedelta(days=use_case.settings.window.label_delay_days)
    position = list(rows.columns).index("event_time") + 1
    rows.insert(position, "label_time", known.where(rows["outcome"].notna()))
    return rows


def kinds_of(use_case: UseCase) -> dict[str, Kind]:
    """Return the kind of every column that the use case declares."""
    settings = use_case.settings
    sliced = [rail.slice or rail.by for rail in settings.guardrails]
    levels = [*filter(None, sliced), *settings.policy.within, *settings.validation.one_per_unit]
    if use_case.choices is not None:
        levels.append(use_case.choices.column)
    numbers = ("propensity", *use_case.value.columns, *use_case.amounts)
    return {
        **dict.fromkeys(levels, "category"),
        **dict.fromkeys((*numbers, *use_case.expected.values()), "number"),
        **{feature.name: feature.kind for feature in use_case.features},
        **dict.fromkeys(IDENTITIES, "identity"),
        **dict.fromkeys(("event_time", "label_time"), "time"),
        "outcome": "outcome",
        "observed": "truth",
    }


def plain_rows(use_case: UseCase, found: object) -> pd.DataFrame:
    """Return what `load()` gave as a plain table.

    Raises:
        Refusal: If it is no table, or a column cannot be read.
    """
    try:
        return plain(found, kinds_of(use_case), use_case.settings.validation.positive)
    except FrameError as error:
        raise Refusal(error.check, f"load() of {use_case.name}: {error}") from error


def freeze(run: Run, rows: pd.DataFrame) -> Snapshot:
    """Write a use case's rows, and how their labels mature, where DVC finds them.

    Returns:
        The snapshot, but for its fingerprint: DVC has not seen the file yet.

    Raises:
        Refusal: If they cannot be kept.
    """
    with must_be_kept(run):
        frozen = pd.read_parquet(io.BytesIO(write_rows(rows, run.work / SNAPSHOT)))
        snapshot = run.frozen_as("", frozen)
        told = snapshot.all_maturity.model_dump_json(indent=1)
    kept = snapshot.path.with_name("maturity.json")
    kept.unlink(missing_ok=True)  # it may be a link into DVC's cache
    kept.write_text(told, encoding="utf-8")
    return snapshot


@contextmanager
def must_be_kept(run: Run) -> Iterator[None]:
    """Refuse rows that cannot be written, such as a column that Parquet has no type for."""
    try:
        yield
    except (ValueError, TypeError) as error:
        words = " ".join(str(error).split())
        raise Refusal("rows_writable", f"the rows of {run.name} cannot be kept: {words}") from error
