"""The link of a use case as it is shown: its releases, what they taught, and what a gain needs."""

from collections.abc import Iterator
from datetime import datetime
from math import inf, isfinite

import numpy as np
from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.link import Link
from kpi_gate.decision.link_history import LinkHistory, Release
from kpi_gate.decision.objective import Objective
from kpi_gate.decision.stats.errors_in_variables import Posterior
from kpi_gate.render import render

POINTS = 41  # of a drawn line
INTERVAL = 1.645  # standard deviations of a central 90 % interval
Curve = tuple[tuple[float, float], ...]


class LinkReport(Frozen):
    """What is known of the link of a use case at a moment; money per decision in `unit`.

    Attributes:
        use_case: Whose link.
        kpi: Name of the KPI.
        unit: Currency, or what the KPI is counted in.
        as_of: Nothing later was known, UTC.
        kpi_link: Whether the link is required for a promotion.
        target: Lift that the KPI must exceed.
        confidence: Probability with which it must.
        candidates: How many candidates say what offline gains are usual.
        releases: The releases that were measured online, in order of time.
        residuals: How far each lies from what the others let expect, in standard deviations.
        sentence: What an offline unit of money has been worth.
        slope: Online lift for each unit of offline gain: mean, and ends of its 90 % interval.
        prior_slope: The same before any release.
        p_slope_positive: Probability that more offline gain brings more online.
        error: Standard error of the newest candidate's gain; None where there is none.
        required_gain: Least offline gain that suffices with that error; None where none does.
        required_then: The same as each release became known: moment, and gain or None.
        slope_density: Density of the slope, as (slope, density).
        prior_density: The same before any release.
        band: The line that was learnt, as (true offline gain, lower end, mean, upper end).
        left_out: What was left out, and why.
    """

    use_case: str
    kpi: str
    unit: str
    as_of: AwareDatetime
    kpi_link: str
    target: float
    confidence: float
    candidates: int
    releases: tuple[Release, ...]
    residuals: tuple[float, ...]
    sentence: str
    slope: tuple[float, float, float]
    prior_slope: tuple[float, float, float]
    p_slope_positive: float
    error: float | None
    required_gain: float | None
    required_then: tuple[tuple[AwareDatetime, float | None], ...] = ()
    slope_density: Curve = ()
    prior_density: Curve = ()
    band: tuple[tuple[float, float, float, float], ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def randomised(self) -> int:
        """How many releases an experiment has measured."""
        return sum(release.randomised for release in self.releases)

    def to_html(self) -> str:
        """Render it as one self-contained HTML page."""
        return render(self, "html")

    def __str__(self) -> str:
        return render(self, "text")


def report_link(
    history: LinkHistory, objective: Objective, as_of: datetime, use_case: str
) -> LinkReport:
    """Learn the link, and tell all that is known of it.

    Raises:
        ValueError: If a row of the history cannot be; it is named.
    """
    known = (*history.baseline_candidates[-1:], *history.candidates[-1:])
    error = known[-1][1] if known else None
    link = Link.fit(history, objective, as_of, error=error)
    releases = link.history.releases
    return LinkReport(
        use_case=use_case,
        kpi=objective.kpi,
        unit=objective.unit,
        as_of=as_of,
        kpi_link=objective.kpi_link,
        target=objective.kpi_target,
        confidence=objective.kpi_confidence,
        candidates=len(history.candidates) + len(history.baseline_candidates),
        releases=releases,
        residuals=link.residuals,
        sentence=link.sentence,
        slope=link.slope,
        prior_slope=link.prior_line.slope(),
        p_slope_positive=link.line.p_slope_positive(),
        error=error,
        required_gain=_required(link, objective, error),
        required_then=tuple(_then(history, objective, error, releases)),
        slope_density=_density(link.line),
        prior_density=_density(link.prior_line),
        band=tuple(_band(link)),
        left_out=history.left_out,
    )


def _required(link: Link, objective: Objective, error: float | None) -> float | None:
    if error is None:
        return None
    found = link.required_gain(error, objective.kpi_target, objective.kpi_confidence)
    return found if isfinite(found) else None


def _then(
    history: LinkHistory,
    objective: Objective,
    error: float | None,
    releases: tuple[Release, ...],
) -> Iterator[tuple[datetime, float | None]]:
    """Yield what was required once each release was known, by today's candidates."""
    for moment in sorted({one.ended for one in releases if one.ended is not None}):
        link = Link.fit(history, objective, moment, error=error)
        yield moment, _required(link, objective, error)


def _density(line: Posterior) -> Curve:
    """Return the density where it is not nothing."""
    slopes, density = line.slope_density()
    seen = density > 1e-3 * density.max()
    return tuple(zip(slopes[seen].tolist(), density[seen].tolist(), strict=True))


def _band(link: Link) -> Iterator[tuple[float, float, float, float]]:
    """Yield the line over the gains of the releases, from zero on."""
    gains = [0.0, *(one.offline for one in link.history.releases)]
    errors = [one.offline_error for one in link.history.releases]
    wide = INTERVAL * max(errors, default=link.scale)
    low, high = min(gains) - wide, max(gains, default=-inf) + wide
    for gain in np.linspace(low, high, POINTS):
        mean, deviation = link.line.line_at(float(gain) / link.scale)
        half = INTERVAL * deviation
        ends = (mean - half, mean, mean + half)
        yield (float(gain), *(end * link.scale for end in ends))  # type: ignore[misc]
