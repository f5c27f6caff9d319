"""Does the new champion do harm? Asked all the time while it is a canary.

Compared are the units that have it and those that do not, at the same time and step by step, so
that neither the hour nor the growing share can look like harm. A unit counts once a step: its
decisions are alike. Bounds hold at every look, so that a canary without harm is sent back in at
most one case of a hundred, however long it is watched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple, Protocol

from kpi_gate.decision.stats.bounded_means import Mean, surely_above
from kpi_gate.serving.traffic import CANARY, CHAMPION, Assigned
from kpi_gate.serving.usual import CUTS, Scored, Usual, cuts_of, difference, range_of
from kpi_gate.text import finite, mapping, percent, sequence
from kpi_gate.usecase.serving_settings import Canary

FALSE_ALARMS = 0.01  # of the canaries that do no harm
MOST_UNITS = 50_000  # that are told apart in one arm of one step: some 3 MB
GUARDS = 4  # each may err as often
_UNITS, _FAILED, _ACTED, _ACTION, _RATED, _ADVANTAGE, _SCORED, _BELOW = range(8)
_SIZE = _BELOW + len(CUTS)


class Decided(Protocol):
    """What a version said of one row."""

    @property
    def score(self) -> float | None:
        """Its score; None where there is none."""

    @property
    def action(self) -> float:
        """What it does."""

    @property
    def advantage(self) -> float | None:
        """What acting is worth beyond not acting, as it sees it."""

    @property
    def fault(self) -> str:
        """Why it could not score the row; empty where it could."""


class _Check(NamedTuple):
    """One mean that is compared: what it is of, and how far it may move.

    Attributes:
        guard: Name of the guard.
        of: Place of the number of units in a tally.
        at: Place of the sum of what they are compared by.
        usual: By how much the two versions differ on the golden rows.
        margin: How far the difference may be from that.
        sides: +1 where a rise is harm, -1 where a fall is; both of either.
        alpha: Chance of a false alarm of each side in one step.
        words: What the mean is of.
    """

    guard: str
    of: int
    at: int
    usual: float
    margin: float
    sides: tuple[int, ...]
    alpha: float
    words: str

    def broken(self, new: Sequence[float], old: Sequence[float]) -> bool:
        """Tell whether what was seen of both arms in one step says harm."""
        mean, before = (Mean(arm[self.of], arm[self.at]) for arm in (new, old))
        return any(
            surely_above(mean, before, self.margin + self.usual, self.alpha)
            if side > 0
            else surely_above(_rest(mean), _rest(before), self.margin - self.usual, self.alpha)
            for side in self.sides
        )


class CanaryWatch:
    """Watches one canary in one worker; what other workers saw is taken in at a look.

    Args:
        settings: Steps and guards.
        champion: The version that is tried.
        previous: What all others get meanwhile.
        usual: What is known of both; of nothing, only failures are compared.
        since: When the champion was released: another canary of the same versions is another.
    """

    def __init__(
        self,
        settings: Canary,
        champion: str,
        previous: str,
        usual: Usual,
        *,
        since: str = "",
    ) -> None:
        self.champion, self.previous, self.since = champion, previous, since
        self._guards = settings.guards
        self._last_action, golden = usual.last_action, usual.golden
        self._range = range_of(*golden) if golden else None
        self._cuts = (cuts_of(golden[0]), cuts_of(golden[1])) if golden else ((), ())
        steps = [share for share in settings.steps if share < 1]
        self._alpha = FALSE_ALARMS / max(len(steps), 1) / GUARDS
        rise = self._guards.failure_rate_may_rise_by
        failures = _Check(
            "failure rate", _UNITS, _FAILED, 0.0, rise, (1,), self._alpha, "not scored"
        )
        self._checks = [
            failures,
            *self._action_check(usual),
            *(self._score_checks(*golden) if golden else ()),
        ]
        self._sums = {share: ([0.0] * _SIZE, [0.0] * _SIZE) for share in steps}
        self._step, self._seen = 0.0, (set[int](), set[int]())

    def _action_check(self, usual: Usual) -> Iterator[_Check]:
        """Yield how the actions are compared: the gate has seen more rows than are golden."""
        found = None if usual.acts_more is None else (usual.acts_more, 0.0)
        if found is None and usual.golden is not None:
            new, old = (map(self._share_of_action, each.action) for each in usual.golden)
            found = difference(new, old)
        if found is not None:
            most, both, alpha = self._guards.action_rate_may_move_by, (1, -1), self._alpha / 2
            margin = max(most, found[1])
            yield _Check("action rate", _ACTED, _ACTION, found[0], margin, both, alpha, "acted")

    def _score_checks(self, golden: Scored, before: Scored) -> Iterator[_Check]:
        """Yield what else both versions say of the golden rows, and so can be compared."""
        guards, worth, alpha = self._guards, self._share_of_range, self._alpha
        found = difference(map(worth, golden.advantage), map(worth, before.advantage))
        if found is not None:
            most, words = max(guards.advantage_may_fall_by, found[1]), "of the range of advantages"
            yield _Check("advantage", _RATED, _ADVANTAGE, found[0], most, (-1,), alpha, words)
        level = alpha / 2 / len(CUTS)
        for place, (cut, cut_before) in enumerate(zip(*self._cuts, strict=False), start=_BELOW):
            below = [None if one is None else float(one <= cut) for one in golden.score]
            below_before = [
                None if one is None else float(one <= cut_before) for one in before.score
            ]
            found = difference(below, below_before)
            if found is not None:
                most, words = max(guards.score_may_move_by, found[1]), f"scored at most {cut:.4g}"
                yield _Check("score", _SCORED, place, found[0], most, (1, -1), level, words)

    def _share_of_action(self, action: float) -> float | None:
        return min(max(action / self._last_action, 0.0), 1.0) if isfinite(action) else None

    def _share_of_range(self, advantage: float | None) -> float | None:
        if self._range is None or advantage is None or not isfinite(advantage):
            return None
        low, high = self._range
        return min(max((advantage - low) / (high - low), 0.0), 1.0)

    def add(self, assigned: Assigned, unit: object, made: Decided) -> None:
        """Take in one decision; a few microseconds.

        Args:
            assigned: How it was taken; only canary and champion count, while not all are canary.
            unit: Whom it is about.
            made: What the version that decided said of the row.
        """
        new, arms = assigned.arm == CANARY, self._sums.get(assigned.canary_share)
        if arms is None or not (new or assigned.arm == CHAMPION):
            return
        if assigned.canary_share != self._step:
            if assigned.canary_share < self._step:  # was under way when the step ended
                return
            self._step, self._seen = assigned.canary_share, (set(), set())
        key, seen = hash(str(unit)), self._seen[0 if new else 1]
        if key in seen or len(seen) >= MOST_UNITS:
            return
        seen.add(key)
        sums = arms[0] if new else arms[1]
        sums[_UNITS] += 1
        acted = self._share_of_action(made.action)
        if made.fault or acted is None:
            sums[_FAILED] += 1
            return
        sums[_ACTED] += 1
        sums[_ACTION] += acted
        worth = self._share_of_range(made.advantage)
        if worth is not None:
            sums[_RATED] += 1
            sums[_ADVANTAGE] += worth
        score = made.score
        if score is not None:
            sums[_SCORED] += 1
            for place, cut in enumerate(self._cuts[0 if new else 1], start=_BELOW):
                if score <= cut:
                    sums[place] += 1

    def tally(self) -> dict[str, Any]:
        """Return what this worker has seen, as JSON, for the other workers."""
        seen = {repr(share): [list(sums) for sums in arms] for share, arms in self._sums.items()}
        return {**self._names, "seen": seen}

    @property
    def _names(self) -> dict[str, str]:
        return {"champion": self.champion, "previous": self.previous, "since": self.since}

    def is_mine(self, tally: Mapping[str, Any]) -> bool:
        """Tell whether a tally is of this canary."""
        return all(tally.get(name) == said for name, said in self._names.items())

    def harm(self, others: Iterable[Mapping[str, Any]] = ()) -> str:
        """Return which guard is broken, with both numbers and the bound; empty where none is.

        Args:
            others: What the watches of the other workers have seen, each by its `tally`; what is
                about another canary does not count.
        """
        theirs = [one for one in others if self.is_mine(one)]
        for share, arms in self._sums.items():
            seen = [_arms(mapping(one.get("seen")).get(repr(share))) for one in theirs]
            new, old = (
                [sum(parts) for parts in zip(mine, *more, strict=True)]
                for mine, *more in zip(arms, *seen, strict=True)
            )
            for check in self._checks:
                if check.broken(new, old):
                    return self._told(check, share, new, old)
        return ""

    def _told(self, check: _Check, share: float, new: list[float], old: list[float]) -> str:
        mean, before = (Mean(arm[check.of], arm[check.at]) for arm in (new, old))
        way = "move" if len(check.sides) > 1 else "rise" if check.sides[0] > 0 else "fall"
        usual = ""
        if check.guard != "failure rate":
            usual = f", usual is a difference of {percent(check.usual)}"
        return (
            f"{check.guard}: {percent(mean.value)} {check.words} of {mean.size:,.0f} units with "
            f"{self.champion} (at {percent(share)}), {percent(before.value)} of "
            f"{before.size:,.0f} with {self.previous}{usual}; it may {way} by "
            f"{percent(check.margin)}"
        )


def _rest(mean: Mean) -> Mean:
    """Return the mean of 1 less each number."""
    return Mean(mean.size, mean.size - mean.total)


def _arms(given: object) -> tuple[list[float], list[float]]:
    """Return the sums of both arms as another worker wrote them; of what is none, nothing."""
    arms = [[finite(one) or 0.0 for one in sequence(arm)] for arm in sequence(given)]
    whole = len(arms) == 2 and all(len(arm) == _SIZE for arm in arms)
    return (arms[0], arms[1]) if whole else ([0.0] * _SIZE, [0.0] * _SIZE)
