"""Two models, or whatever else acts, compared in money on the same rows."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import BASELINE, Contender, Evidence, Lineage, Window, utc
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import SIDES, PairedRows, differences
from kpi_gate.decision.verdict import Decision
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.claims import PastGiven, read_past
from kpi_gate.evaluation.gate_settings import GuardrailsGiven, ObjectiveGiven, gate_settings
from kpi_gate.evaluation.given_rows import GivenRows, SlicesGiven, read_rows
from kpi_gate.evaluation.given_side import Acting, GivenSide, PolicyGiven, read_side
from kpi_gate.evaluation.given_value import ParametersGiven, ValueGiven, Worth, read_value
from kpi_gate.evaluation.side_measures import measures, notes, require_measurable
from kpi_gate.files.wording import shorten
from kpi_gate.learning.scoring import groups_of

Floats = NDArray[np.float64]
DAY_US = 86_400_000_000


def compare(  # noqa: PLR0913  (what two models are compared by)
    champion: Any,
    candidate: Any,
    X: Any,  # noqa: N803  (as scikit-learn calls it)
    y: Any,
    *,
    value: ValueGiven,
    parameters: ParametersGiven | None = None,
    unit: Any,
    event_time: Any = None,
    objective: ObjectiveGiven,
    policy: PolicyGiven = None,
    guardrails: GuardrailsGiven = (),
    slices: SlicesGiven = (),
    trained_until: datetime | str | Mapping[str, datetime | str] | None = None,
    past: PastGiven = (),
) -> Decision:
    """Compare two sides in money per decision on rows that neither was trained on.

    A side is a fitted classifier with `predict_proba` (pipelines on named columns too), a function
    rows -> actions, an action for each row, or None, which never acts.

    Args:
        champion: What is in use.
        candidate: What may replace it.
        X: Inputs, a decision a row: a frame of pandas or polars, or an array.
        y: Outcomes: 0 and 1, truth values, or yes and no.
        value: A `ValueModel`, or a function (action, outcome, rows, parameters) to money a row, or
            to named parts of it.
        parameters: Numbers that `value` reads; `Parameter(low, base, high)` where one is not known
            exactly: neither end may turn what is booked into a loss that matters.
        unit: Customer, member or card of each row, or the column of `X` that says so.
        event_time: When each decision was due, or the column of `X`. Without it, what days have in
            common is not checked.
        objective: What a gain must reach: an `Objective`, its fields, or the path of a YAML file.
        policy: From scores to actions. None acts where acting is expected to be worth more than
            not acting; a number where the score is above it; `{kind: expected_value, ...}` within
            a budget; a function (scores, rows) -> actions.
        guardrails: What must not worsen.
        slices: Levels by name that guardrails look at and that are no column of `X`.
        trained_until: End of the rows that the models were trained on, of both or by side. Without
            it, whether the rows are new to them is not checked.
        past: (gain, standard error) of every candidate measured before.

    Raises:
        ConfigurationError: If what is given is wrong; the message names field, value and bound.

    Examples:
        >>> import numpy as np
        >>> from sklearn.linear_model import LogisticRegression
        >>> X = np.random.default_rng(7).normal(size=(4_000, 3))
        >>> y = (X @ [2, 1, 0] + np.sin(np.arange(4_000)) > 1).astype(int)
        >>> old = LogisticRegression().fit(X[:500, :1], y[:500])
        >>> new = LogisticRegression().fit(X[:2_000], y[:2_000])
        >>> compare(
        ...     lambda rows: old.predict(rows[:, :1]),
        ...     new,
        ...     X[2_000:],
        ...     y[2_000:],
        ...     value=lambda call, sold, rows, p: call * (10 * sold - p["call"]),
        ...     parameters={"call": 4},
        ...     unit=np.arange(2_000),
        ...     objective={"unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.05},
        ... ).verdict
        <Verdict.PROMOTE: 'PROMOTE'>
    """
    settings = gate_settings(objective, guardrails)
    sliced = require_measurable(settings)
    rows = read_rows(X, y, unit, event_time, slices, sliced)
    worth = read_value(value, parameters, rows.inputs)
    acting = Acting(policy, worth.model, worth.columns, worth.base, partial(_groups, rows))
    champion, candidate = (
        read_side(name, given, rows.inputs, acting)
        for name, given in zip(SIDES, (champion, candidate), strict=True)
    )
    evidence = _evidence(champion, candidate, rows, worth, settings)
    if trained_until is not None:
        lineage = _lineage(rows, (champion, candidate), trained_until)
        evidence = replace(evidence, lineage=lineage)
    return decide(evidence, settings, read_past(past))


def _groups(rows: GivenRows, settings: Any) -> NDArray[np.int64] | None:
    """Number the groups within which a policy's budget holds."""
    table = rows.inputs if isinstance(rows.inputs, pd.DataFrame) else pd.DataFrame()
    if rows.moment is not None:
        table = table.assign(event_time=rows.moment)
    missing = [n for n in settings.within if n not in table and (n != "day" or rows.moment is None)]
    if missing:
        raise ConfigurationError(f"policy.within: {missing[0]!r} is no column of X")
    return groups_of(table, settings.within)


def _evidence(
    champion: GivenSide, candidate: GivenSide, rows: GivenRows, worth: Worth, settings: GateSettings
) -> Evidence:
    """Return what both sides' actions were worth, and what else there is to say of them."""

    def change(outcome: Floats, parameters: Mapping[str, float]) -> Floats:
        values = (worth.of(side.action, outcome, parameters) for side in (champion, candidate))
        return differences((next(values), next(values)), None)

    ends = [change(np.full(rows.size, outcome), worth.base) for outcome in (0.0, 1.0)]
    uncapped = worth.model.uncapped(worth.base)
    day = None if rows.time is None else rows.time // DAY_US
    paired = PairedRows(
        unit=rows.unit,
        day=day,
        champion=worth.of(champion.action, rows.outcome),
        candidate=worth.of(candidate.action, rows.outcome),
        slices=rows.slices,
        time=rows.time,
        actions=(champion.action, candidate.action),
        exposure=np.maximum(-np.minimum(*ends), 0.0),
    )
    return Evidence(
        rows=paired,
        measures=measures(champion, candidate, rows, settings),
        parts={side.name: worth.parts(side.action, rows.outcome) for side in (champion, candidate)},
        corners={
            name: (
                change(rows.outcome, {**worth.base, name: low}),
                change(rows.outcome, {**worth.base, name: high}),
            )
            for name, (low, high) in worth.ranges.items()
        },
        ranges=tuple(worth.ranges),
        uncapped_gain=float(change(rows.outcome, uncapped).mean())
        if worth.model.amount_cap
        else None,
        notes=notes(champion, candidate, rows),
    )


def _lineage(rows: GivenRows, sides: tuple[GivenSide, GivenSide], trained_until: Any) -> Lineage:
    """Say what both sides had seen of the rows.

    Raises:
        ConfigurationError: If a moment is missing or cannot be read, or the rows have no dates.
    """
    if rows.moment is None:
        raise ConfigurationError("trained_until needs event_time: when each decision was due")
    if not isinstance(trained_until, Mapping):
        trained_until = dict.fromkeys(SIDES, trained_until)
    first, last = (rows.moment.agg(how).to_pydatetime() for how in ("min", "max"))
    window = Window(start=first, end=last + timedelta(microseconds=1))
    moments = rows.moment.astype(np.int64).to_numpy()
    content = b"".join(map(np.ndarray.tobytes, (rows.unit, rows.outcome, moments)))
    snapshot = hashlib.sha256(content).hexdigest()[:32]
    champion, candidate = (_contender(side, trained_until) for side in sides)
    return Lineage(
        use_case="comparison",
        as_of=window.end,  # it could not be made before
        snapshot=snapshot,
        snapshot_rows=rows.size,
        scored_snapshot=snapshot,
        window=window,
        shortest_window_days=0,
        row_fingerprint=None,
        shared_rows=None,
        matured=None,
        champion=champion,
        candidate=candidate,
    )


def _contender(side: GivenSide, trained_until: Mapping[str, Any]) -> Contender:
    """Return a side with the last moment that it had seen."""
    if side.is_nothing:
        return Contender(name=BASELINE, digest="")
    if side.name not in trained_until:
        given = shorten(dict(trained_until))
        raise ConfigurationError(f"trained_until: {side.name} is missing in {given}")
    given = trained_until[side.name]
    try:
        moment = utc(pd.Timestamp(given).to_pydatetime())
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"trained_until of the {side.name} is {shorten(given)}, must be a moment: {error}"
        ) from None
    return Contender(name=side.name, digest="", trained_until=moment)
