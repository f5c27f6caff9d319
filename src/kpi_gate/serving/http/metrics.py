"""What a worker counts while it answers; plain numbers, so that a request pays almost nothing."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from kpi_gate.serving.http.asgi import App, Receive, Scope, Send, Watched, route_of
from kpi_gate.serving.http.score_shift import ScoreShift

BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
KINDS = {
    400: "no JSON",
    401: "no key",
    403: "not allowed",
    404: "not served",
    408: "slow body",
    413: "large body",
    415: "not JSON",
    421: "foreign host",
    422: "bad row",
    429: "too fast",
    500: "server",
    503: "unavailable",
}
NOT_SCORED, OTHER = "not scored", "other"
Kind = Literal["counter", "gauge", "histogram"]
_MOST_VERSIONS = 100  # of which the scores are kept


class Family(NamedTuple):
    """One metric with all its series.

    Attributes:
        name: As Prometheus has it.
        help: What it is, with its unit.
        kind: What it is to Prometheus.
        samples: End of the name, labels and value of each series.
    """

    name: str
    help: str
    kind: Kind
    samples: list[tuple[str, dict[str, str], float]]


class Decision(Protocol):
    """What is counted of an answer."""

    @property
    def version(self) -> str:
        """What decided."""

    @property
    def arm(self) -> str:
        """The part of the split."""

    @property
    def score(self) -> float | None:
        """Probability of outcome 1."""

    @property
    def rule_of_thumb(self) -> bool:
        """Whether the rule of thumb decided."""

    @property
    def fault(self) -> str | None:
        """Why it stood in."""


class Counts:
    """What a worker has counted since it was started.

    Attributes:
        use_cases: What it serves: other names are no labels.
    """

    def __init__(self, use_cases: Collection[str]) -> None:
        self.use_cases = frozenset(use_cases)
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: dict[tuple[str, str], list[float]] = {}
        self._decisions: Counter[tuple[str, str, str]] = Counter()
        self._ruled: Counter[str] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._swaps: Counter[str] = Counter(dict.fromkeys(use_cases, 0))
        self._reloads: Counter[str] = Counter(dict.fromkeys(use_cases, 0))
        self._reloads_seen: set[tuple[str, str, str]] = set()
        self._shifts: dict[tuple[str, str], ScoreShift] = {}

    def request(self, route: str, use_case: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests[(route, use_case, status)] += 1
        if status >= 400:
            self._failures[(use_case, KINDS.get(status, OTHER))] += 1
        place = (route, use_case)
        row = self._seconds.get(place)
        if row is None:
            row = self._seconds[place] = [0.0] * (len(BOUNDS) + 2)
        row[bisect_left(BOUNDS, seconds)] += 1
        row[-1] += seconds

    def decided(
        self, use_case: str, answers: Sequence[Decision], golden: Callable[[str], Sequence[float]]
    ) -> None:
        """Count what was decided.

        Args:
            use_case: Of the decisions.
            answers: Each of them.
            golden: Gives the golden scores of a version.
        """
        for one in answers:
            version = one.version
            self._decisions[(use_case, version, one.arm)] += 1
            if one.rule_of_thumb:
                self._ruled[use_case] += 1
                if one.fault:
                    self._failures[(use_case, NOT_SCORED)] += 1
            elif one.score is not None:
                shift = self._shifts.get((use_case, version))
                if shift is None:
                    shift = self._shift(use_case, version, golden(version))
                shift.add(one.score)

    def _shift(self, use_case: str, version: str, golden: Sequence[float]) -> ScoreShift:
        if len(self._shifts) >= _MOST_VERSIONS:
            del self._shifts[next(iter(self._shifts))]
        made = self._shifts[(use_case, version)] = ScoreShift(golden)
        return made

    def swapped(self, use_case: str, before: str, after: str) -> None:
        """Count a change of the champion."""
        del before, after
        self._swaps[use_case] += 1

    def not_loaded(self, use_case: str, version: str, why: str) -> None:
        """Count a version that could not be loaded; the same fault of it once."""
        place = (use_case, version, why)
        if place not in self._reloads_seen:
            self._reloads_seen.add(place)
            self._reloads[use_case] += 1

    def families(self) -> Iterator[Family]:
        """Return what was counted."""
        yield Family(
            "kpi_gate_requests",
            "Requests answered",
            "counter",
            [
                ("_total", {"route": route, "use_case": name, "status": str(status)}, count)
                for (route, name, status), count in self._requests.items()
            ],
        )
        yield Family(
            "kpi_gate_request_seconds",
            "Time from the request's head to the end of its answer, in seconds",
            "histogram",
            [one for place, row in self._seconds.items() for one in _buckets(*place, row)],
        )
        yield Family(
            "kpi_gate_decisions",
            "Decisions, by the version that decided and its part of the split",
            "counter",
            [
                ("_total", {"use_case": name, "version": version, "arm": arm}, count)
                for (name, version, arm), count in self._decisions.items()
            ],
        )
        yield Family(
            "kpi_gate_failures",
            "Requests that were refused, and rows that the model could not score, by kind",
            "counter",
            [
                ("_total", {"use_case": name, "kind": kind}, count)
                for (name, kind), count in self._failures.items()
            ],
        )
        for name, words, found in (
            ("rule_of_thumb", "Decisions of the rule of thumb", self._ruled),
            ("swaps", "Changes of the champion", self._swaps),
            ("reload_failures", "Versions that could not be loaded", self._reloads),
        ):
            samples = [("_total", {"use_case": one}, float(n)) for one, n in found.items()]
            yield Family(f"kpi_gate_{name}", words, "counter", samples)
        yield Family(
            "kpi_gate_score_shift",
            "Distance of the newest scores from those of the golden rows (PSI)",
            "gauge",
            [
                ("", {"use_case": name, "version": version}, psi)
                for (name, version), shift in self._shifts.items()
                if (psi := shift.psi) is not None
            ],
        )


class Counted:
    """An ASGI app that counts each request, with its time and status."""

    def __init__(self, app: App, counts: Counts) -> None:
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, seen = time.perf_counter(), Watched(send)
        try:
            await self.app(scope, receive, seen)
        finally:
            route, use_case = route_of(scope["path"])
            known = use_case if use_case in self.counts.use_cases else ""
            self.counts.request(route, known, seen.status, time.perf_counter() - start)


def _buckets(
    route: str, use_case: str, row: Sequence[float]
) -> Iterator[tuple[str, dict[str, str], float]]:
    labels: dict[str, Any] = {"route": route, "use_case": use_case}
    total = 0.0
    for bound, count in zip((*BOUNDS, "+Inf"), row[:-1], strict=True):
        total += count
        yield "_bucket", {**labels, "le": str(bound)}, total
    yield "_count", labels, total
    yield "_sum", labels, row[-1]
