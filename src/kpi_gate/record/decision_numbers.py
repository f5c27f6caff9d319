"""The numbers of a decision: the few that MLflow charts over runs, and all of them for a file."""

import re

from kpi_gate.decision import metric_chain
from kpi_gate.decision.paired_rows import SIDES
from kpi_gate.decision.verdict import Decision
from kpi_gate.text import finite

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_\-./ ]+")


def shown_numbers(decision: Decision) -> dict[str, float | None]:
    """Return the few numbers that a person reads and compares over runs, in one chart section."""
    gain, metrics = decision.gain, decision.notes.get("metrics", {})
    numbers: dict[str, float | None] = {"decision/checks_failed": len(decision.failed)}
    if gain is not None:
        numbers |= {
            "decision/money": decision.money,
            "decision/gain": gain.estimate,
            "decision/gain_lower": gain.lower,
            "decision/gain_upper": gain.upper,
            "decision/probability": gain.p_above_threshold,
        }
    for side, parts in decision.parts.items():
        numbers[f"decision/value_{side}"] = sum(parts.values())
    for side in SIDES:
        numbers[f"decision/auc_{side}"] = metrics.get(side, {}).get("auc")
    return numbers


def all_numbers(decision: Decision) -> dict[str, float]:
    """Flatten the decision into numbers by name, for an artifact that programs read."""
    numbers: dict[str, object] = {}
    if decision.gain is not None:
        gain = decision.gain.model_dump(exclude={"unit", "prior", "top_day"})
        numbers |= {f"gain.{name}": value for name, value in gain.items()}
        numbers["kpi.expected_over_horizon"] = decision.money
        numbers["kpi.cost_of_waiting"] = decision.cost_of_waiting
    for side, parts in decision.parts.items():
        numbers |= {f"value.{side}.{name}": value for name, value in parts.items()}
        numbers[f"value.{side}.per_decision"] = sum(parts.values())
        numbers[f"value.{side}.per_horizon"] = sum(parts.values()) * decision.horizon_decisions
    for step in metric_chain.steps(decision):
        if step.station in ("business proxy", "KPI", "money"):
            what = "" if step.station != "business proxy" else f".{step.name}"
            kind = step.station.removeprefix("business ").lower()
            for end in ("champion", "candidate", "change", "lower", "upper"):
                numbers[f"{kind}.{end}{what}"] = getattr(step, end)
    for kind, sides in (
        ("guardrail", decision.measures),
        ("ml", decision.notes.get("metrics", {})),
    ):
        for side, values in sides.items():
            numbers |= {f"{kind}.{side}.{name}": value for name, value in values.items()}
    numbers |= {f"estimator.{name}": value for name, value in decision.diagnostics.items()}
    labels = decision.notes.get("maturity", {})
    numbers["labels.known_after_days"] = labels.get("measured_days")
    numbers["labels.overdue"] = labels.get("overdue")
    numbers["checks.failed"] = len(decision.failed)
    known = {_NOT_A_NAME.sub("_", name): finite(value) for name, value in numbers.items()}
    return {name: value for name, value in known.items() if value is not None}
