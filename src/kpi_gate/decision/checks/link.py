"""V3: does offline money become the KPI, by what experiments on past releases have shown?"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

from kpi_gate.decision.checks.gain import booking_error
from kpi_gate.decision.evidence import Lineage
from kpi_gate.decision.link import Link
from kpi_gate.decision.link_answer import LINK, LinkAnswer, ask_link
from kpi_gate.decision.link_history import LinkHistory
from kpi_gate.decision.objective import Objective
from kpi_gate.decision.stats.paired_gain import Gain
from kpi_gate.decision.verdict import Check, Verdict
from kpi_gate.text import percent


class Heard(NamedTuple):
    """What the link says of a candidate.

    Attributes:
        answer: Its answer; None where there is no release to learn from, or no gain to ask about.
        faults: What is wrong with the history; nothing is believed then.
        releases: How many releases there are.
    """

    answer: LinkAnswer | None = None
    faults: Sequence[str] = ()
    releases: int = 0

    @property
    def note(self) -> dict[str, Any]:
        """What the record of a decision keeps of it; nothing where it said nothing."""
        return {} if self.answer is None else {LINK: self.answer.model_dump(mode="json")}


def hear_link(
    history: LinkHistory | None,
    objective: Objective,
    gain: Gain | None,
    lineage: Lineage | None = None,
    tick: datetime | None = None,
) -> Heard:
    """Ask the link about a candidate; what cannot be asked is no answer, and never raises.

    Args:
        history: Past candidates and releases; None where there is nothing.
        objective: Unit, target and confidence.
        gain: The candidate's; None where it could not be measured.
        lineage: Where the evidence comes from: its moment, and what it was compared with.
        tick: Moment of the decision: what was known later does not count.
    """
    if history is None:
        return Heard()
    as_of = lineage.as_of if tick is None and lineage is not None else tick
    first = lineage is not None and lineage.champion.is_baseline
    known = history.known_at(as_of)
    faults = known.faults()
    if known.releases and history.unit != objective.unit:
        faults.append(f"unit == {history.unit!r}, must be {objective.unit!r} as the objective's")
    releases = len(known.releases)
    if faults or not releases or gain is None:
        return Heard(None, faults, releases)
    error = booking_error(gain)
    if not (isfinite(gain.estimate) and isfinite(error)):
        return Heard(None, (), releases)
    link = Link.fit(history, objective, as_of, error=error)
    pair = (gain.estimate, error)
    return Heard(ask_link(link, objective, pair, against_baseline=first), (), releases)


def check_link(objective: Objective, heard: Heard = Heard()) -> Iterator[Check]:  # noqa: B008
    """Check V3, the link to the KPI.

    Its value is P(KPI lift > target); it has none where no release was measured online. Advisory,
    it lets pass and says what it knows; required, the probability must suffice, and at least one
    release must have been randomised. A history that cannot be read lets nothing pass.
    """
    advisory, answer = objective.kpi_link == "advisory", heard.answer
    passed, value, failing = advisory, None, Verdict.AB_REQUIRED
    if heard.faults:
        words = f"the link's history cannot be used: {'; '.join(heard.faults)}"
        passed, failing = False, Verdict.INVALID
    elif not heard.releases:
        need = "offline money may promote" if advisory else "an A/B test must come first"
        words = f"{objective.kpi_link}: no (offline, online) history yet; {need}"
    elif answer is None:
        words = f"{objective.kpi_link}: there is no gain to ask the link about"
        passed = False
    elif not isfinite(answer.probability):
        words = "the link's probability is no number"
        passed, failing = False, Verdict.INVALID
    else:
        value = answer.probability
        passed = advisory or (answer.randomised > 0 and value >= objective.kpi_confidence)
        words = f"{objective.kpi_link}: {_in_words(answer, objective)}"
    yield Check(
        name="kpi_link",
        rule="V3",
        passed=passed,
        value=value,
        bound=objective.kpi_confidence,
        reason=words,
        failing=failing,
    )


def _in_words(answer: LinkAnswer, objective: Objective) -> str:
    unit, target = objective.unit, objective.kpi_target
    chance, sure = percent(answer.probability), percent(objective.kpi_confidence)
    words = f"P(KPI lift > {target:g} {unit} a decision) is {chance}, {sure} is needed"
    if answer.randomised == 0:
        must = ", and one must be" if objective.kpi_link == "required" else ""
        return f"{words}; no release was measured by an experiment yet{must}"
    count = f"{answer.releases} release{'s' * (answer.releases != 1)}"
    if answer.required_gain is None:
        return f"{words}; by {count} no offline gain suffices yet"
    return f"{words}; by {count} it needs {answer.required_gain:+.3g} {unit} a decision offline"
