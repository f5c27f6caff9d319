"""Which releases have shown that they do no harm: each by the time that it was in use."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.usecase.serving_settings import Canary


class Release(NamedTuple):
    """A promotion that no rollback has taken back.

    Attributes:
        version: What came into use.
        since: When; moved on by the time that others were in use since.
    """

    version: str
    since: datetime


class Move(NamedTuple):
    """The champion became another one.

    Attributes:
        version: Which; empty for the rule of thumb.
        at: When.
        promoted: Whether by a promotion, and so anew; else by a way back.
    """

    version: str
    at: datetime
    promoted: bool


def in_use(standing: Sequence[str], moves: Iterable[Move]) -> tuple[Release, ...]:
    """Return the promotions that stand, as if each had been in use without a break.

    A version whose canary was cut short, by a release that was then taken back, goes on with its
    canary where it was: it has not shown more meanwhile.

    Args:
        standing: Their versions, the oldest first; the last one is the champion's.
        moves: All moves of the champion, in order.
    """
    used: dict[str, timedelta] = {}
    last: Move | None = None
    for move in moves:
        if last is not None:
            used[last.version] = used.get(last.version, timedelta()) + (move.at - last.at)
        if move.promoted:
            used[move.version] = timedelta()
        last = move
    if last is None:
        return ()
    found, moment = [], last.at
    for version in reversed(standing):
        moment -= used.get(version, timedelta())
        found.append(Release(version, moment))
    return tuple(reversed(found))


def version_before(
    standing: Sequence[Release], canary: Canary | None, barred: frozenset[str] = frozenset()
) -> str:
    """Return the version that holds while the last release is a canary, and that one returns to.

    It is the newest earlier one whose own canary had come to its end: what was replaced at 10 % has
    not shown yet that it does no harm, and 99 % of the units must not get it now.

    Args:
        standing: Promotions that stand, see `in_use`.
        canary: How releases come into use.
        barred: Versions that did harm, or cannot be loaded.
    """
    minutes = 0.0 if canary is None else (len(canary.steps) - 1) * canary.step_minutes
    for place in range(len(standing) - 2, -1, -1):
        one, successor = standing[place], standing[place + 1]
        lasted = (successor.since - one.since).total_seconds() / 60
        if one.version not in barred and lasted >= minutes:
            return one.version
    return BASELINE
