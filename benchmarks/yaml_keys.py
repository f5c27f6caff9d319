"""Every key of a use case's YAML as tables, from the JSON schema that editors read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kpi_gate.decision.frozen import Frozen
from kpi_gate.usecase.schema import json_schema

FROM_OTHERS = "see meaning"

# units by the ending of a key, and of those that have none; a test holds that every number has one
ENDINGS = {
    "_days": "days",
    "_minutes": "minutes",
    "_rows": "rows",
    "_decisions": "decisions",
    "_units": "units",
    "_events": "decisions that differ",
    "_share": "share, 0 to 1",
    "confidence": "probability",
    "_cost": "money",
    "_effect": "money a decision",
    "margin": "money a decision",
    "seed": "none",
}
AS_MEASURE = ("at_most", "at_least", "may_rise_by", "may_fall_by", "budget")
UNITS = {
    **{f"Guardrail.{key}": "that of the measure" for key in AS_MEASURE},
    "Guardrail.may_lose": "money a decision",
    "Guardrail.levels": "share, 0 to 1",
    **{f"Range.{key}": "that of the parameter" for key in ("low", "base", "high")},
    **{f"Band.{key}": "share, 0 to 1" for key in ("low", "high")},
    **{f"RowCount.{key}": "share of the rows before" for key in ("may_shrink_by", "may_grow_by")},
    "Canary.steps": "share of the units, 0 to 1",
    "CanaryGuards.failure_rate_may_rise_by": "share of the units, 0 to 1",
    "CanaryGuards.action_rate_may_move_by": "share of the units, 0 to 1",
    "CanaryGuards.advantage_may_fall_by": "share of its range, 0 to 1",
    "CanaryGuards.score_may_move_by": "share of the units, 0 to 1",
    "Cap.most": "that of the column",
    "Direction.times": "factor",
    "Direction.add": "that of the column",
    "Direction.at_least": "share, 0 to 1",
    "ExperimentMargin.margin": "that of the column, a decision",
    "ExperimentSettings.looks": "looks",
    "ExperimentSettings.power": "probability",
    "EstimatorSettings.switch_above": "weight, no unit",
    "LinkPrior.slope": "online money for each of offline money",
    "LinkPrior.standard_deviation": "that of the slope",
    "Objective.kpi_target": "money a decision",
    "Objective.min_loss_events": "units that lose",
    "Objective.max_tail_skew": "skewness, no unit",
    "Objective.resamples": "replicates",
    "PolicySettings.explore": "share, 0 to 1",
    "PolicySettings.most": "rows of a group",
    "PolicySettings.temperature": "share of the row's best money",
    "Exploration.action": "none",
    "Exploration.share": "share, 0 to 1",
    "Holdout.share": "share, 0 to 1",
    "ServingSettings.keep_versions": "versions",
    "Settings.value": "that of the parameter",
    "Validation.positive": "none",
    "WindowSettings.refit_may_change": "share, 0 to 1",
    "WindowSettings.refit_may_lose": "share, 0 to 1",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; what would end a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    cells = (
        [" ".join(re.sub(r"(?<!\\)\|", r"\\|", cell).split()) for cell in line] for line in lines
    )
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def sections() -> list[str]:
    """Return every section as a heading, what it is, and a table of its keys."""
    schema = json_schema()
    parts = [f"## The whole file\n\n{_keys('Settings', schema)}"]
    paths = dict(_paths(schema, schema))
    for name, section in sorted(schema["$defs"].items(), key=lambda item: paths[item[0]]):
        words = f"{section['description']}\n\n{_keys(name, section)}"
        parts.append(f"## {name}\n\nIn `{paths[name]}`. {words}")
    return parts


def _paths(section: Mapping[str, Any], schema: Mapping[str, Any], above: str = "") -> Iterator[Any]:
    """Yield the name of every section with the keys that lead to it."""
    for key, found in section["properties"].items():
        for name in re.findall(r"#/\$defs/(\w+)", repr(found)):
            yield name, f"{above}{key}"
            yield from _paths(schema["$defs"][name], schema, f"{above}{key}.")


def _keys(name: str, section: Mapping[str, Any]) -> str:
    needed = section.get("required", ())
    rows = [
        (
            f"`{key}`",
            kind_of(found),
            "needed" if key in needed else default_of(name, key, found),
            unit_of(name, key, found),
            range_of(found),
            found.get("description", ""),
        )
        for key, found in section["properties"].items()
    ]
    return table(("key", "type", "default", "unit", "allowed", "meaning"), rows)


def kind_of(found: Mapping[str, Any]) -> str:
    """Return the type of a key in words."""
    if "$ref" in found:
        name = found["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in found:
        return " or ".join(f"`{word}`" for word in found["enum"])
    if "const" in found:
        return f"`{found['const']}`"
    for several in ("anyOf", "oneOf"):
        if several in found:
            return " or ".join(dict.fromkeys(kind_of(one) for one in found[several]))
    inner = found.get("items") or found.get("additionalProperties")
    words = {
        "array": "list",
        "object": "mapping",
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "yes or no",
        "null": "null",
    }
    word = words[found["type"]] if "type" in found else "anything"
    return f"{word} of {kind_of(inner)}" if isinstance(inner, dict) else word


def default_of(section: str, key: str, found: Mapping[str, Any]) -> str:
    """Return what a key is where it is left out."""
    if "$ref" in found:
        return "as below"
    default = found["default"] if "default" in found else _made(section, key)
    if isinstance(default, bool):
        return "yes" if default else "no"
    if default in (None, [], {}, ""):
        return "none"
    return f"`{default}`" if default != FROM_OTHERS else FROM_OTHERS


def _made(section: str, key: str) -> Any:
    """Return a default that is made when it is asked for, unless it follows from other keys."""
    field = _sections(Frozen)[section].model_fields[key]
    if field.default_factory is None or field.default_factory_takes_validated_data:
        return FROM_OTHERS
    return field.get_default(call_default_factory=True)


def _sections(above: type[Frozen]) -> dict[str, type[Frozen]]:
    found: dict[str, type[Frozen]] = {}
    for one in above.__subclasses__():
        found |= {one.__name__: one, **_sections(one)}
    return found


def unit_of(section: str, key: str, found: Mapping[str, Any]) -> str:
    """Return the unit of a number; empty where the key holds none, `?` where nobody says."""
    if not is_number(found):
        return ""
    named = UNITS.get(f"{section}.{key}")
    return named or next((unit for end, unit in ENDINGS.items() if key.endswith(end)), "?")


def is_number(found: Mapping[str, Any]) -> bool:
    """Say whether a key holds a number, or several."""
    inner = [found, *found.get("anyOf", ()), *found.get("oneOf", ())]
    inner += [one for one in (found.get("items"), found.get("additionalProperties")) if one]
    return any(
        isinstance(one, dict) and (one.get("type") in ("integer", "number") or "oneOf" in one)
        for one in inner
    )


def range_of(found: Mapping[str, Any]) -> str:
    """Return the bounds of a key in words."""
    signs = {
        "minimum": ">=",
        "exclusiveMinimum": ">",
        "maximum": "<=",
        "exclusiveMaximum": "<",
        "minLength": "letters >=",
        "maxLength": "letters <=",
        "minItems": "items >=",
        "pattern": "as",
    }
    each = [found, *found.get("anyOf", ()), found.get("items") or {}]
    words = [
        f"{sign} `{one[key]:g}`" if isinstance(one[key], float) else f"{sign} `{one[key]}`"
        for one in each
        for key, sign in signs.items()
        if key in one
    ]
    return ", ".join(words)
