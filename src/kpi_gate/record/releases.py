"""What the ledger says of a use case's aliases: who is champion, who is anchor, what is open.

A row counts only if what stands before it allows it: whoever can append rows promotes nobody.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kpi_gate.decision.verdict import Verdict
from kpi_gate.record.experiment_rows import Experiments
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_brief import stated
from kpi_gate.record.registered import ANCHOR, CHAMPION, Judged, ModelError

REALIGNED = "realigned"


@dataclass(frozen=True)
class Act:
    """One kind of move of an alias: written ahead as an intent, ended by one of two rows.

    Attributes:
        alias: The alias that moves.
        done: Kind of the row that says that it has moved.
        void: Kind of the row that says that it was given up.
        failed: What is said of the version when it was.
    """

    alias: str
    done: str
    void: str
    failed: str


PROMOTION, ROLLBACK, ANCHORING = "intent", "rollback_intent", "anchor_intent"
ACTS = {
    PROMOTION: Act(CHAMPION, "done", "void", "was not promoted"),
    ROLLBACK: Act(CHAMPION, "rollback", "rollback_void", "is not champion again"),
    ANCHORING: Act(ANCHOR, "anchor", "anchor_void", "is not the anchor"),
}
_DONE = {act.done: kind for kind, act in ACTS.items()}
_VOID = {act.void: kind for kind, act in ACTS.items()}


@dataclass
class Releases:
    """Where the rows of one use case lead to.

    Attributes:
        decisions: Its decisions by their ids.
        opened: The intents that no row has ended yet, oldest first.
        standing: The promotions that no rollback has taken back, oldest first.
        experiments: What became of its experiments.
        anchor: Version that guardrails add up from: the first release, until re-anchored.
        faults: What is wrong with a row that does not count, by its number; nothing moves until
            a person sets it aside by `realign`.
        uncounted: Numbers of all rows that do not count.
    """

    decisions: dict[str, Entry] = field(default_factory=dict)
    opened: dict[tuple[str, str], Entry] = field(default_factory=dict)
    standing: list[Entry] = field(default_factory=list)
    experiments: Experiments = field(default_factory=Experiments)
    anchor: str = ""
    faults: dict[int, str] = field(default_factory=dict)
    uncounted: set[int] = field(default_factory=set)
    _released: dict[str, str] = field(default_factory=dict)  # the promoting decision by version

    @property
    def champion(self) -> str:
        """Version that the last release left in use; empty for the baseline or none."""
        return str(self.standing[-1].body["version"]) if self.standing else ""

    @property
    def in_use(self) -> list[str]:
        """Versions of champion and anchor, each once; none for the baseline."""
        return [version for version in dict.fromkeys((self.champion, self.anchor)) if version]

    def decision_on(self, version: str) -> Entry | None:
        """Return the decision that promoted a version, else the last one that registered it."""
        if version in self._released:
            return self.decisions[self._released[version]]
        made = [entry for entry in self.decisions.values() if entry.body["version"] == version]
        return max(made, key=lambda entry: entry.number) if version and made else None

    def judged(self, version: str) -> Judged:
        """Return what the ledger says of a version's files.

        Raises:
            ModelError: If no decision registered it.
        """
        entry = self.decision_on(version)
        if entry is None:
            raise ModelError(f"{version}: no decision in the ledger registered this version")
        lineage, refit = (entry.body["decision"].get(name) for name in ("lineage", "refit"))
        return Judged(
            decision=entry.subject,
            digest=str(refit["promoted"] if refit else lineage["candidate"]["digest"]),
            evidence_end=datetime.fromisoformat(lineage["window"]["end"]).isoformat(),
            files=entry.body.get("model_files", {}),
        )

    def shown_by_experiment(self, decision: Entry) -> Entry | None:
        """Return the end of the experiment that a decision asked for and that says: ship."""
        asked = decision.body["verdict"] == Verdict.AB_REQUIRED
        return self.experiments.shipped(decision) if asked else None

    def follow(self, entry: Entry) -> None:
        """Take in the next row."""
        if entry.kind == "decision":
            self.decisions[entry.subject] = entry
        elif entry.kind.startswith("experiment_"):
            self.experiments.follow(entry)
        elif entry.kind == REALIGNED:
            for number in entry.body.get("set_aside", ()):
                self.faults.pop(number, None)
        elif entry.kind in ACTS:
            self._note(entry, self._unsound(entry))
            if entry.number not in self.uncounted:
                self.opened.setdefault((entry.kind, entry.subject), entry)
        elif entry.kind in _VOID:
            self.opened.pop((_VOID[entry.kind], entry.subject), None)
        elif entry.kind in _DONE:
            intent = self.opened.get((_DONE[entry.kind], entry.subject))
            if intent is None:
                self._note(entry, "ends no intent that counts")
            elif entry.body.get("version") != intent.body["version"]:
                self._note(entry, f"ends row {intent.number} with another version")
            else:
                del self.opened[_DONE[entry.kind], entry.subject]
                self._moved(entry)

    def _moved(self, entry: Entry) -> None:
        version = str(entry.body["version"])
        if entry.kind == "anchor":
            self.anchor = version
        elif entry.kind == "done":
            self.standing.append(entry)
            self._released[version] = entry.subject
            self.anchor = self.anchor or version
        else:
            kept = [done for done in self.standing if done.subject != entry.subject]
            while kept and kept[-1].body["version"] != version:
                kept.pop()
            self.standing = kept

    def _note(self, entry: Entry, fault: str) -> None:
        if fault:
            self.uncounted.add(entry.number)
            self.faults[entry.number] = f"row {entry.number} ({entry.kind} {entry.subject}) {fault}"

    def _unsound(self, intent: Entry) -> str:
        """Return why an intent does not count; empty where it does."""
        body = intent.body
        version = body.get("version")
        if intent.kind == ROLLBACK:
            stands = any(done.subject == intent.subject for done in self.standing)
            if not stands or version not in {"", *self._released}:
                return f"goes back to {version or 'the baseline'} from what was not promoted"
            return ""
        if intent.kind == ANCHORING:
            known = version in ("", self.champion)
            return "" if known else f"anchors to {version}, the champion is {self.champion}"
        return self._unsound_promotion(intent.subject, body)

    def _unsound_promotion(self, subject: str, body: Mapping[str, object]) -> str:
        decision, version = self.decisions.get(subject), body.get("version")
        if decision is None:
            return "promotes by a decision that does not exist"
        if not version or version != decision.body["version"]:
            return f"promotes {version}, its decision is on {decision.body['version'] or 'none'}"
        forced, verdict = str(body.get("forced") or "").strip(), decision.body["verdict"]
        if verdict != Verdict.PROMOTE and not forced and not self.shown_by_experiment(decision):
            return f"promotes {version}, whose decision is {verdict}, and is not forced"
        asked = stated(decision.body, "decision.approval") == "required"
        if asked and not str(body.get("approved_by") or "").strip():
            return f"promotes {version} without the approval that its decision asks for"
        return ""


def read(entries: Iterable[Entry]) -> Releases:
    """Follow the rows of one use case from the first to the last."""
    found = Releases()
    for entry in entries:
        found.follow(entry)
    return found


def remedy(use_case: str) -> str:
    """Name the one command after which MLflow says what the ledger says."""
    return f"nothing moves: use `kpi-gate realign {use_case} --reason ...`"
