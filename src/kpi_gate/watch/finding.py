"""One thing that monitoring found, in words that a person can act on."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Layer = Literal["health", "value", "drift"]
Severity = Literal["severe", "warning", "note"]
About = Literal["data", "model", "labels"]


class Finding(BaseModel):
    """One thing that monitoring found.

    Attributes:
        layer: Which of the three looked: health, value or drift.
        check: Name of the check, as a person greps for it, such as `units`.
        severity: `severe` stops promotion, and quarantines a day or rolls back; `warning` is for a
            person to see; `note` only explains.
        about: What is at fault: the data of a day, the model, or the labels.
        column: Column that it is about; empty where it is about all of them.
        sentence: What was found, with its value, its bound and an example.
        value: What was measured; None where that is no number.
        bound: What it must not exceed, or fall below; None where there is no such number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: Layer
    check: str
    severity: Severity
    about: About
    column: str = ""
    sentence: str
    value: float | None = None
    bound: float | None = None
