"""What the ledger says of one use case: its rows are followed once, then only those that came."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from kpi_gate.decision.evidence import BASELINE, Window
from kpi_gate.decision.link_history import LinkHistory
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record.ledger import Entry, Ledger
from kpi_gate.record.ledger_brief import stated
from kpi_gate.record.link_rows import read_rows
from kpi_gate.record.releases import Releases

ADD, RELEASE = "add", "release"  # what a `quarantine` row does with its days


class LedgerView(Releases):
    """The rows of one use case and what they come to, as far as they have been followed.

    Attributes:
        ledger: Where the rows are; they are verified as they come.
        use_case: Whose rows.
        as_of: What was recorded of later moments is left out where the words say so, UTC.
        entries: The rows, in order.
        size: How many rows the whole ledger has.
    """

    def __init__(self, ledger: Ledger, use_case: str, as_of: datetime) -> None:
        super().__init__()
        self.ledger, self.use_case, self.as_of = ledger, use_case, as_of
        self.entries: list[Entry] = []
        self.size = 0

    def catch_up(self) -> "LedgerView":
        """Follow the rows that came since.

        Raises:
            LedgerError: If the ledger cannot be read, or its chain is broken.
        """
        return self.take(self.ledger.entries())

    def take(self, rows: Sequence[Entry]) -> "LedgerView":
        """Follow rows of the whole ledger, without those that were followed before."""
        for entry in rows[self.size :]:
            if entry.use_case == self.use_case:
                self.entries.append(entry)
                self.follow(entry)
        self.size = len(rows)
        return self

    def of_kind(self, kind: str, subject: str | None = None) -> list[Entry]:
        """Return the rows of a kind, about one subject where given, in order."""
        return [
            entry
            for entry in self.entries
            if entry.kind == kind and subject in (None, entry.subject)
        ]

    @property
    def earlier_decisions(self) -> list[Mapping[str, Any]]:
        """Bodies of the decisions on moments before this one, in order."""
        return self._earlier()

    def _earlier(self, before: int | None = None) -> list[Mapping[str, Any]]:
        return [
            entry.body
            for entry in self.of_kind("decision")
            if datetime.fromisoformat(entry.body["as_of"]) < self.as_of
            and (before is None or entry.number < before)
        ]

    def link_history(self, unit: str, *, before: int | None = None) -> LinkHistory:
        """Return what past candidates gained offline, and what their releases brought online.

        Args:
            unit: Unit of the objective's money.
            before: Number of the first row that was not there yet, such as that of a decision that
                is made again; None: all are.
        """
        found = read_rows(self, self.of_kind("monitor"), unit, self.as_of, before)
        return LinkHistory(
            unit=unit,
            candidates=tuple(self.past_gains(against_baseline=False, before=before)),
            baseline_candidates=tuple(self.past_gains(against_baseline=True, before=before)),
            releases=found.releases,
            left_out=found.left_out,
            unreadable=found.unreadable,
        )

    def past_gains(
        self, *, against_baseline: bool, before: int | None = None
    ) -> list[tuple[float, float]]:
        """Return (gain, standard error) of every earlier candidate, also the rejected ones.

        Args:
            against_baseline: Whether of those that were compared with the baseline, or with a
                champion: they are different populations.
            before: Number of the first row that was not there yet; None: all are.
        """
        gains = []
        for body in self._earlier(before):
            booked, least = (f"decision.gain.{kind}_error" for kind in ("booking", "standard"))
            error = stated(body, booked) or stated(body, least)  # of before, or where it is zero
            if error and (body["champion"] == BASELINE) == against_baseline:
                gains.append((stated(body, "decision.gain.estimate"), error))
        return gains

    def past_looks(self, window: Window) -> int:
        """Count the earlier decisions that looked at rows of a gate window."""
        looks = 0
        for body in self.earlier_decisions:
            ends = [stated(body, f"decision.lineage.window.{end}") for end in ("start", "end")]
            if None not in ends:
                start, end = (datetime.fromisoformat(moment) for moment in ends)
                looks += start < window.end and window.start < end
        return looks

    @property
    def last_retraining(self) -> datetime | None:
        """Moment of the last decision that is not later than this one, promoted or not."""
        moments = (datetime.fromisoformat(row.body["as_of"]) for row in self.of_kind("decision"))
        return max((moment for moment in moments if moment <= self.as_of), default=None)

    @property
    def accepted_choice(self) -> Entry | None:
        """The choice to retrain that no decision has followed yet."""
        rows = [row for row in self.entries if row.kind in ("choice", "decision")]
        last = rows[-1] if rows else None
        return last if last and last.kind == "choice" and last.body["action"] == "retrain" else None

    @property
    def quarantined(self) -> frozenset[date]:
        """Days, in UTC, that were in quarantine at this moment."""
        return self._days(ADD)

    @property
    def released(self) -> frozenset[date]:
        """Days, in UTC, that a person had let out at this moment."""
        return self._days(RELEASE)

    def _days(self, action: str) -> frozenset[date]:
        """Return the days about which the last word was `add`, or `release`."""
        days: set[date] = set()
        for entry in self.of_kind("quarantine"):
            if datetime.fromisoformat(entry.body["as_of"]) <= self.as_of:
                named = {date.fromisoformat(day) for day in entry.body["days"]}
                days = days | named if entry.body["action"] == action else days - named
        return frozenset(days)

    @property
    def standing_alarm(self) -> str:
        """Why promotions wait: what the last look found severe; empty where it found nothing."""
        looks = self.of_kind("monitor")
        # of the newest moment: a look back at a good day lifts no alarm
        last = max(looks, key=lambda look: (look.body["as_of"], look.number), default=None)
        if last is None or not last.body["severe"]:
            return ""
        found = next(one for one in last.body["findings"] if one["severity"] == "severe")
        return f"monitor as of {last.body['as_of'][:10]}: {found['sentence']}"

    @property
    def unfinished(self) -> list[Entry]:
        """The decisions to promote whose promotion has neither begun nor ended, oldest first.

        One that was measured against a champion of before is not among them: it is stale.
        """
        return [entry for entry in self._open if entry.body["verdict"] == Verdict.PROMOTE]

    @property
    def _open(self) -> list[Entry]:
        begun = {
            row.subject
            for row in self.entries
            if row.kind in ("intent", "done", "void") and row.number not in self.uncounted
        }
        champion = self.champion or BASELINE
        return [
            entry
            for entry in self.of_kind("decision")
            if entry.subject not in begun and entry.body["champion"] == champion
        ]

    @property
    def shipped(self) -> list[Entry]:
        """The decisions whose experiment says ship and whose promotion has not begun, as above."""
        return [entry for entry in self._open if self.shown_by_experiment(entry)]

    @property
    def pending_reviews(self) -> list[Entry]:
        """The decisions whose promotion waits for a reviewer, oldest first."""
        return [
            entry
            for entry in self.unfinished
            if stated(entry.body, "decision.approval") == "required"
        ]
