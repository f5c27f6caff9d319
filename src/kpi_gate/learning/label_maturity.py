"""Label maturity: at which age outcomes become known, and whether they still come."""

from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field, model_validator
from scipy.special import bdtrc  # not scipy.stats, which takes a second to import

from kpi_gate.decision.frozen import Frozen
from kpi_gate.learning.windows import never_known

Floats = NDArray[np.float64]
MATURE_SHARE = 0.95  # of the outcomes that come at all: so many must be known
PERCENTS = np.arange(1, 101) / 100
RECENT_DAYS = 56  # eight weeks: a change of pace shows, a single day does not rule
FEWEST_RECENT = 200  # rows; fewer say less than all rows do
CHANCE_SHORT = 0.001  # that any day of a window is called short by chance
MUCH_SHORT = 0.10  # missing on a day; with many rows a little more than 5 % is certain too
DAY_US = 86_400_000_000


class MaturityCurve(Frozen):
    """Share of the outcomes that are known by age: Kaplan and Meier (1958), right-censored.

    Attributes:
        as_of: Outcomes known from this moment on are not counted as known, UTC.
        rows: Rows counted: those whose outcome is known or may still come.
        known: Rows of them whose outcome is known.
        ages_days: Ages at which a further percent of the outcomes is known, rising; days from the
            event.
        shares: Share that is known at each of these ages, rising.
    """

    as_of: AwareDatetime
    rows: int = Field(ge=0)
    known: int = Field(ge=0)
    ages_days: tuple[float, ...]
    shares: tuple[float, ...]

    @model_validator(mode="after")
    def _is_a_curve(self) -> Self:
        if len(self.ages_days) != len(self.shares):
            raise ValueError(
                f"{len(self.ages_days)} ages_days and {len(self.shares)} shares, must be as many"
            )
        return self

    def known_share(self, age_days: float) -> float:
        """Return the share of the outcomes that is known at an age, rounded down to a percent."""
        at = int(np.searchsorted(np.asarray(self.ages_days), age_days, side="right"))
        return self.shares[at - 1] if at else 0.0

    def mature_after(self, share: float = MATURE_SHARE) -> float | None:
        """Return the age in days by which a share of the outcomes is known.

        None means that so many have never been known, at no age that was seen.

        Raises:
            ValueError: If the share is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share == {share}, must be > 0 and <= 1")
        at = int(np.searchsorted(np.asarray(self.shares), share - 1e-9, side="left"))
        return self.ages_days[at] if at < len(self.shares) else None


class Maturity(Frozen):
    """What a snapshot says of its labels.

    Attributes:
        declared_days: Label delay of the YAML.
        curve: Of all rows.
        recent: Of the events of the last `recent_days`.
        recent_days: Length of that time.
        stuck_since: Moment of the last outcome that came, where older ones were due since and none
            has come; None where outcomes come.
        overdue: Outcomes that were due since then and are missing; 0 where outcomes come.
    """

    declared_days: float
    curve: MaturityCurve
    recent: MaturityCurve
    recent_days: float
    stuck_since: AwareDatetime | None = None
    overdue: int = 0

    @property
    def measured_days(self) -> float | None:
        """Age at which 95 % are known, by the recent rows where they tell; None if never."""
        recent = self.recent.mature_after() if self.recent.rows >= FEWEST_RECENT else None
        return self.curve.mature_after() if recent is None else recent

    def note(self) -> dict[str, Any]:
        """Return what the decision page and MLflow tell, JSON-able."""
        derived = {"measured_days": self.measured_days, "sentence": self.sentence}
        return {**self.model_dump(mode="json"), **derived}

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        known = self.measured_days
        words = (
            f"fewer than {MATURE_SHARE:.0%} of the outcomes are ever known"
            if known is None
            else f"{MATURE_SHARE:.0%} of the outcomes are known after {known:.1f} days"
        )
        words += f", {self.declared_days:g} are declared"
        if self.stuck_since is not None:
            words += (
                f"; no outcome has come since {self.stuck_since:%Y-%m-%d}, {self.overdue} are due"
            )
        return words


def maturity_curve(rows: pd.DataFrame, as_of: datetime) -> MaturityCurve:
    """Estimate at which age outcomes become known, from those that are and those that are not yet.

    Rows that never know their outcome, and labels that come before their event, are left out.

    Args:
        rows: Rows with `event_time`, `label_time` and, where there is one, `observed`.
        as_of: Moment before which things are known.
    """
    known, waiting = _ages(rows, as_of)
    ages, counts = np.unique(known, return_counts=True)
    later = known.size - np.cumsum(counts) + counts
    # an outcome counts once its moment lies before as_of: at its very age a row was not seen yet
    open_rows = waiting.size - np.searchsorted(np.sort(waiting), ages, side="right")
    share = 1 - np.cumprod(1 - counts / (later + open_rows))
    at = np.searchsorted(share, PERCENTS - 1e-9, side="left")
    kept = np.unique(at[at < share.size])
    return MaturityCurve(
        as_of=as_of,
        rows=known.size + waiting.size,
        known=known.size,
        ages_days=tuple((ages[kept] / DAY_US).tolist()),
        shares=tuple(share[kept].tolist()),
    )


def measure_maturity(rows: pd.DataFrame, as_of: datetime, declared_days: float) -> Maturity:
    """Measure how labels mature, over all rows and over the recent ones, and whether they come."""
    recent_days = max(RECENT_DAYS, 4 * declared_days)
    recent = rows[_time(rows["event_time"]) >= as_of - timedelta(days=recent_days)]
    since, overdue = _stuck(rows, as_of, declared_days)
    return Maturity(
        declared_days=declared_days,
        curve=maturity_curve(rows, as_of),
        recent=maturity_curve(recent, as_of),
        recent_days=recent_days,
        stuck_since=since,
        overdue=overdue,
    )


def missing_by_day(rows: pd.DataFrame) -> dict[str, int]:
    """Count the missing outcomes of the days that lack more of them than chance explains.

    A window may know 95 % of its outcomes while its last days know half: the half that comes first
    is of a kind, such as those who said yes. Such days must not be judged.

    Args:
        rows: Rows whose outcomes are all due.

    Returns:
        Missing outcomes by event day, such as `{"2024-03-01": 120}`, in time order.
    """
    due = rows[~never_known(rows)]
    missing = (
        due["outcome"].isna().groupby(_time(due["event_time"]).dt.floor("D")).agg(["sum", "size"])
    )
    lacking, size = missing["sum"].to_numpy(), missing["size"].to_numpy()
    chance = bdtrc(lacking - 1, size, 1 - MATURE_SHARE)
    many = lacking > MUCH_SHORT * size
    short = missing[many & (chance < CHANCE_SHORT / max(len(missing), 1))]
    return {f"{day:%Y-%m-%d}": int(count) for day, count in short["sum"].items()}


def _time(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column, utc=True)


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["event_time"].notna() & ~never_known(rows)]


def _microseconds(column: pd.Series) -> NDArray[np.int64]:
    """Return microseconds since 1970; what is missing is the smallest number there is."""
    plain = _time(column).dt.as_unit("us").dt.tz_localize(None)
    return np.asarray(plain.to_numpy().astype(np.int64))


def _ages(rows: pd.DataFrame, as_of: datetime) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ages in microseconds: of the known at their label, of the others at `as_of`."""
    counted = _counted(rows)
    now = int(as_of.timestamp()) * 1_000_000 + as_of.microsecond
    event, label = _microseconds(counted["event_time"]), _microseconds(counted["label_time"])
    known = counted["label_time"].notna().to_numpy() & (label < now)
    age = np.where(known, label, now) - event
    return age[known & (age >= 0)], age[~known & (age > 0)]


def _stuck(
    rows: pd.DataFrame, as_of: datetime, declared_days: float
) -> tuple[datetime | None, int]:
    """Return when the last outcome came, and how many were due since, if none has come."""
    counted = _counted(rows)
    event, label = _time(counted["event_time"]), _time(counted["label_time"])
    label = label.where(label < as_of)
    ages = (label - event)[label.notna()]
    if ages.empty:
        return None, 0
    # where labels come in batches they are due with the batch
    usual = max(ages.quantile(MATURE_SHARE), pd.Timedelta(days=declared_days))
    last = label.max()
    due = event + usual
    since = (due > last) & (due < as_of)
    overdue = int((since & label.isna()).sum())
    if as_of - last <= timedelta(days=1) or not overdue:
        return None, 0
    chance = float(bdtrc(overdue - 1, int(since.sum()), 1 - MATURE_SHARE))
    return (last.to_pydatetime(), overdue) if chance < CHANCE_SHORT else (None, 0)
