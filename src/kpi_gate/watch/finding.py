"""One thing that monitoring found, in words that a person can act on."""

from functools import partial
from typing import Literal

from kpi_gate.decision.frozen import Frozen

Layer = Literal["health", "value", "drift"]
Severity = Literal["severe", "warning", "note"]
About = Literal["data", "model", "labels"]


class Finding(Frozen):
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

    layer: Layer
    check: str
    severity: Severity
    about: About
    column: str = ""
    sentence: str
    value: float | None = None
    bound: float | None = None


def finding(  # noqa: PLR0917  (each layer fixes the first ones)
    layer: Layer,
    about: About,
    check: str,
    severity: Severity,
    sentence: str,
    value: float | None = None,
    bound: float | None = None,
    column: str = "",
) -> Finding:
    """Return a finding; each layer fixes the first arguments."""
    return Finding(
        layer=layer,
        check=check,
        severity=severity,
        about=about,
        column=column,
        sentence=sentence,
        value=value,
        bound=bound,
    )


data_finding = partial(finding, "health", "data")
model_finding = partial(finding, "health", "model")
label_finding = partial(finding, "health", "labels")


def severe_from(least: float, found: float) -> Severity:
    """Return `severe` from a share on, else `warning`."""
    return "severe" if found >= least else "warning"
