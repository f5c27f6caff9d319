"""How everything is shown: pages from `templates/`, charts, sentences, tables for the terminal.

May import every result; results know nothing of it and are shown through `kpi_gate.render`.
"""

from importlib import import_module

_PAGES = {
    "Audit": "kpi_gate.report.audit_page",
    "Analysis": "kpi_gate.report.experiment_page",
    "Decision": "kpi_gate.report.decision_text",
    "LinkReport": "kpi_gate.report.link_page",
    "Watched": "kpi_gate.report.monitor_page",
    "Holdback": "kpi_gate.report.holdback_page",
    "Rollout": "kpi_gate.report.rollout_page",
    "SelfTest": "kpi_gate.report.selftest_page",
    "ValidationReport": "kpi_gate.report.validation_page",
}


def load_page(kind: type) -> None:
    """Import the module that shows values of a type: it registers itself with `render`."""
    for name in (parent.__name__ for parent in kind.__mro__):
        if name in _PAGES:
            import_module(_PAGES[name])
