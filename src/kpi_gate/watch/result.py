"""What a look at the champion in use found: three layers, and what was made of it."""

from pydantic import AwareDatetime

from kpi_gate.decision.evidence import Window
from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.retrain_rule import Choice
from kpi_gate.decision.staleness import Staleness
from kpi_gate.learning.label_maturity import Maturity
from kpi_gate.watch.drift.result import DriftReport
from kpi_gate.watch.finding import Finding, Severity
from kpi_gate.watch.history.result import Measured
from kpi_gate.watch.value.realised import Realised


class Watched(Frozen):
    """What a look at the champion in use found.

    Attributes:
        use_case: Whose champion.
        title: The use case in words.
        as_of: Nothing later was known, UTC.
        champion: Its name, or `baseline`.
        window: The day, or days, whose rows were looked at.
        rows: How many there were.
        findings: Everything found, the severest first.
        realised: What the champion has earned since its promotion; None where nothing was asked.
        staleness: What it loses a day against a challenger; None where that was not measured.
        staleness_as_of: When that was measured, UTC: once a week.
        drift: What moved; None without a model, or without rows.
        labels: How outcomes mature; None without rows.
        choice: Whether to retrain, where anybody proposed it.
        action: What was done, in words; empty where nothing was.
        track: What champions have earned more than what they replaced, at each look up to this.
    """

    use_case: str
    title: str
    as_of: AwareDatetime
    champion: str
    window: Window
    rows: int
    findings: tuple[Finding, ...] = ()
    realised: Realised | None = None
    staleness: Staleness | None = None
    staleness_as_of: AwareDatetime | None = None
    drift: DriftReport | None = None
    labels: Maturity | None = None
    choice: Choice | None = None
    action: str = ""
    track: tuple[Measured, ...] = ()

    def those(self, severity: Severity) -> list[Finding]:
        """Return the findings of a severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def severe(self) -> bool:
        """Whether anything is severe: promotions wait then."""
        return bool(self.those("severe"))

    @property
    def sentence(self) -> str:
        """Say in a sentence how the champion is."""
        severe, warned = self.those("severe"), self.those("warning")
        who = f"{self.use_case}, champion {self.champion}, {self.window}"
        if severe:
            words = f"{len(severe)} severe: {severe[0].sentence.rstrip('.')}"
        elif warned:
            words = f"{len(warned)} to look at: {warned[0].sentence.rstrip('.')}"
        else:
            words = "nothing to look at"
        return f"{who}: {words}"

    def markdown(self) -> str:
        """Return the look for whoever opens its run: the sentence, and each finding."""
        lines = [f"**{self.sentence}.**", ""]
        lines += [f"- {found.severity}, {found.check}: {found.sentence}" for found in self.findings]
        if self.action:
            lines += ["", f"Done: {self.action}."]
        if self.choice is not None:
            lines += ["", self.choice.reason]
        return "\n".join(lines)
