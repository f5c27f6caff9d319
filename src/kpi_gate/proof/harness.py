"""Where adversaries meet the gate: a reference champion on the use case's own newest rows."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from threadpoolctl import threadpool_limits

from kpi_gate.data.snapshot import mask_future
from kpi_gate.decision.checks.validity import MATURE
from kpi_gate.decision.evidence import Contender, Evidence, Foreknowledge, Lineage
from kpi_gate.decision.gate import decide, refuse
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.verdict import Decision
from kpi_gate.evaluation.comparison import ALIKE, gate_rows, lineage_of, write_comparison
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.evaluation.foreknowledge import known_by_columns
from kpi_gate.evaluation.metrics import measure
from kpi_gate.evaluation.scored_model import Side, actions, make_side, policy_of, under_the_log
from kpi_gate.evaluation.valuation import estimate, row_values
from kpi_gate.evaluation.views import rule_of_thumb
from kpi_gate.learning.label_maturity import measure_maturity
from kpi_gate.learning.windows import Windows, never_known, plan_windows
from kpi_gate.proof.oracle import best
from kpi_gate.record.model_files import Model
from kpi_gate.run.candidate import train_candidate
from kpi_gate.run.context import Run
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
MOST_ROWS = 800_000  # more of them would prove the same, and take minutes


class CannotTryError(Exception):
    """This use case gives the adversary nothing to attack; the message says what is missing."""


@dataclass(frozen=True)
class Arena:
    """A champion, the rows to beat it on, and the gate.

    The champion is an honest model of the use case, its probabilities mapped onto what happened
    on these very rows: it is hard to beat by honest means, and well calibrated. That makes each
    adversary's fault the only thing between it and the champion.

    Attributes:
        run: The use case and the moment.
        rows: All rows known at that moment.
        windows: Time windows of that moment.
        gate: Rows of the gate window.
        champion: The side to beat.
        foreknown: What the columns that are read at the decision know of the outcomes.
        truth: Where the rows come from, with the champion as the candidate, too.
        settings: Objective and guardrails; an experiment is asked for only where that is tested.
        scratch: Folder that is gone afterwards.
    """

    run: Run
    rows: pd.DataFrame
    windows: Windows
    gate: pd.DataFrame
    champion: Side
    foreknown: Sequence[Foreknowledge]
    truth: Lineage
    settings: GateSettings
    scratch: Path

    @property
    def use_case(self) -> UseCase:
        """The problem."""
        return self.run.use_case

    @property
    def outcome(self) -> Floats:
        """What happened, shape `(n,)`."""
        known: Floats = self.gate["outcome"].to_numpy(dtype=np.float64)
        return known

    def gain(self, action: Floats) -> Floats:
        """Return what an action is worth more than the champion's on each row, shape `(n,)`.

        A row whose outcome is hidden counts nothing; one that stands for others counts for them.
        """
        base = self.use_case.settings.base_values()
        actions = self.champion.action, action
        values = self.champion.value, self.value(action)
        found = estimate(self.use_case, self.gate, actions, values, base, exposed=False)
        return found.difference

    def value(self, action: Floats) -> Floats:
        """Return the money of an action on each row, its outcome known."""
        base = self.use_case.settings.base_values()
        return row_values(self.use_case, self.gate, action, base)

    @property
    def known(self) -> Floats:
        """What happened; where that is hidden, what the champion expects. Shape `(n,)`."""
        return np.where(np.isfinite(self.outcome), self.outcome, self.champion.probability)

    def side(self, scores: Floats | None = None, action: Floats | None = None) -> Side:
        """Return a candidate with these scores, and these actions or the policy's."""
        if scores is None:
            scores = self.champion.scores
        if action is None:
            policy, amounts = policy_of(self.champion.card), self.champion.amounts
            action = actions(policy, self.use_case, scores, self.gate, amounts)
        folder = self.scratch / "candidate"
        model = Model(folder, estimator=self.champion.estimator)
        return _at_work(self.champion, model, self.use_case, self.gate, scores, action)

    def beside_the_baseline(self) -> "Arena":
        """Return the arena with a champion that acts as the business does without a model.

        There is room above it: whatever stands between an oracle and its promotion here is the
        gate's, and not the champion's skill.
        """
        action = rule_of_thumb(self.use_case, self.gate)
        weak = replace(self.champion, action=action, value=self.value(action))
        return replace(self, champion=weak)

    @cached_property
    def last_month(self) -> Evidence:
        """Evidence of an oracle as it was one gate window ago, by models of that time."""
        as_of = self.run.as_of - timedelta(days=self.use_case.settings.window.gate_min_days)
        rows = mask_future(self.rows, as_of, self.use_case.times.with_outcome)
        with open_arena(self.run.at(as_of=as_of), rows) as before:
            return before.evidence(before.acting(best(before)))

    def acting(self, action: Floats) -> Side:
        """Return a candidate that takes these actions, with scores that are what happened.

        No guardrail on calibration then stands in the way of what is to be shown.
        """
        return replace(self.side(action=action), probability=self.known)

    def lineage(self, candidate: Side) -> Lineage:
        """Return the truth about the rows and both sides."""
        if candidate.model.folder != self.scratch / "candidate":  # it has seen other rows
            return _lineage(self.run, self.rows, self.windows, self.gate, self.champion, candidate)
        card = candidate.card
        named = {"candidate": card.contender, "trained_levels": card.levels}
        return self.truth.model_copy(update={**named, "scored_snapshot": card.snapshot})

    def evidence(
        self,
        candidate: Side,
        *,
        lineage: Lineage | None = None,
        timings: Mapping[str, Mapping[str, float]] | None = None,
        known: Sequence[Foreknowledge] | None = None,
    ) -> Evidence:
        """Write the comparison as a retraining does, and read it again as the gate does."""
        sides = {"champion": self.champion, "candidate": candidate, "anchor": self.champion}
        measures = measure(sides, self.use_case, self.gate)
        # the same model under another name takes the same time
        for name, numbers in (timings or ALIKE).items():
            measures[name] |= numbers
        folder, told = self.scratch / "evidence", lineage or self.lineage(candidate)
        # an oracle's own scores are what happened, and not what is to be judged here
        columns = self.foreknown if known is None else known
        write_comparison(folder, sides, self.use_case, self.gate, told, measures, known=columns)
        found = read_evidence(folder)
        # of the rest of a page nobody reads anything here
        return replace(found, notes={**found.notes, "trained_rows": candidate.card.trained_rows})

    def judge(self, evidence: Evidence, **settings: Any) -> Decision:
        """Ask the gate; keywords replace parts of its settings."""
        asked = self.settings.model_copy(update=settings)
        return decide(evidence, asked, tick=self.run.as_of)

    def refused(self, check: str, error: Exception) -> Decision:
        """Return the decision of a run that was stopped before there was evidence."""
        words = str(error).replace(f"{self.scratch}/", "")
        return refuse(words, self.settings, check=check, subject=self.use_case.name)

    def judge_side(self, candidate: Side, **settings: Any) -> Decision:
        """Ask the gate about a candidate of which nothing is hidden."""
        return self.judge(self.evidence(candidate), **settings)


def _some_units(rows: pd.DataFrame) -> pd.DataFrame:
    """Return at most about `MOST_ROWS` rows: whole units, drawn by a hash of their names."""
    if len(rows) <= MOST_ROWS:
        return rows
    codes, units = pd.factorize(rows["unit"])
    drawn = pd.util.hash_array(units.astype(str).to_numpy(dtype=object)) / 2.0**64
    return rows[(drawn < MOST_ROWS / len(rows))[codes]]


@contextmanager
def open_arena(run: Run, rows: pd.DataFrame) -> Iterator[Arena]:
    """Train the reference champion and lay out the arena.

    Args:
        run: The use case and the moment.
        rows: All rows; what was not known then is left out.

    Raises:
        Refusal: If there is too little to train on.
        ScoringError: If the model cannot score.
    """
    known = mask_future(rows, run.as_of, run.use_case.times.with_outcome)
    settings, rows = run.use_case.settings, _some_units(known)
    labels = measure_maturity(rows, run.as_of, settings.window.label_delay_days)
    measured = labels.measured_days
    windows = plan_windows(
        rows["event_time"],
        settings.window,
        run.as_of,
        measured_days=measured,
        gate_days=settings.objective.min_days,
    )
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(settings.model["threads"]):
        folder = Path(scratch)
        train_candidate(run, rows, windows, folder / "candidate", "selftest")
        shutil.copytree(folder / "candidate", folder / "champion")
        gate = gate_rows(rows, windows)
        champion = _reference(run.use_case, folder / "champion", gate)
        yield Arena(
            run=run,
            rows=rows,
            windows=windows,
            gate=gate,
            champion=champion,
            foreknown=known_by_columns(run.use_case, rows, windows),
            truth=_lineage(run, rows, windows, gate, champion, champion),
            settings=settings.gate().model_copy(
                update={"objective": settings.objective.model_copy(update={"kpi_link": "advisory"})}
            ),
            scratch=folder,
        )


def _lineage(
    run: Run,
    rows: pd.DataFrame,
    windows: Windows,
    gate: pd.DataFrame,
    champion: Side,
    candidate: Side,
) -> Lineage:
    sides, snapshot = {"champion": champion, "candidate": candidate}, candidate.card.snapshot
    return lineage_of(sides, run.use_case, rows, gate, windows, run.as_of, snapshot)


def _reference(use_case: UseCase, folder: Path, gate: pd.DataFrame) -> Side:
    """Return the trained model with its probabilities mapped onto what happened."""
    model = Model(folder, use_case.trusted_types)
    card = model.card
    side = make_side("champion", model, use_case, gate, card.outcome_rate)
    known = gate["outcome"].notna().to_numpy()
    outcome = gate["outcome"].to_numpy(dtype=float)
    happened = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    happened.fit(side.probability[known], outcome[known])
    scores = np.asarray(happened.predict(side.scores.ravel()), float).reshape(side.scores.shape)
    action = actions(policy_of(card), use_case, scores, gate, side.amounts)
    named = Contender.model_validate({**card.contender.model_dump(), "name": "v1"})
    card = card.model_copy(update={"contender": named})
    card.write(folder)
    model = Model(folder, card=card, estimator=model.estimator)
    return _at_work(side, model, use_case, gate, scores, action)


def _at_work(
    side: Side,
    model: Model,
    use_case: UseCase,
    gate: pd.DataFrame,
    scores: Floats,
    action: Floats,
) -> Side:
    """Return a side with another model, its scores and actions, and what follows from them."""
    return replace(
        side,
        model=model,
        scores=scores,
        probability=under_the_log(use_case, scores, gate),
        action=action,
        value=row_values(use_case, gate, action, use_case.settings.base_values()),
    )


def newest_moment(run: Run, rows: pd.DataFrame) -> Run:
    """Return the run as of the newest moment at which the outcomes of the newest rows are known.

    Rows at the end whose outcomes never came, as where an extract was cut, are left out.
    """
    known = rows["label_time"].notna() | never_known(rows)
    share = known.groupby(rows["event_time"].dt.floor("D")).mean()
    mature = share.index[share >= MATURE]
    if len(mature):
        rows = rows[rows["event_time"] < mature.max() + timedelta(days=1)]
    delay = timedelta(days=run.use_case.settings.window.label_delay_days + 1)
    return run.at(as_of=min(run.as_of, rows["event_time"].max().to_pydatetime() + delay))
