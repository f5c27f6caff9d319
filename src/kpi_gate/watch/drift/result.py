"""What drift was found, in numbers, sentences and findings."""

import math
from functools import partial
from typing import Literal

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.text import number
from kpi_gate.watch.drift.impact import LEAST_AUC
from kpi_gate.watch.drift.shift import LEAST_PSI, LOOKED_BACK
from kpi_gate.watch.finding import Finding, Severity, finding

MATERIAL = 0.1  # standard deviations of the score, by which a column must move its mean
MOST_NAMED = 4
NO_MONEY = "nothing here says that money was lost"
PERIODS = {1: "days", 7: "weeks", 28: "periods of four weeks"}
_finding = partial(finding, "drift", "data")


class Bar(Frozen):
    """Shares of one group of values.

    Attributes:
        name: Values of the group, in words.
        reference: Share of the reference rows.
        current: Share of the current rows.
    """

    name: str
    reference: float
    current: float


class ColumnDrift(Frozen):
    """How one column moved, and what that does to the score.

    Attributes:
        name: The column.
        kind: Whether it is a number or a category.
        psi: Population stability index of the latest periods, without what chance alone gives.
        distance: Jensen-Shannon distance of the same, 0 to 1.
        chance: p of the last period, over the column's own tests.
        recent: Significant periods of the last three.
        in_a_row: Significant periods in a row up to the last one.
        importance: Mean absolute change of the score when the column is permuted.
        score_shift: Mean change of the score when old values are replaced by current ones.
        contribution: Distance times importance, by which columns are ranked.
        drifted: Whether it is large enough, too unlikely for chance, and lasts.
        bars: Shares by groups of values, to draw.
    """

    name: str
    kind: Literal["number", "category"]
    psi: float
    distance: float
    chance: float
    recent: int
    in_a_row: int
    importance: float
    score_shift: float
    contribution: float
    drifted: bool
    bars: tuple[Bar, ...] = ()


class DriftReport(Frozen):
    """What drift was found; it explains, and triggers nothing.

    Attributes:
        until: End of the latest day that was looked at, UTC; None where there were no rows.
        period_days: Length of a period: a day, or as many as give enough rows.
        reference_rows: Rows that count as usual.
        current_rows: Rows of the latest periods.
        columns: All columns, by their contribution to the score.
        joint_auc: AUC of a classifier that tells old rows from new; 0.5 is chance.
        joint_z: Its distance from 0.5 in standard deviations of chance.
        usual_auc: Largest AUC with which some days of the reference are told from its others; 0.5
            where that was not asked.
        joint_drifted: Whether the difference is beyond chance, and beyond what is usual.
        score_before: Mean score of the reference.
        score_now: Mean score of the current rows.
        score_deviation: Standard deviation of the reference's scores.
    """

    until: AwareDatetime | None
    period_days: int
    reference_rows: int
    current_rows: int
    columns: tuple[ColumnDrift, ...] = ()
    joint_auc: float = 0.5
    joint_z: float = 0.0
    usual_auc: float = 0.5
    joint_drifted: bool = False
    score_before: float | None = None
    score_now: float | None = None
    score_deviation: float | None = None

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """Columns that drifted, by their contribution to the score."""
        return tuple(column for column in self.columns if column.drifted)

    @property
    def sentence(self) -> str:
        """What a person needs to know of it."""
        if not self.current_rows or not self.reference_rows:
            return "there are no rows to compare"
        if not self.drifted:
            words = "no column drifted"
            if self.joint_drifted:
                words += f" by itself, but together they did: {self.joint_words}"
            return f"{words}; {NO_MONEY}"
        top, *others = self.drifted
        words = self.told(top)
        if others:
            words += f"; {len(others)} other column{'s' * (len(others) > 1)} drifted as well: "
            words += ", ".join(column.name for column in others[:MOST_NAMED])
        return f"{words}; {NO_MONEY}"

    @property
    def joint_words(self) -> str:
        """Say how all columns together moved."""
        moved = sorted(self.columns, key=lambda column: -column.psi)[:MOST_NAMED]
        return (
            f"a classifier tells new rows from old ones with AUC {self.joint_auc:.3f} (0.5 is "
            f"chance), most moved {', '.join(column.name for column in moved)}"
        )

    def told(self, column: ColumnDrift) -> str:
        """Say how one column drifted."""
        unit = PERIODS[self.period_days]
        lasts = (
            f"{column.in_a_row} {unit} in a row"
            if column.in_a_row > 1
            else f"{column.recent} of the last {LOOKED_BACK} {unit}"
        )
        by = number(round(column.score_shift, 4), sign=True)
        material = self.material(column)
        moves = f"moves the mean score by {by}" if material else f"hardly moves the score ({by})"
        return f"{column.name} moved (PSI {column.psi:.3f}, {lasts}) and {moves}"

    def material(self, column: ColumnDrift) -> bool:
        """Tell whether a column moves the mean score by a tenth of a standard deviation."""
        deviation = self.score_deviation or math.inf
        return abs(column.score_shift) >= MATERIAL * deviation

    def as_findings(self) -> list[Finding]:
        """Return a finding of each column that drifted, and of all together; none is severe."""
        found = []
        for column in self.drifted:
            severity: Severity = "warning" if self.material(column) else "note"
            told = (f"{self.told(column)}; {NO_MONEY}", column.psi, LEAST_PSI, column.name)
            found.append(_finding("column_shift", severity, *told))
        if self.joint_drifted:
            words = f"{self.joint_words}; {NO_MONEY}"
            found.append(_finding("joint_shift", "note", words, self.joint_auc, LEAST_AUC))
        return found
