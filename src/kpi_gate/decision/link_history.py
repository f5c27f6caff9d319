"""What links offline gains to the KPI: candidates and releases, as they were measured."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.objective import LARGEST

Pair = tuple[float, float]


class Release(Frozen):
    """A release of which both gains were measured, money per decision.

    Attributes:
        decision: The decision that released it; empty where nobody says.
        version: What was released.
        offline: Its gain as the gate measured it.
        offline_error: Its standard error.
        online: The lift of the KPI that was measured in use.
        online_error: Its standard error.
        randomised: Whether chance decided who got which version: an experiment or a holdback.
        ended: When it was known, UTC; None where nobody says.
        source: What measured the lift.
        against_baseline: Whether it was compared with the baseline: such gains are of other size.
        row: Row of the ledger that says so; 0 where none does.
    """

    decision: str = ""
    version: str = ""
    offline: float
    offline_error: float
    online: float
    online_error: float
    randomised: bool = True
    ended: AwareDatetime | None = None
    source: Literal["experiment", "import", "realised", "holdback"] = "experiment"
    against_baseline: bool = False
    row: int = 0

    def faults(self) -> Iterator[str]:
        """Yield what cannot be: field, value and bound."""
        for name in ("offline", "online"):
            value = getattr(self, name)
            if not abs(value) <= LARGEST:  # NaN is not
                yield f"{name} == {value:g}, must be a finite number up to {LARGEST:g}"
        for name in ("offline_error", "online_error"):
            value = getattr(self, name)
            if not 0 < value <= LARGEST:
                yield f"{name} == {value:g}, must be > 0 and finite"


class LinkHistory(Frozen):
    """What past candidates gained offline, and what their releases brought online.

    Attributes:
        unit: Unit of all amounts, per decision.
        candidates: (gain, standard error) of every candidate compared with a champion, also the
            rejected ones.
        baseline_candidates: The same of those that were compared with the baseline.
        releases: Those of which an online lift is known, in order of time.
        left_out: What was left out, and why.
        unreadable: What is wrong with a row that cannot be read: nothing is linked then.
    """

    unit: str
    candidates: tuple[Pair, ...] = ()
    baseline_candidates: tuple[Pair, ...] = ()
    releases: tuple[Release, ...] = ()
    left_out: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """Return what is wrong, a sentence a row; empty where nothing is."""
        found = list(self.unreadable)
        for place, release in enumerate(self.releases, start=1):
            row = f"row {release.row} of the ledger" if release.row else f"release {place}"
            found += [f"{row}: {fault}" for fault in release.faults()]
        return found

    def known_at(self, as_of: datetime | None) -> "LinkHistory":
        """Return it without releases that were not known yet."""
        if as_of is None:
            return self
        kept = tuple(one for one in self.releases if one.ended is None or one.ended <= as_of)
        return self.model_copy(update={"releases": kept})

    @property
    def randomised(self) -> tuple[Release, ...]:
        """The releases that an experiment has measured."""
        return tuple(release for release in self.releases if release.randomised)
