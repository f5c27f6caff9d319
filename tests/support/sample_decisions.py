"""Decisions of every kind, and a reader of pages, for the tests of what people read."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np

from kpi_gate.decision.evidence import Contender, Evidence, Lineage, Window
from kpi_gate.decision.gate import decide, refuse
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.verdict import Check, SliceGain, Verdict

HOSTILE = "</td><script>alert(1)</script>|[x](javascript:alert(2))\n\x1b[31m'\"&"
VOID = ("meta", "br", "hr", "img", "input", "link")


def gate(**objective):
    money = {"kpi": "profit", "unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.02}
    return GateSettings.model_validate(
        {
            "objective": {**money, "switch_cost": 150, "resamples": 1_000, **objective},
            "guardrails": [
                {"measure": "contact_rate", "at_most": 0.95},
                {"slice": "region", "may_lose": 0.5, "min_events": 50},
            ],
        }
    )


def origin(champion="1", shared_rows=0):
    def day(month):
        return datetime(2024, month, 1, tzinfo=UTC)

    trained = None if champion == "baseline" else day(4)
    return Lineage(
        use_case="toy",
        as_of=day(9),
        snapshot="f" * 32,
        snapshot_rows=9_000,
        scored_snapshot="f" * 32,
        window=Window(start=day(6), end=day(8)),
        shortest_window_days=28,
        row_fingerprint="rows",
        shared_rows=shared_rows,
        matured=1.0,
        champion=Contender(name=champion, digest="c" * 16, trained_until=trained),
        candidate=Contender(name="candidate", digest="d" * 16, trained_until=day(5)),
    )


NOTES = {
    "title": "Toy: whom to call",
    "baseline_name": "call everyone",
    "metrics": {"candidate": {"auc": 0.81, "brier": 0.1}, "champion": {"auc": 0.79, "brier": None}},
    "calibration": {"candidate": [[0.1, 0.12, 50], [0.6, 0.55, 50]], "champion": [[0.2, 0.3, 100]]},
    "variants": [{"name": "all rows", "rows": 9_000, "value": 1.2, "auc": 0.8, "brier": None}],
    "chosen": "all rows",
    "limits": ["Only people who were called are in the data."],
}
PARTS = {
    "candidate": {"margin": 1.5, "contact_cost": -0.4},
    "champion": {"margin": 1.1, "contact_cost": -0.5},
}


def measured(gain=0.5, rows=1_500, rate=0.4, lineage=None, notes=None):
    generator = np.random.default_rng(1)
    difference = generator.normal(0, 2, rows)
    difference += gain - (difference.mean() if rows else 0.0)
    return Evidence(
        rows=PairedRows(
            unit=np.arange(rows),
            day=np.arange(rows) % 40,
            champion=np.zeros(rows),
            candidate=difference,
            slices={"region": np.array(["north", "south"], dtype=object)[np.arange(rows) % 2]},
        ),
        measures={side: {"contact_rate": rate} for side in ("candidate", "champion", "anchor")},
        lineage=lineage,
        parts=PARTS if notes else {},
        corners={
            "contact_cost_eur": (difference - 0.1, difference + 0.1),
            "rate": (difference - 0.2, difference + 0.4),
        }
        if notes
        else {},
        uncapped_gain=gain * 1.1 if notes else None,
        notes=notes or {},
    )


FULL = {"lineage": origin(), "notes": NOTES}
DECISIONS = {
    "promote": decide(measured(**FULL), gate()),
    "promote bare": decide(measured(), gate()),
    "promote on approval": decide(measured(**FULL), gate(approval="required")),
    "first model": decide(measured(lineage=origin("baseline"), notes=NOTES), gate()),
    "hold": decide(measured(0.05, **FULL), gate()),
    "hold bare": decide(measured(0.05), gate()),
    "reject": decide(measured(-0.4, **FULL), gate()),
    "reject by guardrail": decide(measured(rate=0.99, **FULL), gate()),
    "insufficient": decide(measured(rows=12, **FULL), gate()),
    "one unit": decide(measured(rows=1), gate()),
    "experiment": decide(measured(**FULL), gate(kpi_link="required")),
    "invalid": decide(measured(lineage=origin(shared_rows=3), notes=NOTES), gate()),
    "no rows": decide(measured(rows=0, **FULL), gate()),
    "refused": refuse("the file is not there", gate(), check="file", subject="toy", notes=NOTES),
}
VERDICTS = {
    "promote": Verdict.PROMOTE,
    "hold": Verdict.HOLD,
    "reject": Verdict.REJECT,
    "insufficient": Verdict.INSUFFICIENT_EVIDENCE,
    "experiment": Verdict.AB_REQUIRED,
    "invalid": Verdict.INVALID,
}


class Balance(HTMLParser):
    """Fails on a tag that is closed without being open, and collects what a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.tags = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def read(html):
    return flat(" ".join(Balance(html).words))


def flat(text):
    return " ".join(text.split())


def hostile():
    """A decision in which every text comes from somebody who means harm."""
    notes = {
        "title": HOSTILE,
        "baseline_name": HOSTILE,
        "metrics": {"candidate": {HOSTILE: 0.5}, "champion": {}},
        "variants": [{"name": HOSTILE}],
        "chosen": HOSTILE,
        "limits": [HOSTILE],
    }
    lineage = origin("baseline").model_copy(update={"use_case": HOSTILE, "snapshot": HOSTILE})
    gain = SliceGain(
        column=HOSTILE, level=HOSTILE, rows=1, events=1, estimate=0.1, lower=None, tested=False
    )
    check = Check(name=HOSTILE, rule="V4", passed=False, reason=HOSTILE, failing=Verdict.REJECT)
    return DECISIONS["promote"].model_copy(
        update={
            "verdict": Verdict.REJECT,
            "decision_id": HOSTILE,
            "kpi": HOSTILE,
            "unit": HOSTILE,
            "horizon": HOSTILE,
            "checks": (check, check.model_copy(update={"passed": True})),
            "slices": (gain,),
            "parts": {"candidate": {HOSTILE: 1.0}, "champion": {}},
            "corners": {HOSTILE: (0.1, 0.2)},
            "notes": notes,
            "lineage": lineage,
        }
    )
