"""Where adversaries meet the gate: a reference champion on the use case's own newest rows."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
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

from kpi_gate.candidate import train_candidate
from kpi_gate.comparison import gate_rows, lineage_of, write_comparison
from kpi_gate.decision.evidence import Contender, Evidence, Lineage
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.verdict import Decision
from kpi_gate.job import Job
from kpi_gate.learning.scoring import act
from kpi_gate.learning.windows import Windows, plan_windows
from kpi_gate.measuring import measure, time_sides
from kpi_gate.sides import Side, make_side, policy_of
from kpi_gate.stores.evidence import read_evidence
from kpi_gate.stores.models import ModelCard
from kpi_gate.stores.snapshots import mask_future
from kpi_gate.usecase import UseCase

Floats = NDArray[np.float64]


class CannotTryError(Exception):
    """This use case gives the adversary nothing to attack; the message says what is missing."""


@dataclass(frozen=True)
class Arena:
    """A champion, the rows to beat it on, and the gate.

    The champion is an honest model of the use case, its probabilities mapped onto what happened
    on these very rows: it is hard to beat by honest means, and well calibrated. That makes each
    adversary's fault the only thing between it and the champion.

    Attributes:
        job: The use case and the moment.
        rows: All rows known at that moment.
        windows: Time windows of that moment.
        gate: Rows of the gate window.
        champion: The side to beat.
        settings: Objective and guardrails; an experiment is asked for only where that is tested.
        scratch: Folder that is gone afterwards.
    """

    job: Job
    rows: pd.DataFrame
    windows: Windows
    gate: pd.DataFrame
    champion: Side
    settings: GateSettings
    scratch: Path

    @property
    def use_case(self) -> UseCase:
        """The problem."""
        return self.job.use_case

    @property
    def outcome(self) -> Floats:
        """What happened, shape `(n,)`."""
        known: Floats = self.gate["outcome"].to_numpy(dtype=np.float64)
        return known

    def gain(self, action: Floats) -> Floats:
        """Return what an action is worth more than the champion's on each row, shape `(n,)`."""
        return self.value(action) - self.champion.value

    def value(self, action: Floats) -> Floats:
        """Return the money of an action on each row, its outcome known."""
        parameters = self.use_case.settings.base_values()
        return self.use_case.value.value(action, self.outcome, self.gate, parameters)

    def oracle(self) -> Floats:
        """Return the best action of each row, chosen by its outcome."""
        size = len(self.gate)
        best: Floats = (self.value(np.ones(size)) > self.value(np.zeros(size))).astype(float)
        return best

    def side(self, probability: Floats | None = None, action: Floats | None = None) -> Side:
        """Return a candidate with these scores, and these actions or the policy's."""
        scores = self.champion.probability if probability is None else probability
        if action is None:
            action = act(policy_of(self.champion.card), self.use_case.value, scores, self.gate)
        folder = self.scratch / "candidate"
        return replace(
            self.champion,
            card=ModelCard.read(folder),
            folder=folder,
            probability=scores,
            action=action,
            value=self.value(action),
        )

    def beside_the_baseline(self) -> "Arena":
        """Return the arena with a champion that acts as the business does without a model.

        There is room above it: whatever stands between an oracle and its promotion here is the
        gate's, and not the champion's skill.
        """
        action = np.asarray(self.use_case.baseline(self.gate), dtype=np.float64)
        weak = replace(self.champion, action=action, value=self.value(action))
        return replace(self, champion=weak)

    def own_files(self, name: str) -> Path:
        """Return a copy of the candidate's files that an adversary may change."""
        folder = self.scratch / name
        shutil.copytree(self.scratch / "candidate", folder, dirs_exist_ok=True)
        return folder

    @cached_property
    def last_month(self) -> Evidence:
        """Evidence of an oracle as it was one gate window ago, by models of that time."""
        as_of = self.job.as_of - timedelta(days=self.use_case.settings.window.gate_min_days)
        rows = mask_future(self.rows, as_of)
        with open_arena(replace(self.job, as_of=as_of), rows) as before:
            return before.evidence(before.acting(before.oracle()))

    def acting(self, action: Floats) -> Side:
        """Return a candidate that takes these actions, with scores that are what happened.

        No guardrail on calibration then stands in the way of what is to be shown.
        """
        return self.side(self.outcome, action)

    def lineage(self, candidate: Side) -> Lineage:
        """Return the truth about the rows and both sides."""
        sides = {"champion": self.champion, "candidate": candidate}
        return lineage_of(
            sides,
            self.use_case,
            self.rows,
            self.gate,
            self.windows,
            self.job.as_of,
            candidate.card.snapshot,
        )

    def evidence(
        self,
        candidate: Side,
        *,
        lineage: Lineage | None = None,
        timings: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Evidence:
        """Write the comparison as a retraining does, and read it again as the gate does."""
        sides = {"champion": self.champion, "candidate": candidate, "anchor": self.champion}
        measures = measure(sides, self.use_case, self.gate)
        # the same model under another name takes the same time
        alike = {"latency_ms": 1.0, "latency_ratio": 1.0}
        for name, numbers in (timings or {"candidate": alike, "champion": alike}).items():
            measures[name] |= numbers
        folder, told = self.scratch / "evidence", lineage or self.lineage(candidate)
        write_comparison(folder, sides, self.use_case, self.gate, told, measures)
        return read_evidence(folder)

    def timings(self, candidate: Side) -> dict[str, dict[str, float]]:
        """Time the candidate's model against the champion's."""
        return time_sides({"champion": self.champion, "candidate": candidate}, self.gate)

    def judge(self, evidence: Evidence, **settings: Any) -> Decision:
        """Ask the gate; keywords replace parts of its settings."""
        asked = self.settings.model_copy(update=settings)
        return decide(evidence, asked, tick=self.job.as_of)

    def judge_side(self, candidate: Side, **settings: Any) -> Decision:
        """Ask the gate about a candidate of which nothing is hidden."""
        return self.judge(self.evidence(candidate), **settings)


@contextmanager
def open_arena(job: Job, rows: pd.DataFrame) -> Iterator[Arena]:
    """Train the reference champion and lay out the arena.

    Args:
        job: The use case and the moment.
        rows: All rows that were known then.

    Raises:
        Refusal: If there is too little to train on.
        ScoringError: If the model cannot score.
    """
    settings = job.use_case.settings
    windows = plan_windows(rows["event_time"], settings.window, job.as_of)
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(settings.model["threads"]):
        folder = Path(scratch)
        train_candidate(job, rows, windows, folder / "candidate", "selftest")
        shutil.copytree(folder / "candidate", folder / "champion")
        gate = gate_rows(rows, windows)
        yield Arena(
            job=job,
            rows=rows,
            windows=windows,
            gate=gate,
            champion=_reference(job.use_case, folder / "champion", gate),
            settings=settings.gate().model_copy(
                update={"objective": settings.objective.model_copy(update={"kpi_link": "advisory"})}
            ),
            scratch=folder,
        )


def _reference(use_case: UseCase, folder: Path, gate: pd.DataFrame) -> Side:
    """Return the trained model with its probabilities mapped onto what happened."""
    card = ModelCard.read(folder)
    side = make_side("champion", folder, use_case, gate, card)
    outcome = gate["outcome"].to_numpy(dtype=float)
    mapped = np.asarray(
        IsotonicRegression(y_min=0, y_max=1).fit_transform(side.probability, outcome), dtype=float
    )
    action = act(policy_of(card), use_case.value, mapped, gate)
    value = use_case.value.value(action, outcome, gate, use_case.settings.base_values())
    named = Contender.model_validate({**card.contender.model_dump(), "name": "v1"})
    card = card.model_copy(update={"contender": named})
    card.write(folder)
    return replace(side, card=card, probability=mapped, action=action, value=value)


def newest_moment(job: Job, rows: pd.DataFrame) -> Job:
    """Return the job as of the moment when the newest row's outcome has become known."""
    delay = timedelta(days=job.use_case.settings.window.label_delay_days + 1)
    return replace(job, as_of=min(job.as_of, rows["event_time"].max().to_pydatetime() + delay))
