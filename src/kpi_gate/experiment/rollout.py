"""Longitudinal evidence where nobody drew lots: difference-in-differences of a staggered rollout.

Units that got the treatment early are compared with those that have not got it yet, cohort by
cohort (stacked: Cengiz et al. 2019), so that no unit that was treated before stands for one that
was not (Goodman-Bacon 2021). Standard errors are clustered by unit.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from kpi_gate.decision.frozen import Frozen
from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.fixed_effects import fit_levels
from kpi_gate.render import render

COLUMNS = ("unit", "period", "value", "treated_from")
REACH = 6  # periods before and after the treatment that are told one by one
FEW = 10  # units; of fewer no clustered error is to be trusted
PLAIN = "not an experiment: everything else that changed in that time is in it"


class Period(Frozen):
    """The effect so many periods after the treatment began.

    Attributes:
        after: Periods since it began; below 0 it is before, and any effect is a difference in
            trends. The last one before is what all are compared with.
        estimate: Effect per decision.
        lower: Lower end of the two-sided 95 % interval; None where there are too few units for one.
        upper: Upper end.
    """

    after: int
    estimate: float
    lower: float | None
    upper: float | None


class Rollout(Frozen):
    """What a staggered rollout shows.

    Attributes:
        unit: Currency of the value.
        estimate: Effect per decision, of the treated since they are.
        standard_error: Clustered by unit; None where there are too few units for one.
        lower: Lower end of the two-sided 95 % interval.
        upper: Upper end.
        units: Units compared.
        treated: Units among them that got the treatment while others had not.
        cohorts: Moments at which some got it.
        periods: The effect by time since the treatment.
        pre_trend: P-value of no difference before the treatment; None with fewer than two periods.
        before_after: What the treated earned more after than before: (estimate, lower, upper).
        horizon_decisions: Decisions over the horizon; None where nobody says.
        warnings: What must be known of it.
    """

    unit: str
    estimate: float
    standard_error: float | None
    lower: float | None
    upper: float | None
    units: int
    treated: int
    cohorts: int
    periods: tuple[Period, ...]
    pre_trend: float | None
    before_after: tuple[float, float | None, float | None]
    horizon_decisions: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it shows, in one sentence."""
        return render(self, "sentence")

    def to_html(self) -> str:
        """Render it as one self-contained HTML page."""
        return render(self, "html")


def difference_in_differences(
    panel: pd.DataFrame, *, unit: str, horizon_decisions: int | None = None
) -> Rollout:
    """Compare units that got a treatment with those that have not got it yet.

    Args:
        panel: One row a unit and period: `unit`, `period` (a number or a date, equally spaced),
            `value` (money per decision), `treated_from` (first period with the treatment; null
            where never) and, where rows do not count alike, `decisions`.
        unit: Currency of the value.
        horizon_decisions: Decisions over which the effect is told in money.

    Raises:
        ConfigurationError: If a column is missing or wrong, or nobody is left to compare with; or
            if statsmodels, the extra `longitudinal`, is not installed.
    """
    rows = _checked(panel)
    stack, cohorts = _stacked(rows)
    treated = (stack["after"] >= 0) & stack["ours"]
    main = fit_levels(stack, ("unit", "time"), treated.to_numpy(dtype=np.float64)[:, None])
    estimate, lower, upper = main.told(0)
    periods, pre_trend = _event_study(stack)
    names = rows["unit"].nunique(), stack.loc[stack["ours"], "unit"].nunique()
    return Rollout(
        unit=unit,
        estimate=estimate,
        standard_error=main.error(0),
        lower=lower,
        upper=upper,
        units=names[0],
        treated=names[1],
        cohorts=cohorts,
        periods=periods,
        pre_trend=pre_trend,
        before_after=_before_after(rows),
        horizon_decisions=horizon_decisions,
        warnings=tuple(_warnings(names, pre_trend)),
    )


def _warnings(units: tuple[int, int], pre_trend: float | None) -> Iterator[str]:
    whole, treated = units
    if min(treated, whole - treated) < FEW:
        yield (
            f"{treated} of {whole} units were treated while others were not: with fewer than {FEW} "
            "of either kind the interval is not to be trusted"
        )
    if pre_trend is None:
        yield "there are too few periods before the treatment to see whether trends were alike"
    elif pre_trend < 0.05:
        yield (
            f"trends differed before the treatment already (p {pre_trend:.2g}): what is shown is "
            "not its effect alone"
        )


def _checked(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the panel with whole-numbered periods, or say what is wrong with it."""
    missing = [name for name in COLUMNS if name not in panel.columns]
    if missing:
        raise ConfigurationError(f"panel lacks {', '.join(missing)}; it has {list(panel.columns)}")
    rows = panel[[*COLUMNS, *(["decisions"] if "decisions" in panel else [])]].copy()
    for name in ("unit", "period"):
        if rows[name].isna().any():
            raise ConfigurationError(f"{name} is null in {int(rows[name].isna().sum())} rows")
    if rows.duplicated(["unit", "period"]).any():
        first = rows[rows.duplicated(["unit", "period"])].iloc[0]
        raise ConfigurationError(
            f"unit {first['unit']} has several rows in period {first['period']}, must have one"
        )
    for name in ("value", "decisions"):
        if name in rows and not np.isfinite(pd.to_numeric(rows[name], errors="coerce")).all():
            raise ConfigurationError(f"{name} must be a finite number in every row")
    rows["weight"] = rows["decisions"].astype(float) if "decisions" in rows else 1.0
    if not (rows["weight"] > 0).all():
        raise ConfigurationError(f"decisions == {rows['weight'].min():g}, must be > 0")
    if (rows.groupby("unit")["treated_from"].nunique(dropna=False) > 1).any():
        raise ConfigurationError("treated_from differs within a unit, must be one period or null")
    order = {period: number for number, period in enumerate(sorted(rows["period"].unique()))}
    known = rows["treated_from"].dropna()
    strange = sorted(set(known) - set(order))
    if strange:
        raise ConfigurationError(f"treated_from == {strange[0]}, which is no period of the panel")
    rows["start"] = rows["treated_from"].map(order).fillna(np.inf).astype(float)
    rows["time"] = rows["period"].map(order).astype(int)
    return rows.astype({"value": float})


def _stacked(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return each cohort beside those not treated yet, under each other, and how many there are."""
    parts = []
    for start in sorted(set(rows["start"]) - {np.inf}):
        others = rows[(rows["start"] > start) & (rows["time"] < rows["start"])]
        ours = rows[rows["start"] == start]
        until = others["time"].max() if len(others) else -1
        ours = ours[ours["time"] <= until]  # afterwards nobody is left to compare with
        if until < start or not (ours["time"] < start).any():
            continue
        both = pd.concat([ours.assign(ours=True), others.assign(ours=False)])
        parts.append(both.assign(cohort=int(start), after=both["time"] - int(start)))
    if not parts:
        raise ConfigurationError(
            "nobody is left to compare with: some units must have a period before the treatment, "
            "and others must be untreated in a period in which those are treated"
        )
    return pd.concat(parts, ignore_index=True), len(parts)


def _event_study(stack: pd.DataFrame) -> tuple[tuple[Period, ...], float | None]:
    """Return the effect by time since the treatment, and whether there was one before it."""
    after = stack["after"].clip(-REACH, REACH).to_numpy()
    ours = stack["ours"].to_numpy()
    told = [number for number in sorted(set(after[ours])) if number != -1]
    columns = np.column_stack([(after == number) & ours for number in told]).astype(np.float64)
    fit = fit_levels(stack, ("unit", "time"), columns)
    periods = []
    for i, number in enumerate(told):
        estimate, lower, upper = fit.told(i)
        periods.append(Period(after=int(number), estimate=estimate, lower=lower, upper=upper))
    periods.append(Period(after=-1, estimate=0.0, lower=0.0, upper=0.0))
    pre_trend = fit.chance([i for i, number in enumerate(told) if number < 0])
    return tuple(sorted(periods, key=lambda one: one.after)), pre_trend


def _before_after(rows: pd.DataFrame) -> tuple[float, float | None, float | None]:
    """Return what treated units earned more after than before, whatever else has changed."""
    ours = rows[np.isfinite(rows["start"])].assign(cohort=0)
    later = (ours["time"] >= ours["start"]).to_numpy(dtype=np.float64)
    return fit_levels(ours, ("unit",), later[:, None]).told(0)
