"""Numbers of a whole model that guardrails watch."""

from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BINS = 10  # of a calibration, with equal numbers of rows
FEWEST_ROWS = 30  # of a group: the rate of fewer is noise
LARGEST_MEASURE = 1e300  # below it the difference of two is finite
TIMINGS = ("latency_ms", "latency_ratio")  # never the same twice
# compare two models, so they say nothing while the champion is the baseline
NEEDS_CHAMPION = ("changed_decisions", "latency_ratio")
# of the model itself: the rule of thumb has no scores, no size and takes no time
OF_A_MODEL = ("calibration_error", "latency_ms", "model_size_mb", "missing_input_loss")
BUILT_IN = {  # what they are, with their unit
    "action_rate": "share of the decisions that act",
    "action_rate_gap": "largest difference of that share between levels of the column `by`",
    "calibration_error": "how far probabilities lie from what happened, mean over ten bins, 0 to 1",
    "changed_decisions": "share of the decisions that differ from the champion's",
    "latency_ms": "milliseconds to score one batch",
    "latency_ratio": "latency over the champion's, timed in turns on the same rows",
    "missing_input_loss": "money a decision that is lost when a tenth of every input is missing",
    "model_size_mb": "megabytes of the stored model",
}


def is_finite(value: object) -> TypeGuard[float]:
    """Say whether a measure is there and is a finite number."""
    number = value.item() if isinstance(value, np.integer | np.floating) else value
    return isinstance(number, int | float) and -LARGEST_MEASURE <= number <= LARGEST_MEASURE


def calibration_bins(probability: ArrayLike, outcome: ArrayLike) -> list[tuple[float, float, int]]:
    """Return (mean probability, mean outcome, rows) of bins with equal numbers of rows."""
    p, y = np.asarray(probability, dtype=float), np.asarray(outcome, dtype=float)
    order = np.argsort(p, kind="stable")
    groups = [group for group in np.array_split(order, min(BINS, max(p.size, 1))) if group.size]
    return [(float(p[g].mean()), float(y[g].mean()), int(g.size)) for g in groups]


def calibration_error(probability: ArrayLike, outcome: ArrayLike) -> float:
    """Return the expected calibration error over ten equal-count bins (Naeini et al. 2015)."""
    bins = calibration_bins(probability, outcome)
    total = sum(rows for _, _, rows in bins)
    return sum(abs(p - y) * rows for p, y, rows in bins) / total if total else float("nan")


def action_rate(action: ArrayLike) -> float:
    """Return the share of rows on which the policy acts."""
    return float((np.asarray(action, dtype=float) != 0).mean())


def action_rate_gap(action: ArrayLike, group: ArrayLike) -> float:
    """Return the largest difference of the action rate between groups of at least 30 rows.

    Demographic parity difference.
    """
    acts, groups = np.asarray(action, dtype=float) != 0, np.asarray(group)
    masks = [groups == level for level in np.unique(groups)]
    rates = [float(acts[mask].mean()) for mask in masks if mask.sum() >= FEWEST_ROWS]
    return max(rates) - min(rates) if rates else float("nan")
