"""Whether `load()` gives the same rows again: asked once for each state of the owner's code."""

import hashlib
import json

import numpy as np
import pandas as pd

from kpi_gate.pipeline.loading import known_rows
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.usecase.calls import Guarded
from kpi_gate.usecase.refusal import Refusal


def require_steady(run: Run, rows: pd.DataFrame) -> bool:
    """Load the rows a second time, unless this code has been asked before; return whether it was.

    Args:
        run: The use case and the moment.
        rows: What it gave the first time.

    Raises:
        Refusal: If it gives other rows for the same moment; no decision could be made again.
    """
    kept = run.place.home / "steady" / f"{run.name}.json"
    code = _code(run)
    if kept.exists() and kept.read_text(encoding="utf-8") == code:
        return False
    found = first_difference(rows, known_rows(run.use_case, run.place.raw(run.name), run.as_of))
    if found:
        raise Refusal(
            "rows_steady",
            f"load() of {run.name} gives other rows on a second call for {run.as_of.isoformat()}: "
            f"{found}. Read nothing that changes by itself, such as the time, a random number or "
            "an unordered query",
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(code, encoding="utf-8")
    return True


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
