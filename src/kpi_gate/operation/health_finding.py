"""Findings of the health layer, about a day's rows or about the model."""

from kpi_gate.operation.finding import Finding, Severity


def data_finding(
    check: str,
    severity: Severity,
    sentence: str,
    value: float | None = None,
    bound: float | None = None,
    column: str = "",
) -> Finding:
    """Return a finding about a day's rows."""
    return Finding(
        layer="health",
        check=check,
        severity=severity,
        about="data",
        column=column,
        sentence=sentence,
        value=value,
        bound=bound,
    )


def model_finding(
    check: str,
    severity: Severity,
    sentence: str,
    value: float | None = None,
    bound: float | None = None,
    column: str = "",
) -> Finding:
    """Return a finding about the model."""
    found = data_finding(check, severity, sentence, value, bound, column)
    return found.model_copy(update={"about": "model"})
