"""The JSON schema of a use case's YAML: editors complete and check by it."""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

from kpi_gate.usecase.settings import Settings


def json_schema() -> dict[str, Any]:
    """Return the schema; what a field means is what the docstring of its section says of it."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Settings.model_json_schema(),
        "title": "Use case of KPI Gate",
    }
    for section in (schema, *schema["$defs"].values()):
        words = cleandoc(section.get("description", ""))
        head, _, told = words.partition("\n\nAttributes:\n")
        section["description"] = " ".join(head.split())
        for name, meaning in attributes(told):
            section["properties"].get(name, {})["description"] = meaning
    del schema["properties"]["unguarded"]  # of a bare table alone
    schema["$defs"]["Objective"]["required"].append("switch_cost")
    return schema


def attributes(text: str) -> Iterator[tuple[str, str]]:
    """Yield each attribute that a docstring explains, and its explanation."""
    for found in re.finditer(r"(?ms)^ {4}(\w+): (.*?)(?=^ {4}\w|\Z)", text):
        yield found[1], " ".join(found[2].split())
