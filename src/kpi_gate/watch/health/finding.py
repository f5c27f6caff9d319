"""Findings of the health layer, about a day's rows, about the model, or about the labels."""

from functools import partial

from kpi_gate.watch.finding import About, Finding, Severity


def health_finding(
    about: About,
    check: str,
    severity: Severity,
    sentence: str,
    value: float | None = None,
    bound: float | None = None,
    column: str = "",
) -> Finding:
    """Return a finding of the health layer."""
    return Finding(
        layer="health",
        check=check,
        severity=severity,
        about=about,
        column=column,
        sentence=sentence,
        value=value,
        bound=bound,
    )


data_finding = partial(health_finding, "data")
model_finding = partial(health_finding, "model")
