"""What a model of settings finds wrong in a file, in words."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.wording import LONGEST, shorten
from kpi_gate.files.yaml_file import Document

Model = TypeVar("Model", bound=BaseModel)
MOST_LINES = 10
_MESSAGES = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    "too_short": "at least 1 item is needed",
    **dict.fromkeys(("float_parsing", "float_type"), "must be a number"),
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    **dict.fromkeys(("tuple_type", "list_type"), "must be a list, such as [a, b]"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type"), "must hold keys with values"),
    "string_type": "must be a text",
}
EXAMPLES = {
    "objective.unit": "EUR (currency of every value)",
    "objective.horizon_decisions": "100000 (decisions over the horizon)",
    "objective.switch_cost": "0 (cost of one promotion, in the unit)",
    "value": "`value: {cost: 5.0}` (each parameter of the value model)",
    "window.label_delay_days": "30 (days until the outcome is known)",
}
_TEXT = ("string_type", "literal_error")
_NUMBERS = ("float_parsing", "int_parsing", "float_type", "int_type")
_FOLLOWS = "default_factory_not_called"  # from another fault, which is told
_UNLISTED = "unguarded"  # of a bare table alone: `guardrails: []` says it
_WITH_UNIT = re.compile(r"\s*([-+]?[0-9]+(?:\.[0-9]+)?)\s*[^\W\d][\w ]*")


def checked(
    model: type[Model], content: object, place: Document | str, tags: Sequence[str] = ()
) -> Model:
    """Return a model of what was given.

    Args:
        model: The model.
        content: Its fields, or a model itself.
        place: The document that they stand in, or what messages call it.
        tags: As of `explain`.

    Raises:
        ConfigurationError: If a field is missing, unknown or out of its range.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        document = place if isinstance(place, Document) else None
        told = "; ".join(explain(error, model, document, tags))
        raise ConfigurationError(f"{document.name if document else place}: {told}") from None


def explain(
    error: ValidationError,
    model: type[BaseModel],
    document: Document | None = None,
    tags: Sequence[str] = (),
) -> list[str]:
    """Return one line for each fault: the key, what is wrong, and the value given.

    Args:
        error: What pydantic found.
        model: The model that does not fit; its keys are told where one is misspelt.
        document: Where the values stand, for the line; None where they come from elsewhere.
        tags: Names of the kinds that a value could have been, which pydantic writes into its place.
    """
    faults = error.errors(include_url=False)
    # a wrong item is no missing item
    holders = {fault["loc"][:end] for fault in faults for end in range(len(fault["loc"]))}
    shorts = [one for one in faults if one["type"] == "too_short" and one["loc"] in holders]
    told = [one for one in faults if one["type"] != _FOLLOWS and one not in shorts]
    lines, advised = [], {""}
    for fault in told[:MOST_LINES]:
        line, advice = _line(fault, model, document, tags)
        lines.append(line if advice in advised else f"{line}; {advice}")
        advised.add(advice)
    more = len(told) - len(lines)
    return [*lines, f"and {more} faults more"] if more else lines


def _line(
    fault: Mapping[str, Any],
    model: type[BaseModel],
    document: Document | None,
    tags: Sequence[str],
) -> tuple[str, str]:
    """Return what is wrong, and what to write instead."""
    kind, given = fault["type"], fault.get("input")
    place = [part for part in fault["loc"] if part not in tags]
    key = ".".join(shorten(str(part), quoted=False) for part in place) or "file"
    message = _MESSAGES.get(kind, fault["msg"]).removeprefix("Value error, ")
    message = shorten(re.sub("^Input should", "must", message), quoted=False)
    number, text = document.find(place) if document else (0, "")
    head = f"line {number}: {key}" if number else key
    if kind == "missing":
        return f"{head}: {message}{_needed(key)}", ""
    shown = "" if isinstance(given, dict) else f" (given: {_shown(given, text)})"
    known = _keys(model, place[:-1]) if kind == "extra_forbidden" else []
    advice = _guess(str(place[-1]), known) if known else _advice(kind, given, text)
    return f"{head}: {message}{shown}", advice


def _shown(given: Any, text: str) -> str:
    """Return what was given; where YAML made something else of a word, the word."""
    return shorten(text, quoted=False) if text and not isinstance(given, str) else shorten(given)


def _needed(key: str) -> str:
    """Say what to write where a key or a whole section is missing."""
    if key in EXAMPLES:
        return f", such as {EXAMPLES[key]}"
    inside = [name for name in EXAMPLES if name.startswith(f"{key}.")]
    told = ", and ".join(f"{name}, such as {EXAMPLES[name]}" for name in inside)
    return f": {told}" if told else ""


def _guess(key: str, known: Sequence[str]) -> str:
    near = get_close_matches(key[:LONGEST], known, n=1)
    return f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(known)}"


def _keys(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Return the keys that a section may have, wherever lists and names lie between."""
    sections = [model]
    for part in place:
        fields = [one.model_fields[part] for one in sections if part in one.model_fields]
        sections = [one for field in fields for one in _models(field.annotation)] or sections
    return [name for one in sections for name in one.model_fields if name != _UNLISTED]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for inner in get_args(annotation) for one in _models(inner)]


def _advice(kind: str, given: Any, text: str) -> str:
    """Say what to write instead, where YAML or a habit of writing is the cause."""
    if text and not isinstance(given, str) and kind in _TEXT:
        return f"where it is a text, write it in quotes: '{shorten(text, quoted=False)}'"
    if given is None and kind in _TEXT:
        return "it is empty: write a text"
    if isinstance(given, str) and kind in _NUMBERS and "," in given:
        return "write a point, not a comma, and nothing between thousands"
    alone = _WITH_UNIT.fullmatch(given) if isinstance(given, str) and kind in _NUMBERS else None
    return f"write the number alone: {alone[1]}" if alone else ""
