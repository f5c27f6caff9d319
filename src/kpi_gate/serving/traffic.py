"""Who gets which version: holdout, experiment and canary by sticky hashes, exploration by chance.

A holdout unit is in nothing else; an experiment that runs wins over the canary. All of it follows
from names, the ledger and the clock, so that workers agree without asking each other.
"""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.serving.assignment import CONTROL, TREATMENT, bucket_of
from kpi_gate.serving.errors import ServingError
from kpi_gate.usecase.serving_settings import ServingSettings

CHAMPION, CANARY, HOLDOUT, EXPLORE = "champion", "canary", "holdout", "explore"
ACTIONS = (0.0, 1.0)  # that can be drawn where a decision is explored
_Key = tuple[str, str, float, float, bool]  # arm, version, canary's share, explored share, explore


class RunningExperiment(NamedTuple):
    """An experiment that was started and has not ended.

    Attributes:
        name: Its name.
        salt: What its units are hashed with.
        treatment_share: Share of the units that get the treatment.
        control: Version of the control.
        treatment: Version of the treatment.
    """

    name: str
    salt: str
    treatment_share: float
    control: str
    treatment: str


class Assigned(NamedTuple):
    """How one decision is taken.

    Attributes:
        arm: `champion`, `holdout`, `control`, `treatment`, `canary` or `explore`.
        version: Version that decides; `baseline` for the rule of thumb.
        other_version: Version that the other arm of the unit's split has; None where there is none.
        share: Probability to come into this arm.
        explore: Whether the action is drawn instead; the version still scores the row.
        shadow: Version that scores the row too, for the log alone; None of none.
        canary_share: Share of the units that the champion is for at this moment.
        explored_share: Probability that this row is explored.
    """

    arm: str
    version: str
    other_version: str | None
    share: float
    explore: bool
    shadow: str | None
    canary_share: float = 1.0
    explored_share: float = 0.0


class Traffic:
    """The split of one use case; made anew whenever the ledger or a return says something else.

    Args:
        use_case: Its name: the salt of the holdout, which never changes.
        settings: How it is served, with the share that is explored (`Settings.served()`).
        champion: Version in use; empty or `baseline` for the rule of thumb.
        previous: Version before it, see `version_before`.
        since: When the champion was released: of the row that says so, for all workers the same.
        experiment: What runs; None where nothing does.
        returned: Versions that did harm: nobody gets them.
        candidate: Version that waits; it is the shadow, where the settings ask for one.
        unavailable: Versions that cannot be loaded: nobody gets them either.
    """

    def __init__(  # noqa: PLR0913  (all by name)
        self,
        use_case: str,
        settings: ServingSettings,
        *,
        champion: str,
        previous: str,
        since: datetime,
        experiment: RunningExperiment | None,
        returned: frozenset[str],
        candidate: str = "",
        unavailable: frozenset[str] = frozenset(),
    ) -> None:
        if since.tzinfo is None:
            raise ServingError(f"since == {since}, must have an offset from UTC")
        self.use_case, self.settings, self.since = use_case, settings, since
        self.champion, self.previous = champion or BASELINE, previous or BASELINE
        self.returned, self._barred = returned, returned | unavailable
        if self.previous in self._barred:
            self.previous = BASELINE
        if self.champion in self._barred:
            self.champion = self.previous
        self.suspended = self._why_suspended(experiment)
        self.experiment = None if self.suspended else experiment
        shadow = candidate if settings.shadow == "candidate" else ""
        self._shadow = shadow if shadow and shadow not in self._barred else None

        self._canary = settings.canary if self.champion != self.previous else None
        steps = () if self._canary is None else self._canary.steps
        minutes = 0.0 if self._canary is None else self._canary.step_minutes
        self._shares = steps or (1.0,)
        self._ends = [since.timestamp() + 60 * minutes * n for n in range(1, len(steps))]
        self._step = 0  # a clock that goes back takes nobody out of the canary

        self._held_share = settings.holdout.share
        self._explored_share = settings.exploration.share or 0.0
        self._cap = settings.exploration.cap
        self._in_holdout = bucket_of(f"holdout|{use_case}")
        self._in_canary = bucket_of(f"canary|{use_case}|{self.champion}")
        self._in_treatment = bucket_of("" if experiment is None else experiment.salt)
        self._is_explored = bucket_of(f"explore|{use_case}")
        self._drawn = bucket_of(f"draw|{use_case}")
        self._made: dict[_Key, Assigned] = {}
        self._mixtures = {share: self._mix(share) for share in (*self._shares, 1.0)}

    def _why_suspended(self, experiment: RunningExperiment | None) -> str:
        """Return why an experiment is not dealt though it runs; empty where it is."""
        if experiment is None:
            return ""
        name, control, treatment = experiment.name, experiment.control, experiment.treatment
        if control != self.champion:
            return f"experiment {name} compares with {control}, in use is {self.champion}"
        if treatment in self._barred:
            why = "did harm" if treatment in self.returned else "cannot be loaded"
            return f"experiment {name}: its treatment, {treatment}, {why}"
        return ""

    def step(self, now: float) -> int:
        """Return how many steps the canary has behind it; time in seconds since 1970."""
        if self._step < len(self._ends):
            self._step = max(self._step, bisect_right(self._ends, now))
        return self._step

    def canary_share(self, now: float) -> float:
        """Return the share of the units that the champion is for by now; 1 after its canary."""
        return self._shares[self.step(now)]

    def assign(
        self, unit: object, now: float, decision: str, row: Mapping[str, Any] | None = None
    ) -> Assigned:
        """Return how one decision is taken.

        Args:
            unit: Whom it is about: a text or a whole number.
            now: Seconds since 1970, UTC.
            decision: Its id: asked again, it is explored again.
            row: Its columns, where exploration has a cap.
        """
        experiment = self.experiment
        share = 1.0 if experiment is not None else self._shares[self.step(now)]
        explored = self._explored_share if self._affordable(row) else 0.0
        if self._held_share and self._in_holdout(unit) < self._held_share:
            key = (HOLDOUT, BASELINE, share, explored, False)
            return self._made.get(key) or self._make(key)
        arm, version = CHAMPION, self.champion
        if experiment is not None:
            treated = self._in_treatment(unit) < experiment.treatment_share
            arm = TREATMENT if treated else CONTROL
            version = experiment.treatment if treated else experiment.control
        elif share < 1:
            chosen = self._in_canary(unit) < share
            arm = CANARY if chosen else CHAMPION
            version = self.champion if chosen else self.previous
        explore = explored > 0 and self._is_explored(decision) < explored
        key = (arm, version, share, explored, explore)
        return self._made.get(key) or self._make(key)

    def _affordable(self, row: Mapping[str, Any] | None) -> bool:
        """Tell whether a row is cheap enough to explore."""
        if self._cap is None:
            return True
        value = None if row is None else row.get(self._cap.column)
        return isinstance(value, int | float) and value <= self._cap.most

    def _make(self, key: _Key) -> Assigned:
        arm, version, share, explored, explore = key
        mixture = self._mixtures[share]
        other: str | None = self.champion
        taken, shadow = self._held_share, None
        if arm != HOLDOUT:
            taken = mixture[version] * (1 - taken) * (explored if explore else 1 - explored)
            other = next((one for one in mixture if one != version), None)
            shadow = self._shadow if self._shadow not in (version, other) else None
        arm = EXPLORE if explore else arm
        made = Assigned(arm, version, other, taken, explore, shadow, share, explored)
        self._made[key] = made
        return made

    def _mix(self, share: float) -> dict[str, float]:
        """Return the share of each version outside the holdout, at a step of the canary."""
        experiment = self.experiment
        if experiment is not None:
            treated = experiment.treatment_share
            parts = ((experiment.treatment, treated), (experiment.control, 1 - treated))
        else:
            parts = ((self.champion, share), (self.previous, 1 - share))
        found: dict[str, float] = {}
        for version, part in parts:
            if part > 0:
                found[version] = found.get(version, 0.0) + part
        return found

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions that must be loaded; the rule of thumb needs no loading."""
        named = (*self._mixtures[1.0], self.champion, self.previous, self._shadow or BASELINE)
        return tuple(one for one in dict.fromkeys(named) if one != BASELINE)

    def mixture(self, assigned: Assigned) -> dict[str, float]:
        """Return the share of all decisions that each version takes, the rule of thumb with it.

        Their actions are what `propensity` must know to be a probability over all arms.
        """
        mixture = self._mixtures[assigned.canary_share]
        found = {one: part * (1 - self._held_share) for one, part in mixture.items()}
        if self._held_share:
            found[BASELINE] = found.get(BASELINE, 0.0) + self._held_share
        return found

    def drawn(self, decision: str) -> float:
        """Return the action of a decision that is explored; asked again, the same."""
        said = self.settings.exploration.action
        if said is not None:
            return float(said)
        return ACTIONS[int(self._drawn(decision) * len(ACTIONS))]

    def propensity(
        self,
        assigned: Assigned,
        action: float,
        others: Mapping[str, float],
        chances: Mapping[str, float] | None = None,
    ) -> float:
        """Return the probability, given the row, that what is served takes this action.

        It is over the versions whose action is known. With all of `mixture` it is that of the
        whole; with the unit's own version alone it is that of its arm. Both are right as weights,
        since arms are dealt by chance; those of the whole vary less.

        Args:
            assigned: How the decision was taken.
            action: What was done.
            others: What each version would do here by itself, as far as that is known; where the
                action was drawn, that of the unit's own version belongs to it.
            chances: Probability with which a version takes this action, where it acts by chance; by
                default 1 where it would do so by itself, else 0.
        """
        explored, held = assigned.explored_share, self._held_share
        drawn = self._chance_drawn(action) if explored else 0.0
        chance = {version: float(does == action) for version, does in others.items()}
        chance.update(chances or {})
        if assigned.version not in chance:
            if assigned.explore:
                return drawn
            chance[assigned.version] = 1.0
        whole = known = 0.0
        for version, part in self._mixtures[assigned.canary_share].items():
            if version in chance:
                known += part * (1 - held)
                whole += part * (1 - held) * ((1 - explored) * chance[version] + explored * drawn)
        if BASELINE in chance:
            known += held
            whole += held * chance[BASELINE]
        return min(whole / known, 1.0) if known else chance[assigned.version]

    def _chance_drawn(self, action: float) -> float:
        said = self.settings.exploration.action
        if said is not None:
            return float(action == said)
        return float(action in ACTIONS) / len(ACTIONS)
