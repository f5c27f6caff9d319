"""What the ledger says of the experiments of one use case: planned, started, looked at, ended.

A row counts only if what stands before it allows it: whoever can append rows ships nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kpi_gate.decision.fingerprint import digest
from kpi_gate.record.ledger import Entry
from kpi_gate.text import finite, mapping

PLAN, START, LOOK, END = "experiment_plan", "experiment_start", "experiment_look", "experiment_end"
IMPORT = "experiment_import"
SHIP, BENEFIT, RANDOMISED = "ship", "benefit", "ab"


@dataclass
class Experiments:
    """Where the rows about experiments lead to; one runs at a time.

    Attributes:
        planned: The rows of the plans, by their experiments.
        started: The rows of the starts that count.
        looks: The rows of the looks that count, in order.
        ended: The rows of the ends that count.
        imported: What experiments that were run elsewhere have shown, by the hash of it.
        last: The row of each experiment that was written last, also one that does not count.
        faults: What is wrong with a row that does not count, by its number.
    """

    planned: dict[str, Entry] = field(default_factory=dict)
    started: dict[str, Entry] = field(default_factory=dict)
    looks: dict[str, list[Entry]] = field(default_factory=dict)
    ended: dict[str, Entry] = field(default_factory=dict)
    imported: dict[str, Entry] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)

    @property
    def running(self) -> str:
        """The experiment that was started and has not ended; empty where none is."""
        return next((one for one in self.started if one not in self.ended), "")

    def follow(self, entry: Entry) -> None:
        """Take in the next row."""
        name = entry.subject
        self.last[name] = entry.number
        fault = self._unsound(entry)
        if fault:
            self.faults[entry.number] = f"row {entry.number} ({entry.kind} {name}) {fault}"
        elif entry.kind == LOOK:
            self.looks.setdefault(name, []).append(entry)
        else:
            places = {PLAN: self.planned, START: self.started, END: self.ended}
            places.get(entry.kind, self.imported).setdefault(name, entry)

    def _unsound(self, entry: Entry) -> str:
        """Return why a row does not count; empty where it does."""
        name = entry.subject
        if entry.kind == START:
            if name not in self.planned:
                return "starts what was not planned"
            if name in self.started:
                return "starts what was started before"
            return f"starts beside {self.running}, which runs" if self.running else ""
        if entry.kind in (LOOK, END) and name != self.running:
            return "is about what does not run"
        return ""

    def of_decision(self, decision: str) -> list[str]:
        """Return the experiments that were planned about a decision, the oldest first."""
        return [one for one, row in self.planned.items() if _plan(row).get("decision") == decision]

    def shipped(self, decision: Entry) -> Entry | None:
        """Return the end of the experiment that lets a decision be promoted; None where none does.

        Its plan is what its name is a hash of, and compares the decision's version with the
        champion that the decision was measured against; it was started, its last look crossed its
        bound to the benefit, and its end says so of the effect of that very look.
        """
        for name in self.of_decision(decision.subject):
            end, looks = self.ended.get(name), self.looks.get(name, [])
            if end is not None and looks and not self._doubt(decision, name, end, looks):
                return end
        return None

    def _doubt(self, decision: Entry, name: str, end: Entry, looks: list[Entry]) -> str:
        plan, body = _plan(self.planned[name]), decision.body
        sides = (plan.get("control"), plan.get("treatment"), plan.get("use_case"))
        if plan.get("kind") != RANDOMISED or digest([dict(plan)]) != name:
            return "its plan is none, or another"
        if sides != (body["champion"], body["version"], decision.use_case):
            return "it compares others"
        if [look.body.get("number") for look in looks] != list(range(1, len(looks) + 1)):
            return "a look is missing"
        seen = mapping(looks[-1].body.get("look"))
        effect, lift = mapping(seen.get("effect")), mapping(end.body.get("lift"))
        z, bound, estimate = (finite(one) for one in (
            seen.get("z"), seen.get("bound"), lift.get("estimate")))  # fmt: skip
        if seen.get("crossed") != BENEFIT or z is None or bound is None or not z >= bound > 0:
            return "no look crossed its bound"
        if end.body.get("verdict") != SHIP or estimate is None or not estimate > 0:
            return "it did not end with ship"
        return "" if estimate == effect.get("estimate") else "its lift is not that of its look"


def _plan(row: Entry) -> Mapping[str, Any]:
    return mapping(row.body.get("plan"))
