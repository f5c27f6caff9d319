"""Ask a model what it must answer: golden rows, changes that must not matter, directions."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from kpi_gate.decision.watch_settings import Direction
from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.usecase.contract import UseCase
from kpi_gate.watch.finding import Finding, model_finding
from kpi_gate.watch.health.reference import Floats

Score = Callable[[pd.DataFrame], Floats]  # probabilities, shape `(n,)`
Act = Callable[[Floats, pd.DataFrame], Floats]
SAME = 1e-9  # greatest difference of two scores that are the same
SAMPLE = 500  # rows that behaviour is tested on
EXTRA = "kpi_gate_extra"


def check_golden(score: Score, golden: pd.DataFrame, act: Act | None = None) -> list[Finding]:
    """Score the golden rows again and compare with what was recorded at promotion.

    Args:
        score: Rows to probabilities, shape `(n,)`, by the model as it is loaded now.
        golden: The rows with `golden_probability` and `golden_action`.
        act: (scores, rows) to actions; None compares the scores alone.
    """
    if golden.empty or "golden_probability" not in golden:
        return [model_finding("golden", "severe", "there are no golden rows with their scores")]
    rows = golden.drop(columns=["golden_probability", "golden_action"], errors="ignore")
    try:
        scored = score(rows)
    except ScoringError as error:
        return [model_finding("golden", "severe", f"the golden rows cannot be scored: {error}")]
    found = list(_unlike("golden", scored, golden["golden_probability"].to_numpy(float), "score"))
    if act is not None and "golden_action" in golden:
        recorded = golden["golden_action"].to_numpy(float)
        found += _unlike("golden", act(scored, rows), recorded, "action")
    return found


def _unlike(check: str, now: Floats, before: Floats, what: str) -> Iterator[Finding]:
    """Yield a finding where two answers differ; NaN equals nothing but NaN."""
    if now.shape != before.shape:
        words = f"{what} has shape {now.shape}, must be {before.shape}"
        yield model_finding(check, "severe", words)
        return
    wrong = ~np.isclose(now, before, rtol=0, atol=SAME, equal_nan=True)
    if wrong.any():
        row = int(np.argmax(wrong))
        apart = np.abs(now - before)[wrong]
        far = float(apart[np.isfinite(apart)].max(initial=0)) or None
        words = (
            f"{wrong.sum():,} of {wrong.size:,} rows have another {what}, such as {now[row]:.6g} "
            f"in place of {before[row]:.6g}; at most {SAME:g} apart is allowed"
        )
        yield model_finding(check, "severe", words, far, SAME)


def check_behaviour(score: Score, rows: pd.DataFrame, use_case: UseCase) -> list[Finding]:
    """Change rows in ways that must not matter, and in ways whose direction the YAML declares.

    Of the rows 500 at most are used, drawn by the model's seed.

    Raises:
        ConfigurationError: If the YAML names a column that the rows have not, or that is no number.
    """
    monitor, seed = use_case.settings.monitor, int(use_case.settings.model["seed"])
    asked = [("invariant", name) for name in monitor.invariant]
    asked += [("directions", direction.column) for direction in monitor.directions]
    for key, name in asked:
        if name not in rows:
            known = ", ".join(rows)
            raise ConfigurationError(f"monitor.{key}: column == {name!r}, must be one of {known}")
    if rows.empty:
        return []
    sample = rows.sample(min(SAMPLE, len(rows)), random_state=seed).reset_index(drop=True)
    try:
        usual = score(sample)
        unread = [] if "unit" in use_case.feature_names or "unit" not in rows else ["unit"]
        found = list(_invariance(score, sample, usual, [*monitor.invariant, *unread], seed))
        for direction in monitor.directions:
            found += _direction(score, sample, usual, direction)
    except ScoringError as error:
        words = f"rows that it scored before cannot be scored: {error}"
        return [model_finding("scores", "severe", words)]
    return found


def _invariance(
    score: Score, rows: pd.DataFrame, usual: Floats, columns: Sequence[str], seed: int
) -> Iterator[Finding]:
    """Yield what the score hangs on, and must not."""
    order = np.random.default_rng(seed).permutation(len(rows))
    half = len(rows) // 2
    answers = {
        "column_order": score(rows[rows.columns[::-1]]),
        "extra_column": score(rows.assign(**{EXTRA: order.astype(float)})),
        "row_order": score(rows.iloc[order].reset_index(drop=True))[np.argsort(order)],
        "other_rows": np.concatenate([score(rows[:half]), score(rows[half:])]) if half else usual,
    }
    for check, answer in answers.items():
        yield from _unlike(check, answer, usual, "score")
    for name in dict.fromkeys(columns):
        changed = rows.assign(**{name: rows[name].to_numpy()[order]})
        for finding in _unlike("invariant", score(changed), usual, "score"):
            words = f"with {name} shuffled between rows, {finding.sentence}"
            yield finding.model_copy(update={"column": name, "sentence": words})


def _direction(
    score: Score, rows: pd.DataFrame, usual: Floats, asked: Direction
) -> Iterator[Finding]:
    """Yield a finding where too many rows move against the declared direction."""
    name, kind = asked.column, rows[asked.column].dtype
    if not pd.api.types.is_numeric_dtype(kind):
        words = f"monitor.directions: column == {name!r} is {kind}, must be a number"
        raise ConfigurationError(words)
    given = rows[name].astype(float)
    moved = given * asked.times if asked.times is not None else given + asked.add
    answer = score(rows.assign(**{name: moved}))
    step = answer - usual if asked.score == "up" else usual - answer
    changed = (given.notna() & (moved != given)).to_numpy()
    if not changed.any():
        return
    along = float((step[changed] >= -SAME).mean())
    if along < asked.at_least:
        against = "fall" if asked.score == "up" else "rise"
        change = f"times {asked.times:g}" if asked.times is not None else f"plus {asked.add:g}"
        row = int(np.flatnonzero(changed)[np.argmin(step[changed])])
        words = (
            f"with {name} {change} the score must go {asked.score}: it does not {against} "
            f"in {along:.1%} of {changed.sum():,} rows, at least {asked.at_least:.1%} are needed; "
            f"one goes from {usual[row]:.4g} to {answer[row]:.4g}"
        )
        yield model_finding("direction", "severe", words, along, asked.at_least, name)
