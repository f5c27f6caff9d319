"""Retrain on a schedule; promote a model only when its offline gain is worth money.

In a notebook: `judge` a table of values, or `compare` two models; `plan_experiment`, and `analyse`
its log. For a pipeline: `UseCase` and what it is made of. Nothing is imported before it is asked
for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kpi_gate.decision.objective import Guardrail, Objective
    from kpi_gate.decision.value.model import Parameter, ValueModel
    from kpi_gate.decision.verdict import Decision, Verdict
    from kpi_gate.evaluation.compare import compare
    from kpi_gate.evaluation.judge import judge
    from kpi_gate.experiment.analysis import analyse
    from kpi_gate.experiment.plan import Margin, Metric, Plan
    from kpi_gate.experiment.planning import plan_experiment
    from kpi_gate.usecase.contract import Feature, UseCase
    from kpi_gate.usecase.discovery import load as load_usecase

__version__ = "0.1.0"
__all__ = [
    "Decision",
    "Feature",
    "Guardrail",
    "Margin",
    "Metric",
    "Objective",
    "Parameter",
    "Plan",
    "UseCase",
    "ValueModel",
    "Verdict",
    "__version__",
    "analyse",
    "compare",
    "judge",
    "load_usecase",
    "plan_experiment",
]
_HOMES = {
    "Decision": "kpi_gate.decision.verdict",
    "Feature": "kpi_gate.usecase.contract",
    "Guardrail": "kpi_gate.decision.objective",
    "Margin": "kpi_gate.experiment.plan",
    "Metric": "kpi_gate.experiment.plan",
    "Objective": "kpi_gate.decision.objective",
    "Parameter": "kpi_gate.decision.value.model",
    "Plan": "kpi_gate.experiment.plan",
    "UseCase": "kpi_gate.usecase.contract",
    "ValueModel": "kpi_gate.decision.value.model",
    "Verdict": "kpi_gate.decision.verdict",
    "analyse": "kpi_gate.experiment.analysis",
    "compare": "kpi_gate.evaluation.compare",
    "judge": "kpi_gate.evaluation.judge",
    "load_usecase": "kpi_gate.usecase.discovery",
    "plan_experiment": "kpi_gate.experiment.planning",
}
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name.removesuffix("_usecase"))
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
