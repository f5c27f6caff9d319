"""What is kept of a decision, how it is written, and what differs from it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent
TIMED = "latency"  # measures and checks of this name are times, and no two runs agree
KEPT = (
    *("verdict", "sentence", "repeated", "outcome", "gain", "rows_needed", "cost_of_waiting"),
    *("looks", "estimator", "lineage", "parts", "diagnostics", "corners"),
)
Facts = dict[str, dict[str, Any]]


def facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what matters of a decision, as `--json` tells it."""
    if "refused" in told:
        return dict(told)
    notes = told["notes"]
    measures = {
        side: {name: number for name, number in found.items() if not name.startswith(TIMED)}
        for side, found in told["measures"].items()
    }
    found = {
        **{name: told.get(name) for name in KEPT},
        "slices": [list(level.values()) for level in told["slices"]],
        "measures": measures,
        "metrics": notes.get("metrics"),
        "chosen": notes.get("chosen"),
        "checks": [_fact(check) for check in told["checks"]],
    }
    return {name: fact for name, fact in found.items() if fact not in (None, {}, [])}


def _fact(check: Mapping[str, Any]) -> list[Any]:
    """Return name, state, value and bound of a check, and the reason of one that failed."""
    state = {True: "ok", False: "failed", None: "not checked"}[check["passed"]]
    if check["name"].startswith(TIMED):
        return [check["name"], state, None, check["bound"]]
    if state == "failed":
        return [check["name"], state, check["value"], check["bound"], check["reason"]]
    known = (check["value"], check["bound"]) != (None, None)
    return [check["name"], state, *([check["value"], check["bound"]] if known else [])]


def recorded(name: str) -> Facts:
    """Read what was recorded."""
    return dict(json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")))


def differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """Yield each leaf that is not the same, bit for bit."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before | now:
            yield from differences(
                before.get(key, "nothing"), now.get(key, "nothing"), f"{where}/{key}"
            )
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{where}/{number}")
    elif json.dumps(before) != json.dumps(now):
        yield f"{where}: was {json.dumps(before)}, is {json.dumps(now)}"


def written(found: Facts) -> str:
    """Return facts as JSON with one line a fact, and one a check."""
    cases = []
    for case, kept in found.items():
        lines = []
        for name, fact in kept.items():
            text = _text(fact)
            if name == "checks":
                text = "[\n" + ",\n".join(map(_text, fact)) + "]"
            lines.append(f"{_text(name)}:{text}")
        cases.append(f"{_text(case)}:{{\n" + ",\n".join(lines) + "}")
    return "{\n" + ",\n".join(cases) + "\n}\n"


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
