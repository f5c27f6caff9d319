"""What every use case must keep, check by check: faults in words, found on its own rows.

A project's tests run them through `kpi_gate.pipeline.pytest_plugin`.
"""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.decision.evidence import KNOWS
from kpi_gate.evaluation.metrics import slice_columns
from kpi_gate.evaluation.rehearsal import rehearse
from kpi_gate.evaluation.valuation import per_decision, row_values
from kpi_gate.evaluation.views import at_decision, once_over, rule_of_thumb
from kpi_gate.learning.leakage import knowledge
from kpi_gate.learning.scoring import row_keys
from kpi_gate.pipeline.contract_case import FITTED, Case, Floats, NotTestedError
from kpi_gate.pipeline.loading import known_rows, plain_rows
from kpi_gate.run.candidate import acts, with_its_amounts
from kpi_gate.usecase.consistency import ROLES_OF
from kpi_gate.usecase.contract import ROLES

_NEAR = 1e-9  # sums of money may differ by so much of themselves


def it_says_what_its_money_is(case: Case) -> Iterator[str]:
    """Check unit, currency, limits, and each value parameter's unit, range and source."""
    use_case, objective = case.use_case, case.use_case.settings.objective
    if use_case.value.money_weight and objective.kpi_link != "required":
        yield f"kpi_link == {objective.kpi_link!r}, must be 'required': experiments must weigh it"
    if not use_case.value.money_weight and not re.fullmatch("[A-Z]{3}", objective.unit):
        yield f"objective.unit == {objective.unit!r}, must be a currency of three capitals"
    for name in ("title", "baseline_name", "limits"):
        if not getattr(use_case, name):
            yield f"{name} says nothing"
    for name, parameter in use_case.value.parameters.items():
        if not (parameter.unit and parameter.source):
            yield f"value parameter {name} has no unit or no source"
        if not parameter.low <= parameter.base <= parameter.high:
            yield f"value parameter {name}: base {parameter.base} is not between low and high"


def rows_have_their_columns(case: Case) -> Iterator[str]:
    """Check that every column is there, and that roles are of the right kind."""
    rows, needed = case.rows, ROLES_OF[case.use_case.settings.estimator.kind]
    missing = sorted({*case.use_case.columns, *ROLES} - {*rows.columns})
    if missing or rows.empty:
        yield f"the rows lack {', '.join(missing)}" if missing else "there is no row"
        return
    for role in ("event_time", "label_time"):
        if str(getattr(rows[role].dtype, "tz", None)) != "UTC":
            yield f"{role} is no moment in UTC: {rows[role].dtype}"
    if rows["unit"].isna().any():
        yield "a unit is missing"
    outcomes = sorted(rows["outcome"].dropna().unique())
    if outcomes != [0.0, 1.0]:
        yield f"outcomes are {outcomes[:5]}, must be both 0 and 1"
    if "propensity" in needed and not rows["propensity"].between(0, 1, inclusive="right").all():
        yield "a propensity is not above 0 and at most 1"
    if "observed" in needed:
        hidden = rows.loc[~rows["observed"].astype(bool), ["outcome", "label_time"]]
        if hidden.notna().any(axis=None):
            yield "a row that is not observed has an outcome"


def nothing_is_known_before_its_time(case: Case) -> Iterator[str]:
    """Check that outcomes come after their decision, and that `load` keeps to its moment."""
    if (case.known["label_time"] < case.known["event_time"]).any():
        yield "an outcome is known before its decision was due"
    as_of, then = case.known_at(0.3)
    if (then["event_time"] >= as_of).any():
        yield f"load() gives rows at or after {as_of}"
    if len(then) != int((case.rows["event_time"] < as_of).sum()):
        yield f"as of {as_of} there are other rows than today's rows before it"
    before = case.rows["event_time"].min().to_pydatetime() - timedelta(days=400)
    if len(known_rows(case.use_case, case.folder, before)):
        yield "there are rows before the first one"


def what_was_known_at_the_decision_stays(case: Case) -> Iterator[str]:
    """Check that no column of the decision is made of later rows, or of outcomes."""
    as_of = case.rows["event_time"].quantile(0.5).to_pydatetime()
    early = plain_rows(case.use_case, case.use_case.load(case.folder, as_of))
    early = early[early["event_time"] < as_of].reset_index(drop=True)
    late = case.rows[case.rows["event_time"] < as_of].reset_index(drop=True)
    keys = [pd.Series(row_keys(some)) for some in (early, late)]
    order = [key.sort_values(kind="stable").index for key in keys]
    if not np.array_equal(*(key[at] for key, at in zip(keys, order, strict=True))):
        yield f"as of {as_of} there were other decisions than today's before it"
        return
    for name in at_decision(case.use_case, case.rows).columns:
        then, today = (some[name].take(at) for some, at in zip((early, late), order, strict=True))
        same = then.astype(object).to_numpy() == today.astype(object).to_numpy()
        if not (same | (then.isna().to_numpy() & today.isna().to_numpy())).all():
            yield f"{name} of old rows is another once later rows are there"


def what_comes_with_the_outcome_decides_nothing(case: Case) -> Iterator[str]:
    """Check that scores, actions, rule of thumb and slices stay where outcomes are others."""
    use_case = case.use_case

    def decided(rows: pd.DataFrame) -> dict[str, Any]:
        view = at_decision(use_case, rows)
        return {
            "the score": case.model.predict_proba(view[use_case.feature_names]),
            "the action": acts(case.model, rows, use_case),
            "the baseline": rule_of_thumb(use_case, rows),
            **{f"slice {name}": view[name].astype(str) for name in slice_columns(use_case)},
        }

    rows = case.known.tail(100 if use_case.choices is not None else 2_000).reset_index(drop=True)
    late = [name for name in rows if name not in use_case.times.at_decision]
    turned = rows.assign(**{name: rows[name].to_numpy()[::-1] for name in late})
    after = decided(turned)
    for what, before in decided(rows).items():
        if not np.array_equal(before, after[what]):
            yield f"{what} changes with what is known only with the outcome: {', '.join(late)}"


def no_column_is_the_outcome(case: Case) -> Iterator[str]:
    """Check that nothing read at the decision ranks the outcomes nearly without error."""
    found = knowledge(case.known, list(case.use_case.times.read_to_decide), FITTED) or {}
    for name, area in found.items():
        accepted = name in case.use_case.settings.validation.leak_exceptions
        if not area < KNOWS and not accepted:
            yield f"{name} ranks the outcomes with AUC {area:.3f}: it is known only afterwards"


def loading_twice_gives_the_same(case: Case) -> Iterator[str]:
    """Check that `load` reads nothing that changes by itself."""
    _, once = case.known_at(0.3)
    _, again = case.known_at(0.3)
    if not once.equals(again):
        yield "load() gives other rows on a second call for the same moment"


def the_oracle_earns_most(case: Case) -> Iterator[str]:
    """Check that nobody earns more than who knows the outcomes, row by row and in all."""
    use_case, acting, resting = case.use_case, case.worth(1), case.worth(0)
    oracle, random = case.worth(acting > resting), np.random.default_rng(7)
    others = {
        "acting": acting,
        "not acting": resting,
        "acting by chance": case.worth(random.random(acting.size) < 0.5),
    }
    for what, other in others.items():
        if not (oracle >= other).all():
            yield f"on some row {what} is worth more than the better of acting and not acting"
    if not oracle.sum() > resting.sum():
        yield "acting is never worth more than not acting"
    if use_case.choices is not None:
        return  # of a logged choice only one outcome is known: there is no oracle of a row
    parameters = use_case.settings.base_values()
    rivals = {
        "acting everywhere": np.ones(len(case.known)),
        use_case.baseline_name: rule_of_thumb(use_case, case.known),
    }

    def earned(action: Floats) -> float:
        values = row_values(use_case, case.known, action, parameters)
        return per_decision(use_case, case.known, action, values, parameters)

    best = earned((acting > resting).astype(float))
    for what, action in rivals.items():
        if not best > earned(action):
            yield f"per decision {what} earns as much as who knows the outcomes"


def value_grows_with_every_error_avoided(case: Case) -> Iterator[str]:
    """Check that the more decisions are right, the more they are worth."""
    right = case.worth(1) > case.worth(0)
    order, totals = np.random.default_rng(7).permutation(right.size), []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        corrected = np.zeros(right.size, dtype=bool)
        corrected[order[: int(share * right.size)]] = True
        totals.append(float(case.worth(np.where(corrected, right, ~right)).sum()))
    if totals != sorted(totals) or not totals[0] < totals[-1]:
        yield f"with 0, 25, 50, 75 and 100 % of the decisions right the value is {totals}"


def value_is_the_sum_of_its_parts(case: Case) -> Iterator[str]:
    """Check that the value is finite and adds up, and that the policy expects what it gives."""
    value, parameters = case.use_case.value, case.use_case.settings.base_values()
    for action in (0.0, 1.0):
        actions = np.full(len(case.known), action)
        parts = value.breakdown(actions, case.outcome, case.known, parameters)
        worth = case.worth(action)
        if not np.isfinite(worth).all():
            yield f"the value of action {action:g} is not finite on every row"
        if not np.allclose(worth, np.sum([*parts.values()], axis=0), rtol=_NEAR, atol=_NEAR):
            yield f"the parts of action {action:g} do not add up to its value"
    nothing = np.zeros(len(case.known))
    expected = value.expected(nothing, case.outcome, case.known, parameters)
    if not np.allclose(case.worth(0), expected, rtol=_NEAR, atol=_NEAR):
        yield "not acting is worth something else than the policy expects of it"


def the_baseline_decides_every_row(case: Case) -> Iterator[str]:
    """Check that what is done without a model is an action for every row, also for none."""
    action = rule_of_thumb(case.use_case, case.rows)
    if action.shape != (len(case.rows),) or not ((action >= 0) & (action <= 1)).all():
        yield "the baseline has not one action from 0 to 1 for every row"
    if rule_of_thumb(case.use_case, case.rows[:0]).shape != (0,):
        yield "the baseline of no rows is not empty"


def the_model_scores_and_is_kept(case: Case) -> Iterator[str]:
    """Check that the estimator scores every row, and can be stored, loaded and asked again."""
    some = case.known.tail(FITTED)
    scores = case.model.predict_proba(some[case.use_case.feature_names])
    if scores.shape != (len(some), 2) or not np.isfinite(scores).all():
        yield f"predict_proba gives shape {scores.shape}, must be {(len(some), 2)}, all finite"
    rehearse(case.use_case, case.known, partial(with_its_amounts, use_case=case.use_case))


def its_own_numbers_are_numbers(case: Case) -> Iterator[str]:
    """Check the use case's own measures and proxies."""
    action = rule_of_thumb(case.use_case, case.known)
    over = once_over(case.use_case, case.known)
    for name, measure in case.use_case.measures.items():
        if not np.isfinite(measure(action, over)):
            yield f"measure {name} is not finite"
    for name, proxy in case.use_case.proxies.items():
        counts = np.asarray(proxy(action, case.outcome, over), dtype=float)
        if counts.shape != (len(case.known),) or not np.isfinite(counts).all():
            yield f"proxy {name} has not one finite number for every row"


def choices_are_those_of_the_log(case: Case) -> Iterator[str]:
    """Check that what could have been chosen is what was logged, and is told again alike."""
    choices = case.use_case.choices
    if choices is None:
        raise NotTestedError("nothing is chosen among")
    some = at_decision(case.use_case, case.rows).head(1_000)
    if not (choices.logged(case.rows) >= 0).all():
        yield f"a logged {choices.column} is none of the levels"
        return
    for level in choices.levels[:3]:
        told = choices.as_if(some, level)
        if not (told[choices.column] == level).all() or not told.index.equals(some.index):
            yield f"rows told as if {level} had been chosen say something else"
    first = some.head(1)
    again = choices.as_if(first, choices.levels[choices.logged(first)[0]])
    for column in {*case.use_case.feature_names, *case.use_case.value.columns} & {*some}:
        if again[column].iloc[0] != first[column].iloc[0]:
            yield f"{column} is another when the logged choice is told again"


CHECKS: tuple[Callable[[Case], Iterator[str]], ...] = (
    it_says_what_its_money_is,
    rows_have_their_columns,
    nothing_is_known_before_its_time,
    what_was_known_at_the_decision_stays,
    what_comes_with_the_outcome_decides_nothing,
    no_column_is_the_outcome,
    loading_twice_gives_the_same,
    the_oracle_earns_most,
    value_grows_with_every_error_avoided,
    value_is_the_sum_of_its_parts,
    the_baseline_decides_every_row,
    the_model_scores_and_is_kept,
    its_own_numbers_are_numbers,
    choices_are_those_of_the_log,
)
