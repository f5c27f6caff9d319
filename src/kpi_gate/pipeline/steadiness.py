"""Whether `load()` gives the same rows again: asked once for each state of the owner's code."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from kpi_gate.pipeline.loading import known_rows
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.usecase.calls import Guarded
from kpi_gate.usecase.refusal import Refusal


def note_rows(run: Run, rows: pd.DataFrame) -> None:
    """Remember what `load()` gave, so that its next call for the same moment is the second."""
    mark = "" if _is_steady(run) else _mark(rows)
    if mark:
        _keep(run, [_code(run), run.as_of.isoformat(), mark])


def require_steady(run: Run, rows: pd.DataFrame) -> bool:
    """Load the rows a second time, unless this code has been asked before; return whether it was.

    Args:
        run: The use case and the moment.
        rows: What it gave now.

    Raises:
        Refusal: If it gives other rows for the same moment; no decision could be made again.
    """
    if _is_steady(run):
        return False
    kept, here = _kept(run), [_code(run), run.as_of.isoformat()]
    if kept[:2] != here or kept[2:] != [_mark(rows)]:
        again = known_rows(run.use_case, run.workspace.raw(run.name), run.as_of)
        found = first_difference(rows, again)
        if found:
            raise Refusal(
                "rows_steady",
                f"load() of {run.name} gives other rows on a second call for "
                f"{run.as_of.isoformat()}: {found}. Read nothing that changes by itself, such as "
                "the time, a random number or an unordered query",
            )
    _keep(run, [_code(run)])
    return True


def _is_steady(run: Run) -> bool:
    """Tell whether this code of the owner's has given the same rows twice."""
    return _kept(run) == [_code(run)]


def _kept(run: Run) -> list[str]:
    path = _path(run)
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _keep(run: Run, words: list[str]) -> None:
    path = _path(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(words), encoding="utf-8")


def _path(run: Run) -> Path:
    return run.workspace.home / "steady" / f"{run.name}.json"


def _mark(rows: pd.DataFrame) -> str:
    """Hash a table: its columns, their types, all values in their order; empty if it cannot be."""
    try:
        table = pa.Table.from_pandas(rows, preserve_index=False)
    except pa.ArrowException:  # no file could hold it either, which the run says
        return ""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def first_difference(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """Say where two tables first differ; empty where they do not."""
    if list(one.columns) != list(other.columns):
        return f"columns {', '.join(one.columns)}, then {', '.join(other.columns)}"
    if len(one) != len(other):
        return f"{len(one)} rows, then {len(other)}"
    for name in one.columns:
        ours, theirs = one[name], other[name]
        if ours.dtype != theirs.dtype:
            return f"column {name!r} holds {ours.dtype}, then {theirs.dtype}"
        same = (ours == theirs).fillna(False) | (ours.isna() & theirs.isna())
        if not same.all():
            at = int(np.flatnonzero(~same)[0])
            order = " (the same values in another order)" if _alike(ours, theirs) else ""
            return f"column {name!r}, row {at}: {ours.iloc[at]}, then {theirs.iloc[at]}{order}"
    return ""


def _alike(one: pd.Series, other: pd.Series) -> bool:
    ours = np.sort(pd.util.hash_pandas_object(one, index=False))
    theirs = np.sort(pd.util.hash_pandas_object(other, index=False))
    return bool(np.array_equal(ours, theirs))


def _code(run: Run) -> str:
    """Return a hash of what makes the rows: module, loading function, and YAML `data`."""
    load = run.use_case.load
    function = load.function if isinstance(load, Guarded) else load
    content = [
        discovery.module_file(run.name).read_bytes(),
        getattr(getattr(function, "__code__", None), "co_code", b""),
        json.dumps(run.use_case.settings.data, sort_keys=True, default=str).encode(),
    ]
    return hashlib.sha256(b"\0".join(content)).hexdigest()
