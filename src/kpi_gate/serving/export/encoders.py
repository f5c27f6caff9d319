"""Compile encoders by asking them: every level, a gap and a level that nobody has seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.serving.export.draft import Draft, NotCompiledError, named
from kpi_gate.serving.program.table import Spec

MOST_LEVELS = 100_000
AT_ONCE = 500  # levels that are asked about in one call
REFUSED = object()


def compile_encoder(
    step: Any, names: tuple[str, ...], draft: Draft
) -> tuple[Spec, tuple[str, ...]]:
    """Return the step of a fitted encoder, and the names of the columns that it gives.

    Raises:
        NotCompiledError: If it has more levels than a table should hold.
    """
    categories = [list(levels) for levels in step.categories_]
    if sum(map(len, categories)) > MOST_LEVELS:
        raise NotCompiledError(f"{named(step)} with more than {MOST_LEVELS:,} levels")
    usual = [levels[0] for levels in categories]
    hot = named(step) == "OneHotEncoder"
    widths = [int(w) for w in step._n_features_outs] if hot else [1] * len(categories)
    starts = np.concatenate([[0], np.cumsum(widths)]).astype(int)
    columns = []
    for at, levels in enumerate(categories):
        place = slice(int(starts[at]), int(starts[at + 1]))
        ask = _Asked(step, usual, at, place, hot=hot)
        seen = [level for level in levels if not pd.isna(level)]
        columns.append(
            {
                "name": names[at],
                "levels": [_plain(level) for level in seen],
                "codes": [_code(code) for code in ask.levels(seen)],
                "missing": _code(ask.one(_gap(levels))),
                "unknown": _code(ask.one(_unseen(seen))),
            }
        )
    given = [str(name) for name in step.get_feature_names_out(np.array(names, dtype=object))]
    if hot:
        return {"kind": "flags", "columns": columns, "widths": widths}, tuple(given)
    return {"kind": "codes", "columns": columns}, tuple(given)


class _Asked:
    """An encoder that is asked about one of its columns; the others are as usual."""

    def __init__(
        self, step: Any, usual: Sequence[Any], at: int, place: slice, *, hot: bool
    ) -> None:
        self._step, self._usual, self._at, self._place, self._hot = step, usual, at, place, hot

    def levels(self, levels: Sequence[Any]) -> list[float]:
        found: list[float] = []
        for start in range(0, len(levels), AT_ONCE):
            found += self._answers(levels[start : start + AT_ONCE])
        return found

    def one(self, value: Any) -> Any:
        try:
            return self._answers([value])[0]
        except Exception:  # noqa: BLE001  (each encoder refuses in its own way)
            return REFUSED

    def _answers(self, values: Sequence[Any]) -> list[float]:
        wanted = getattr(self._step, "feature_names_in_", None)
        names = list(range(len(self._usual)) if wanted is None else wanted)
        table = pd.DataFrame(
            {name: [level] * len(values) for name, level in zip(names, self._usual, strict=True)}
        )
        words = any(isinstance(value, str) for value in self._step.categories_[self._at])
        table[names[self._at]] = pd.Series(list(values), dtype=object if words else None)
        if not words:
            table[names[self._at]] = pd.to_numeric(table[names[self._at]])
        given = table if wanted is not None else table.to_numpy(dtype=object)
        found = self._step.transform(given)
        if hasattr(found, "toarray"):
            found = found.tocsr()[:, self._place].toarray()
        else:
            found = np.asarray(found, dtype=np.float64)[:, self._place]
        return self._positions(found) if self._hot else [float(code) for code in found[:, 0]]

    @staticmethod
    def _positions(found: NDArray[np.float64]) -> list[float]:
        if found.shape[1] == 0:
            return [-1.0] * len(found)
        return [float(row.argmax()) if row.any() else -1.0 for row in found]


def _gap(levels: Sequence[Any]) -> Any:
    """Return what stands for a missing value among the levels."""
    return None if any(level is None for level in levels) else np.nan


def _unseen(levels: Sequence[Any]) -> Any:
    if levels and not isinstance(levels[0], str):
        return float(max(map(float, levels))) + 1.0
    return "\x00 a level that nobody has seen"


def _plain(level: Any) -> Any:
    return level.item() if isinstance(level, np.generic) else level


def _code(code: Any) -> Any:
    """Return a code as JSON has it: NaN is spelled, and None is a refusal."""
    if code is REFUSED:
        return None
    return "nan" if np.isnan(code) else float(code)
