"""Train/serve skew: the same decisions as they were served, and as they are described today."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.scoring import row_keys
from kpi_gate.watch.finding import Finding, Severity, data_finding
from kpi_gate.watch.health.reference import Floats

Effect = Callable[[pd.DataFrame], tuple[Floats, Floats]]
RELATIVE = 1e-9  # difference of two numbers that are the same
LEAST_SHARE = 0.01  # of the rows, for a person to see it
GONE = 0.01  # share of the decisions that may have vanished since


def check_skew(
    served: pd.DataFrame,
    offline: pd.DataFrame,
    features: Sequence[str],
    effect: Effect | None = None,
) -> list[Finding]:
    """Compare the rows as they were served with the same rows as they are offline.

    A late correction, a lagged column or another way to compute a feature shows here and nowhere
    else. Money is what the served values cost or earned beside the offline ones.

    Args:
        served: Rows as they were when the decision was taken, one a unit, item and event time.
        offline: The same rows as they are described today.
        features: Columns to compare.
        effect: Rows to (scores, expected money per decision), both of shape `(n,)`; None leaves the
            effect out.

    Raises:
        ConfigurationError: If a feature is missing on one side.
    """
    for side, rows in (("served", served), ("offline", offline)):
        missing = [name for name in features if name not in rows]
        if missing:
            raise ConfigurationError(f"{side} rows: no column {', '.join(missing)}")
    if served.empty:
        return []
    then, now, gone = _matched(served, offline)
    found = []
    if gone / len(served) > GONE:
        words = f"{gone:,} of {len(served):,} decisions that were served are not there any more"
        found.append(data_finding("vanished", "warning", words, gone / len(served), GONE))
    return [*found, *_columns(then, now, features, effect)] if len(then) else found


def _matched(served: pd.DataFrame, offline: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return the decisions that both have, in one order, and how many were served only."""
    left, right = pd.Index(row_keys(served)), pd.Index(row_keys(offline))
    first, alone = ~left.duplicated(), ~right.duplicated()
    place = right[alone].get_indexer(left[first])
    there = place >= 0
    then = served[first][there].reset_index(drop=True)
    now = offline[alone].iloc[place[there]].reset_index(drop=True)
    return then, now, int((~there).sum())


def _columns(
    then: pd.DataFrame, now: pd.DataFrame, features: Sequence[str], effect: Effect | None
) -> Iterator[Finding]:
    """Yield one finding for each column that differs, the most frequent first."""
    unlike = {name: _unlike(then[name], now[name]) for name in features}
    base = None if effect is None else effect(now)
    for name in sorted(unlike, key=lambda name: -unlike[name].mean()):
        wrong = unlike[name]
        if not wrong.any():
            continue
        share, row = float(wrong.mean()), int(np.argmax(wrong))
        words = (
            f"{name} differs in {share:.2%} of {wrong.size:,} decisions: served "
            f"{then[name].iloc[row]}, today {now[name].iloc[row]}"
        )
        if effect and base:
            scores, money = effect(now.assign(**{name: then[name]}))
            words += (
                f"; it moves the score by {np.nanmean(np.abs(scores - base[0])):.3g} and the "
                f"expected money by {np.nanmean(money - base[1]):+.4g} per decision"
            )
        severity: Severity = "warning" if share >= LEAST_SHARE else "note"
        yield data_finding("skew", severity, words, share, LEAST_SHARE, name)


def _unlike(then: pd.Series, now: pd.Series) -> NDArray[np.bool_]:
    """Tell where two columns differ; nothing known equals nothing known."""
    holes = then.isna().to_numpy(bool), now.isna().to_numpy(bool)
    if all(pd.api.types.is_numeric_dtype(side.dtype) for side in (then, now)):
        before, after = (side.to_numpy(dtype=float, na_value=np.nan) for side in (then, now))
        same = np.isclose(before, after, rtol=RELATIVE, atol=0, equal_nan=True)
    else:
        same = (then.astype(str) == now.astype(str)).to_numpy(bool)
        same = np.where(holes[0] | holes[1], holes[0] == holes[1], same)
    return ~np.asarray(same, dtype=np.bool_)
