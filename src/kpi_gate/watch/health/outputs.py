"""Scores and actions of a day beside those of good days: what a broken model gives away."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from kpi_gate.decision.watch_settings import Band
from kpi_gate.watch.finding import Finding, model_finding, severe_from
from kpi_gate.watch.health.columns import count_numbers
from kpi_gate.watch.health.reference import (
    FALSE_ALARMS_A_DAY,
    LEAST_DAYS,
    Floats,
    GoodDays,
    compare_level,
)

ALARM = FALSE_ALARMS_A_DAY / 30  # bins, mean and rate: each may be a false alarm
FEW_ROWS = 10  # on which equal scores are no surprise
COLLAPSED = 0.2  # of the usual number of distinct scores
LEAST_DISTINCT = 10  # a policy by rules has few scores on every day
GROSS = 0.5  # share of the scores that moved
LEAST_MEAN, LEAST_RATE = 0.05, 0.20  # least moves, as shares of what is usual
SMALL_RATE = 0.005  # least move of the share of decisions that act
BY_CHANCE = 1e-4  # of a rate outside its declared band


def check_outputs(
    probability: Floats,
    action: Floats,
    usual: Sequence[tuple[Floats, float]],
    band: Band | None,
    weekdays: Sequence[int] = (),
) -> list[Finding]:
    """Return what is wrong with a day's scores and actions.

    Scores that are no probabilities, all alike, or classes, are severe about the model; a moved
    distribution is a warning unless half of it moved: the rows may have changed, not the model.

    Args:
        probability: Scores of the day, shape `(n,)`.
        action: Actions of the day, shape `(n,)`: 1 where it acts, or the chance of it.
        usual: Of each good day, oldest first, the scores by the same model and the share of the
            decisions that act.
        band: Declared band of the share of decisions that act; None learns it from the good days.
        weekdays: Weekday (0 Monday) of each good day and, last, of the day itself; without it days
            are not told apart.

    Raises:
        ValueError: If lengths do not go together.
    """
    if probability.shape != action.shape or probability.ndim != 1:
        shapes = f"probability {probability.shape}, action {action.shape}"
        raise ValueError(f"{shapes}: both must have shape (n,)")
    if len(weekdays) not in (0, len(usual) + 1):
        raise ValueError(f"{len(usual)} good days, {len(weekdays)} weekdays; must be one more or 0")
    if probability.size == 0:
        return []
    scores = [day[np.isfinite(day)] for day, _ in usual]
    weekday = np.array(weekdays[:-1] or [0] * len(usual), dtype=np.int64)
    good = GoodDays(weekday, weekdays[-1] if weekdays else 0)
    broken = [*_not_probabilities(probability), *_alike(probability, scores)]
    found = [*broken, *_rate(action, np.array([rate for _, rate in usual]), band, good)]
    if broken or sum(day.size > 0 for day in scores) < LEAST_DAYS:
        return found
    return [*found, *_moved(probability, scores, good)]


def _not_probabilities(score: Floats) -> Iterator[Finding]:
    rows, finite = score.size, np.isfinite(score)
    if not finite.all():
        share = float((~finite).mean())
        wrong = score[~finite]
        words = f"{wrong.size:,} of {rows:,} scores are not finite, such as {wrong[0]}"
        yield model_finding("not_finite", "severe", words, share, 0.0)
    known = score[finite]
    outside = known[(known < 0) | (known > 1)]
    if outside.size:
        far = outside[np.argmax(np.abs(outside))]
        words = f"{outside.size:,} of {rows:,} scores are outside [0, 1], such as {far:g}"
        yield model_finding("outside", "severe", words, outside.size / rows, 0.0)


def _alike(score: Floats, usual: Sequence[Floats]) -> Iterator[Finding]:
    """Yield scores that are all one, classes, or far fewer distinct ones than is usual."""
    distinct = np.unique(score[np.isfinite(score)])
    if score.size < FEW_ROWS or distinct.size == 0:
        return
    numbers = [np.unique(day).size for day in usual if day.size]
    least = min(
        (n * min(1.0, score.size / day.size) for n, day in zip(numbers, usual, strict=False)),
        default=LEAST_DISTINCT,
    )
    known = f"; at least {least:,.0f} distinct ones are usual" if numbers else ""
    if least < LEAST_DISTINCT:
        return
    count, bound, rows = distinct.size, COLLAPSED * least, f"{score.size:,} scores"
    if count == 1:
        words = f"all {rows} are {distinct[0]:g}{known}"
        yield model_finding("constant", "severe", words, 1.0, bound)
    elif np.isin(distinct, (0.0, 1.0)).all():
        words = f"all {rows} are 0 or 1: classes, no probabilities{known}"
        yield model_finding("classes", "severe", words, float(count), bound)
    elif count < bound:
        words = f"{rows} have {count} distinct values, such as {distinct[0]:g}{known}"
        yield model_finding("collapsed", "severe", words, float(count), bound)


def _rate(action: Floats, usual: Floats, band: Band | None, good: GoodDays) -> Iterator[Finding]:
    """Yield a share of decisions that act outside its declared band, or far from its usual."""
    found, rows = float(action.mean()), action.size
    if not np.isfinite(found):
        words = f"{np.isnan(action).sum():,} of {rows:,} actions are not finite"
        yield model_finding("decision_rate", "severe", words, float(np.isnan(action).mean()), 0.0)
        return
    if band is not None:
        edge = min(max(found, band.low), band.high)
        if edge != found and _surprise(found, edge, rows) < BY_CHANCE:
            words = (
                f"{found:.2%} of {rows:,} decisions act; {band.low:.2%} to {band.high:.2%} is its "
                "band in the YAML"
            )
            yield model_finding("decision_rate", "severe", words, found, edge)
        return
    if usual.size < LEAST_DAYS or not np.isfinite(usual).all():
        return
    level = compare_level(good, usual, found, ALARM)
    level = level.widened(max(SMALL_RATE, LEAST_RATE * level.usual))
    by_chance = _surprise(found, float(np.clip(level.usual, 0, 1)), rows)
    if level.is_surprise and by_chance < BY_CHANCE:
        words = (
            f"{found:.2%} of {rows:,} decisions act; {level.usual:.2%} is usual, and "
            f"{max(level.low, 0):.2%} to {level.high:.2%} no surprise"
        )
        yield model_finding("decision_rate", "warning", words, found, level.bound)


def _surprise(found: float, usual: float, rows: int) -> float:
    """Return the one-sided binomial chance of a share as far from `usual`."""
    count = round(found * rows)
    above = found > usual
    tail = stats.binom.sf(count - 1, rows, usual) if above else stats.binom.cdf(count, rows, usual)
    return float(tail)


def _moved(score: Floats, usual: Sequence[Floats], good: GoodDays) -> Iterator[Finding]:
    """Yield one finding where the scores' distribution, or their mean, is not the usual one."""
    day = np.repeat(np.arange(len(usual)), [scores.size for scores in usual])
    column = count_numbers("score", good, day, np.concatenate(usual), score, ALARM)
    if column is not None and column.wrong.any():
        words = (
            f"{column.distance:.0%} of the scores moved: their median is "
            f"{np.median(column.found):.3g}, {np.median(column.usual):.3g} is usual"
        )
        severity = severe_from(GROSS, column.distance)
        yield model_finding("score_shift", severity, words, column.distance, GROSS)
        return
    there = np.array([scores.size > 0 for scores in usual])
    means = np.array([scores.mean() for scores in usual if scores.size])
    level = compare_level(good.of(there), means, float(score.mean()), ALARM)
    level = level.widened(LEAST_MEAN * level.usual)
    noise = float(np.concatenate(usual).std() / np.sqrt(score.size))
    if level.is_surprise and abs(level.found - level.usual) > 4 * noise:
        words = (
            f"the mean score is {level.found:.4g}; {level.usual:.4g} is usual, and "
            f"{level.low:.4g} to {level.high:.4g} no surprise"
        )
        yield model_finding("score_mean", "warning", words, level.found, level.bound)
