"""Whether the parts of a use case go together: settings, value, choices, columns."""

from collections.abc import Iterable, Iterator, Mapping

from kpi_gate.decision.evidence import SCORE
from kpi_gate.decision.stats.calibration import BUILT_IN
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.logged_choices import Choices
from kpi_gate.usecase.column_times import ColumnTimes
from kpi_gate.usecase.settings import UNLINKED, Settings

# the further roles that an estimator rests on, and what goes with it
ROLES_OF: Mapping[str, tuple[str, ...]] = {
    "paired": (),
    "ratio": (),
    "ips": ("propensity",),
    "snips": ("propensity",),
    "selective": ("observed", "propensity"),
    "bounded": ("observed",),
}
LOGGED = ("ips", "snips")


def faults(
    settings: Settings,
    value: ValueModel,
    choices: Choices | None,
    times: ColumnTimes,
    measures: Iterable[str],
    *,
    learns: bool,
) -> Iterator[str]:
    """Yield what does not go together.

    Args:
        settings: The YAML.
        value: What an action is worth.
        choices: What could have been chosen, where choices were logged.
        times: When each column is known.
        measures: Names of the owner's own measures.
        learns: Whether a second model learns amounts.
    """
    yield from _wrong_amounts(settings, times, learns=learns and choices is not None)
    yield from _wrong_exceptions(settings, times)
    yield from _wrong_served(settings, times)
    yield from _unmeasured(settings, measures)
    yield from _wrong_parameters(settings, value)
    yield from _wrong_estimator(settings, value, choices)


def _unmeasured(settings: Settings, measures: Iterable[str]) -> Iterator[str]:
    known = sorted((*BUILT_IN, *measures))
    for rail in settings.guardrails:
        if rail.measure is not None and rail.measure not in known:
            yield f"guardrails: measure == {rail.measure!r}, must be one of {', '.join(known)}"


def _wrong_parameters(settings: Settings, model: ValueModel) -> Iterator[str]:
    given = settings.value
    if model.parameters:
        for name in model.parameters.keys() - given.keys():
            yield f"value: {name} is missing; {model.name} needs {', '.join(model.parameters)}"
        for name in given.keys() - model.parameters.keys():
            yield f"value: {name} is not of {model.name}: {', '.join(model.parameters)}"
    for name, parameter in given.items():
        if parameter == UNLINKED and name not in model.money_weight:
            yield f"value.{name} == {UNLINKED!r}, must be a number: the policy acts by it"


def _wrong_estimator(
    settings: Settings, value: ValueModel, choices: Choices | None
) -> Iterator[str]:
    kind = settings.estimator.kind
    if kind not in ROLES_OF:
        yield (
            f"estimator.kind == {kind!r}, must be one of {', '.join(ROLES_OF)}; the others "
            "need a model of rewards and are for `kpi-gate judge`"
        )
    if (kind == "ratio") != (value.base is not None):
        yield (
            f"estimator.kind == {kind!r}: kind `ratio` goes with a value model that has a "
            f"`base`, and {value.name} has {'none' if value.base is None else 'one'}"
        )
    policy = settings.policy.kind
    if (kind in LOGGED) != (choices is not None) or (kind in LOGGED) != (policy == "choice"):
        yield (
            f"estimator.kind == {kind!r}, policy.kind == {policy!r}, choices "
            f"{'missing' if choices is None else 'given'}: {' or '.join(LOGGED)}, policy "
            "`choice` and `choices` go together"
        )


def _wrong_exceptions(settings: Settings, times: ColumnTimes) -> Iterator[str]:
    for name in settings.validation.leak_exceptions:
        if name != SCORE and name not in times.at_decision:
            yield (
                f"validation.leak_exceptions: {name!r} is no column known at the decision, "
                f"nor {SCORE!r}"
            )


def _wrong_served(settings: Settings, times: ColumnTimes) -> Iterator[str]:
    serving = settings.serving
    cap = serving.exploration.cap
    named = dict.fromkeys(serving.log.values, "serving.log.values")
    named |= {cap.column: "serving.exploration.cap.column"} if cap is not None else {}
    for name, key in named.items():
        if name not in times.at_decision:
            yield (
                f"{key}: {name!r} is no column known at the decision: "
                f"{', '.join(times.read_to_decide)}"
            )


def _wrong_amounts(settings: Settings, times: ColumnTimes, *, learns: bool) -> Iterator[str]:
    late = ", ".join(times.late_amounts)
    if late and settings.estimator.kind == "bounded":
        yield (
            f"estimator.kind == 'bounded': {late} comes with the outcome, so there is no bound "
            "to what a hidden outcome is worth"
        )
    if learns:
        yield (
            "amount_estimator: of logged choices it would have to foresee every choice; "
            f"declare expected={{{late}: COLUMN}} instead"
        )
