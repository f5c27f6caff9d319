"""A use case under its contract's checks: the rows that they look at, each read once."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kpi_gate.pipeline.loading import known_rows
from kpi_gate.pipeline.raw_folder import NO_FILES
from kpi_gate.run.candidate import with_its_amounts
from kpi_gate.run.opening import now
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
ENOUGH = 150_000  # rows: more of them prove nothing more
FITTED = 20_000  # rows that a model learns from here
MARK = "FILL IN: "  # in a skeleton: what is written after it is to be done
# what a load() that looks for its files or its database in vain does not raise
_FAULTS = (AssertionError, AttributeError, ImportError, NameError, NotImplementedError, TypeError)


class NotTestedError(Exception):
    """A check has nothing to look at here; the message says why."""


@dataclass(frozen=True)
class Case:
    """One use case, with the rows that its checks look at, each read once.

    Attributes:
        name: The use case.
        raw: Folder of the project with its raw input.
        scratch: Folder to fetch into instead, where the use case can.
    """

    name: str
    raw: Path
    scratch: Path

    @cached_property
    def use_case(self) -> UseCase:
        """The use case; a skeleton is none yet."""
        left = left_to_fill_in(self.name)
        if left:
            raise NotTestedError(
                f"{self.name} is a skeleton. What is written after each mark is to be done; the "
                "mark goes when it is:\n" + "\n".join(left)
            )
        return discovery.load(self.name)

    @cached_property
    def folder(self) -> Path:
        """Where the raw input is: fetched where it can be, else the project's own."""
        if self.use_case.fetch is None:
            return self.raw
        self.use_case.fetch(self.scratch)
        return self.scratch

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Its first rows, as they are known today."""
        folder, words = self.folder, "load() gives no rows"
        at_hand = folder.exists() and any(path.name != NO_FILES for path in folder.iterdir())
        try:
            rows = known_rows(self.use_case, folder, now())
            if at_hand or len(rows):
                return rows.head(ENOUGH)
        except Exception as error:
            if at_hand or isinstance(error.__cause__, _FAULTS):
                raise
            words = str(error)
        raise NotTestedError(
            f"{self.name}: not tested on its rows, for none are at hand: data/raw/{self.name}/ is "
            f"empty, it has no `fetch`, and {words}"
        )

    def known_at(self, share: float) -> tuple[datetime, pd.DataFrame]:
        """Return a moment by which a share of the rows was due, and the rows as known then."""
        as_of = self.rows["event_time"].quantile(share).to_pydatetime()
        return as_of, known_rows(self.use_case, self.folder, as_of)

    @cached_property
    def known(self) -> pd.DataFrame:
        """The rows whose outcome is known."""
        return self.rows[self.rows["outcome"].notna()]

    @cached_property
    def outcome(self) -> Floats:
        """Their outcomes."""
        found: Floats = self.known["outcome"].to_numpy(dtype=np.float64)
        return found

    def worth(self, action: ArrayLike) -> Floats:
        """Return the money of an action on every row whose outcome is known."""
        actions = np.broadcast_to(np.asarray(action, dtype=float), self.outcome.shape)
        parameters = self.use_case.settings.base_values()
        found: Floats = self.use_case.value.value(actions, self.outcome, self.known, parameters)
        return found

    @cached_property
    def model(self) -> Any:
        """A model of some rows, as a retraining would complete it."""
        some = self.known.tail(FITTED)  # the first rows know no outcomes before them
        fitted = self.use_case.estimator(self.use_case.settings.model)
        fitted.fit(some[self.use_case.feature_names], some["outcome"])
        return with_its_amounts(fitted, some, self.use_case)


def left_to_fill_in(name: str) -> list[str]:
    """Return what a skeleton still asks for, as `file:line: words`."""
    found = []
    module = discovery.module_file(name)
    for path in (module, module.with_suffix(".yaml")):
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for number, line in enumerate(lines, start=1):
            if MARK in line:
                asked = line.partition(MARK)[2].rstrip("',\")")
                found.append(f"{path.name}:{number}: {asked}")
    return found
