"""Golden rows: an export that decides them as when it was made is believed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from kpi_gate.serving.manifest import Manifest

TOLERANCE = 1e-9
NEAR_TIE = 1e-7  # money: acting and not acting are worth the same there, and a last bit tells
Rows = Sequence[Mapping[str, Any]]


class _Decided(Protocol):
    @property
    def score(self) -> Sequence[float | None]:
        """Scores."""

    @property
    def action(self) -> Sequence[float]:
        """Actions."""

    @property
    def fault(self) -> Sequence[str]:
        """Why a row has no score; empty where it has."""


class Deciding(Protocol):
    """What decides, with the golden rows that it was made with."""

    manifest: Manifest

    @property
    def golden(self) -> Mapping[str, Any]:
        """The golden rows, and what was said of them."""

    def decide(self, rows: Rows) -> _Decided:
        """Decide rows."""

    def rule_of_thumb(self, rows: Rows) -> list[float] | None:
        """Return what the business does without a model."""


def difference(predictor: Deciding) -> str:
    """Decide the golden rows again; return what differs, empty where nothing does."""
    golden, manifest = predictor.golden, predictor.manifest
    rows = golden["rows"]
    if manifest.light_rule:
        ruled = predictor.rule_of_thumb(rows[: golden["real"]])
        if not _alike(ruled, golden["rule"]):
            return "the rule of thumb acts otherwise on the golden rows"
    if not manifest.compiled:
        return ""
    try:
        found = predictor.decide(rows)
    except Exception as error:  # noqa: BLE001  (an export may fail in any way)
        return f"the golden rows cannot be scored: {type(error).__name__}: {error}"
    margin = manifest.policy.settings.margin
    wrong = [at for at in range(len(rows)) if _differs(found, golden, at, margin)]
    if not wrong:
        return ""
    at = wrong[0]
    why = f" ({found.fault[at]})" if found.fault[at] else ""
    return (
        f"{len(wrong)} of {len(rows)} golden rows differ, the first of them row {at}: score "
        f"{found.score[at]} for {golden['score'][at]}, action {found.action[at]:g} for "
        f"{golden['action'][at]}{why}"
    )


def _differs(found: _Decided, golden: Mapping[str, Any], at: int, margin: float) -> bool:
    fault, worth = bool(found.fault[at]), golden["advantage"][at]
    if fault != golden["faulty"][at] or not _close(found.score[at], golden["score"][at]):
        return True
    ties = worth is not None and abs(worth - margin) < NEAR_TIE
    return not (fault or ties or _close(found.action[at], golden["action"][at]))


def _close(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=0.0, abs_tol=TOLERANCE)


def _alike(some: Sequence[float] | None, others: Sequence[float] | None) -> bool:
    if some is None or others is None:
        return some is others
    return len(some) == len(others) and all(map(_close, some, others))
