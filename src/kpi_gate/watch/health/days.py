"""A day's rows beside the good days before it: cut by UTC day, thinned to what is needed."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Window
from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.leakage import is_number
from kpi_gate.usecase.contract import ROLES, UseCase
from kpi_gate.watch.health.reference import GoodDays, Ints

NS_A_DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Days:
    """A batch, and the good days that it is compared with.

    Attributes:
        batch: The day's rows; of several days, where one has too few.
        window: The day, or the days, that the batch is of.
        reference: Rows of the good days, all before the window.
        day: Number of each reference row's good day, 0 the oldest, shape `(rows,)`.
        good: The good days' weekdays.
    """

    batch: pd.DataFrame
    window: Window
    reference: pd.DataFrame
    day: Ints
    good: GoodDays

    @property
    def count(self) -> int:
        """Number of good days, those without rows among them."""
        return self.good.weekday.size

    @property
    def sizes(self) -> Ints:
        """Rows of each good day, shape `(count,)`."""
        return np.bincount(self.day, minlength=self.count)

    def rows_of(self, marked: NDArray[np.bool_]) -> Ints:
        """Count the marked reference rows of each good day, shape `(count,)`."""
        return np.bincount(self.day[marked], minlength=self.count)

    def counts(self, code: Ints, levels: int) -> Ints:
        """Count the rows of each level but -1 on each good day, shape `(count, levels)`."""
        kept = code >= 0
        cell = self.day[kept] * levels + code[kept]
        return np.bincount(cell, minlength=self.count * levels).reshape(self.count, levels)

    def thinned(self, most: int, seed: int) -> "Days":
        """Return the same days with about `most` rows each, drawn by `seed`."""
        generator = np.random.default_rng(seed)
        share = (most / np.maximum(self.sizes, 1))[self.day]
        if len(self.batch) <= most and np.all(share >= 1):
            return self
        kept = generator.random(self.day.size) < share
        batch = self.batch
        if len(batch) > most:
            batch = batch.iloc[np.sort(generator.choice(len(batch), most, replace=False))]
        return replace(self, batch=batch, reference=self.reference[kept], day=self.day[kept])


def day_of(batch: pd.DataFrame) -> Window:
    """Return the UTC day that most rows of the batch are of.

    Raises:
        ConfigurationError: If no row has a time.
    """
    days = batch["event_time"].dropna().dt.floor("D")
    if days.empty:
        raise ConfigurationError("batch: no row has an event_time; its window must be given")
    start = days.mode().iloc[0].to_pydatetime()
    return Window(start=start, end=start + timedelta(days=1))


def cut_days(batch: pd.DataFrame, reference: pd.DataFrame, window: Window) -> Days:
    """Cut the reference into periods as long as the window, counted back from its start.

    Rows of the reference that are not before the window, or have no time, are left out.
    """
    length = int(window.days * NS_A_DAY)
    time = reference["event_time"].dt.as_unit("ns").to_numpy(dtype="datetime64[ns]")
    age = np.int64(pd.Timestamp(window.start).value) - time.astype(np.int64)
    known = ~np.isnat(time) & (age > 0)
    if not known.all():
        reference, age = reference[known], age[known]
    back = -(-age // length)  # 1 is the period just before
    count = int(back.max()) if back.size else 0
    good = GoodDays(np.zeros(count, dtype=np.int64), 0)
    if window.days == 1:
        today = window.start.weekday()
        good = GoodDays((today - np.arange(count, 0, -1)) % 7, today)
    return Days(batch, window, reference, np.asarray(count - back, dtype=np.int64), good)


def watched(use_case: UseCase, reference: pd.DataFrame) -> dict[str, str]:
    """Return the kind, `number` or `category`, of each column that is known at `event_time`."""
    kinds: dict[str, str] = {feature.name: feature.kind for feature in use_case.features}
    late = {*ROLES, "item", *use_case.times.with_outcome}
    expected = (expectation.column for expectation in use_case.settings.validation.expectations)
    for name in (*use_case.columns, *expected):
        if name not in kinds and name not in late and name in reference:
            kinds[name] = "number" if is_number(reference[name]) else "category"
    is_time = pd.api.types.is_datetime64_any_dtype
    times = {name for name in kinds if name in reference and is_time(reference[name].dtype)}
    return {name: kind for name, kind in kinds.items() if name not in times}


def examples(values: pd.Series) -> str:
    """Return three distinct values in words."""
    return ", ".join(map(word, pd.unique(values.dropna().astype(object))[:3]))


def word(value: Any) -> str:
    """Write a value: a text in quotes, a number in six digits."""
    return repr(value) if isinstance(value, str) else f"{value:g}"
