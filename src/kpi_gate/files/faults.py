"""What a model of settings finds wrong in a file, in words."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.wording import shorten
from kpi_gate.files.yaml_file import Document

Model = TypeVar("Model", bound=BaseModel)
MOST_LINES = 10
_MESSAGES = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    "too_short": "at least 1 item is needed",
}
_TEXT = ("string_type", "literal_error")
_NUMBERS = ("float_parsing", "int_parsing", "float_type", "int_type")


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
        told = "; ".join(explain(error, document, tags))
        raise ConfigurationError(f"{document.name if document else place}: {told}") from None


def explain(
    error: ValidationError, document: Document | None = None, tags: Sequence[str] = ()
) -> list[str]:
    """Return one line for each fault: the key, what is wrong, and the value given.

    Args:
        error: What pydantic found.
        document: Where the values stand, for the line; None where they come from elsewhere.
        tags: Names of the kinds that a value could have been, which pydantic writes into its place.
    """
    faults = error.errors(include_url=False)
    # a wrong item is no missing item
    holders = {fault["loc"][:end] for fault in faults for end in range(len(fault["loc"]))}
    told = [one for one in faults if one["type"] != "too_short" or one["loc"] not in holders]
    lines = [_line(fault, document, tags) for fault in told[:MOST_LINES]]
    more = len(told) - len(lines)
    return [*lines, f"and {more} faults more"] if more else lines


def _line(fault: Mapping[str, Any], document: Document | None, tags: Sequence[str]) -> str:
    place = [part for part in fault["loc"] if part not in tags]
    key = ".".join(shorten(str(part), quoted=False) for part in place) or "file"
    message = _MESSAGES.get(fault["type"], fault["msg"]).removeprefix("Value error, ")
    message = shorten(message, quoted=False)
    number, text = document.find(place) if document else (0, "")
    head = f"line {number}: {key}" if number else key
    given = fault.get("input")
    if isinstance(given, dict) or fault["type"] == "missing":
        return f"{head}: {message}"
    advice = _advice(fault["type"], given, text)
    return f"{head}: {message} (given: {shorten(text, quoted=False) or shorten(given)}){advice}"


def _advice(kind: str, given: Any, text: str) -> str:
    """Say what to write instead, where YAML or a habit of writing is the cause."""
    if text and not isinstance(given, str) and kind in _TEXT:
        return f"; where it is a text, write it in quotes: '{shorten(text, quoted=False)}'"
    if given is None and kind in _TEXT:
        return "; it is empty: write a text"
    if isinstance(given, str) and kind in _NUMBERS and "," in given:
        return "; write a point, not a comma, and nothing between thousands"
    return ""
