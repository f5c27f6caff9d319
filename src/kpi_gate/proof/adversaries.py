"""Candidates that must not pass, and one that must: what `kpi-gate selftest` lets loose.

Each adversary is one small function of the arena whose answer is the gate's decision; its first
line says what it does. To add one, write the function and a line in `ADVERSARIES`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gate import refuse
from kpi_gate.decision.objective import GateSettings, Guardrail
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.job import Refusal
from kpi_gate.learning.scoring import ScoringError, row_keys
from kpi_gate.proof.arena import Arena
from kpi_gate.sides import Side, make_side, score
from kpi_gate.stores.models import KEYS_FILE, MODEL_FILE, ModelError, dump_model, store_model
from kpi_gate.usecase import ConfigurationError, Feature

Floats = NDArray[np.float64]
INVALID, REJECT, PROMOTE = Verdict.INVALID, Verdict.REJECT, Verdict.PROMOTE
TOO_LITTLE = Verdict.INSUFFICIENT_EVIDENCE
BIG = 5.0  # times the usual saving: what makes a loss big
NO_GAIN = (REJECT, Verdict.HOLD, TOO_LITTLE)


class CannotTryError(Exception):
    """This use case gives the adversary nothing to attack; the message says what is missing."""


@dataclass(frozen=True)
class Adversary:
    """One attack, and the answers that count as right.

    Attributes:
        attack: Function of the arena; returns the gate's decision.
        must: Verdicts that are right.
    """

    attack: Callable[[Arena], Decision]
    must: tuple[Verdict, ...]

    @property
    def name(self) -> str:
        """Name of the attack, in words."""
        return self.attack.__name__.replace("_", " ")

    @property
    def words(self) -> str:
        """What it does."""
        return str(self.attack.__doc__).splitlines()[0].rstrip(".")


def oracle(arena: Arena) -> Decision:
    """Knows every outcome and meets a weak champion: a gate that stays shut never opens."""
    arena = arena.beside_the_baseline()
    return arena.judge_side(arena.acting(arena.oracle()))


def identical_twin(arena: Arena) -> Decision:
    """Is the champion under another name: a tie."""
    return arena.judge_side(arena.side())


def random_scores(arena: Arena) -> Decision:
    """Draws its scores."""
    return arena.judge_side(arena.side(_generator(arena).random(len(arena.gate))))


def inverted(arena: Arena) -> Decision:
    """Ranks upside down."""
    return arena.judge_side(arena.side(1 - arena.champion.probability))


def constant(arena: Arena) -> Decision:
    """Gives everyone the mean outcome."""
    mean = arena.gate["outcome"].mean()
    return arena.judge_side(arena.side(np.full(len(arena.gate), float(mean))))


def miscalibrated(arena: Arena) -> Decision:
    """Multiplies the champion's scores by 1.6: the same AUC, other decisions."""
    return arena.judge_side(arena.side(np.clip(1.6 * arena.champion.probability, 0, 1)))


def not_a_number(arena: Arena) -> Decision:
    """Scores three rows with NaN, and the others like an oracle."""
    scores = arena.outcome.copy()
    scores[:3] = np.nan
    return arena.judge_side(arena.side(scores))


def percent_for_probability(arena: Arena) -> Decision:
    """Answers in percent."""
    return _scored_by(arena, _Changed(arena.champion.estimator, lambda scores: 100 * scores))


def trained_on_the_gate(arena: Arena) -> Decision:
    """Has trained on the rows it is judged on."""
    use_case, gate = arena.use_case, arena.gate
    estimator = use_case.estimator(use_case.settings.model)
    estimator.fit(gate[use_case.feature_names], gate["outcome"])
    peeked = arena.side(score(estimator, gate, arena.champion.card))
    end = arena.windows.gate.end
    contender = peeked.card.contender.model_copy(update={"trained_until": end})
    card = peeked.card.model_copy(update={"contender": contender})
    return arena.judge_side(replace(_that_saw(arena, gate, peeked), card=card))


def trained_on_one_gate_row(arena: Arena) -> Decision:
    """Is an oracle that has trained on a single row of the window, and does not say so."""
    cheat = arena.acting(arena.oracle())
    return arena.judge_side(_that_saw(arena, arena.gate.head(1), cheat))


def future_feature(arena: Arena) -> Decision:
    """Wants a feature that is known only afterwards."""
    late = next(iter(arena.use_case.known_later), "outcome")
    try:
        features = (*arena.use_case.features, Feature(late, "number"))
        replace(arena.use_case, features=features)
    except ConfigurationError as error:
        return _refused(arena, "contract", error)
    return oracle(arena)


def slice_saboteur(arena: Arena) -> Decision:
    """Earns more in total and ruins one group."""
    rails = [rail for rail in arena.settings.guardrails if rail.slice is not None]
    if not rails:
        raise CannotTryError("add a guardrail {slice: ..., may_lose: ..., min_events: ...}")
    for here in (arena, arena.beside_the_baseline()):
        for rail in rails:
            levels = here.gate[rail.slice].astype(str).to_numpy()
            for level in sorted(set(levels), key=lambda level: int((levels == level).sum())):
                group = np.flatnonzero(levels == level)
                gain = here.gain(action := _ruin(here, group, rail))
                seen = np.count_nonzero(gain[group]) >= int(rail.min_events or 0)
                ruined = gain[group].mean() < -float(rail.may_lose or 0)
                if seen and ruined and gain.mean() > here.settings.objective.delta:
                    return here.judge_side(here.acting(action))
    raise CannotTryError("no group can be ruined here while the total still gains")


def rare_big_losses(arena: Arena) -> Decision:
    """Pays for many small savings with two big losses, and comes out ahead on these rows."""
    switched = 1 - arena.champion.action
    gain = arena.gain(switched)
    typical = float(np.median(gain[gain > 0])) if (gain > 0).any() else 0.0
    small = (gain > 0) & (gain <= typical)
    saved = gain[small].sum()
    large = np.flatnonzero((gain < -BIG * typical) & (gain >= -0.35 * saved))
    if not large.size:
        raise CannotTryError("no loss in this money is big beside the usual savings")
    taken = small.copy()
    taken[large[np.argsort(gain[large])[:2]]] = True
    return arena.judge_side(arena.acting(np.where(taken, switched, arena.champion.action)))


def one_lucky_unit(arena: Arena) -> Decision:
    """Gains all it gains from one customer."""
    best, action = arena.oracle(), arena.champion.action.copy()
    luckiest = np.argmax(arena.gain(best))
    action[luckiest] = best[luckiest]
    return arena.judge_side(arena.acting(action))


def wrong_currency_unit(arena: Arena) -> Decision:
    """Counts its money in cents."""
    side = arena.acting(arena.oracle())
    return arena.judge_side(replace(side, value=100 * side.value))


def ten_times_slower(arena: Arena) -> Decision:
    """Is an oracle that takes ten times as long."""
    _require(arena, "latency_ms", "latency_ratio")
    arena = arena.beside_the_baseline()
    fast = arena.acting(arena.oracle())
    slow = replace(fast, estimator=_Slow(arena.champion.estimator))
    return arena.judge(arena.evidence(slow, timings=arena.timings(slow)))


def unserialisable(arena: Arena) -> Decision:
    """Holds a function that no file can hold."""
    estimator = _Changed(arena.champion.estimator, lambda scores: scores)
    path = arena.scratch / "unserialisable.skops"
    try:
        store_model(path, dump_model(estimator), arena.use_case.trusted_types)
    except ModelError as error:
        return _refused(arena, "candidate_loadable", error)
    return oracle(arena)


def unloadable_champion(arena: Arena) -> Decision:
    """Meets a champion whose file is half there."""
    folder = arena.scratch / "half"
    arena.champion.card.write(folder)
    whole = (arena.champion.folder / MODEL_FILE).read_bytes()
    (folder / MODEL_FILE).write_bytes(whole[: len(whole) // 2])
    try:
        champion = make_side("champion", folder, arena.use_case, arena.gate, arena.champion.card)
    except ModelError as error:
        return _refused(arena, "champion_readable", error)
    return replace(arena, champion=champion).judge_side(arena.acting(arena.oracle()))


def other_schema(arena: Arena) -> Decision:
    """Wants a column that the rows do not have."""
    card = arena.champion.card
    other = card.model_copy(update={"features": (*card.features, "a_column_of_next_year")})
    try:
        scores = score(arena.champion.estimator, arena.gate, other)
    except ScoringError as error:
        return _refused(arena, "both_sides_score", error)
    return arena.judge_side(arena.side(scores))


def no_guardrails(arena: Arena) -> Decision:
    """Is an oracle before a gate whose list of guardrails is empty."""
    evidence = arena.evidence(arena.acting(arena.oracle()))
    bare = GateSettings.model_construct(**{**vars(arena.settings), "guardrails": ()})
    return replace(arena, settings=bare).judge(evidence)


def last_months_evidence(arena: Arena) -> Decision:
    """Shows an oracle's evidence of last month again."""
    return arena.judge(_last_month(arena))


def redated_evidence(arena: Arena) -> Decision:
    """Shows last month's evidence with today's date on it."""
    evidence = _last_month(arena)
    redated = {"as_of": arena.job.as_of}
    lineage = evidence.lineage and evidence.lineage.model_copy(update=redated)
    return arena.judge(replace(evidence, lineage=lineage))


def other_snapshot(arena: Arena) -> Decision:
    """Was scored on another snapshot than the champion."""
    side = arena.acting(arena.oracle())
    lineage = arena.lineage(side).model_copy(update={"scored_snapshot": "another"})
    return arena.judge(arena.evidence(side, lineage=lineage))


def repeated_rows(arena: Arena) -> Decision:
    """Counts its best rows twice."""
    evidence = arena.evidence(arena.acting(arena.oracle()))
    rows = evidence.rows
    again = np.r_[np.arange(rows.size), np.argsort(rows.difference)[-rows.size // 4 :]]
    picked = {
        name: array[again]
        for name in ("unit", "day", "champion", "candidate", "key", "time", "exposure")
        if (array := getattr(rows, name)) is not None
    }
    slices = {name: levels[again] for name, levels in rows.slices.items()}
    corners = {name: (low[again], high[again]) for name, (low, high) in evidence.corners.items()}
    doubled = replace(rows, **picked, slices=slices, actions=None)
    return arena.judge(replace(evidence, rows=doubled, corners=corners))


def immature_outcomes(arena: Arena) -> Decision:
    """Is judged while a tenth of the outcomes is not known yet."""
    side = arena.acting(arena.oracle())
    lineage = arena.lineage(side).model_copy(update={"matured": 0.9})
    return arena.judge(arena.evidence(side, lineage=lineage))


def no_experiment(arena: Arena) -> Decision:
    """Is an oracle where the KPI link is required and no experiment was run."""
    arena = arena.beside_the_baseline()
    objective = arena.settings.objective.model_copy(update={"kpi_link": "required"})
    return arena.judge_side(arena.acting(arena.oracle()), objective=objective)


ADVERSARIES = (
    Adversary(oracle, (PROMOTE,)),
    Adversary(identical_twin, NO_GAIN),
    Adversary(random_scores, NO_GAIN),
    Adversary(inverted, NO_GAIN),
    Adversary(constant, NO_GAIN),
    Adversary(miscalibrated, NO_GAIN),
    Adversary(not_a_number, (INVALID,)),
    Adversary(percent_for_probability, (INVALID,)),
    Adversary(trained_on_the_gate, (INVALID,)),
    Adversary(trained_on_one_gate_row, (INVALID,)),
    Adversary(future_feature, (INVALID,)),
    Adversary(slice_saboteur, (REJECT,)),
    Adversary(rare_big_losses, NO_GAIN),
    Adversary(one_lucky_unit, NO_GAIN),
    Adversary(wrong_currency_unit, (INVALID,)),
    Adversary(ten_times_slower, (REJECT,)),
    Adversary(unserialisable, (INVALID,)),
    Adversary(unloadable_champion, (INVALID,)),
    Adversary(other_schema, (INVALID,)),
    Adversary(no_guardrails, (INVALID,)),
    Adversary(last_months_evidence, (INVALID,)),
    Adversary(redated_evidence, (INVALID,)),
    Adversary(other_snapshot, (INVALID,)),
    Adversary(repeated_rows, (INVALID,)),
    Adversary(immature_outcomes, (INVALID,)),
    Adversary(no_experiment, (Verdict.AB_REQUIRED,)),
)


class _Changed:
    """A model whose scores are changed on the way out."""

    def __init__(self, estimator: Any, change: Callable[[Floats], Floats]) -> None:
        self.estimator, self.change = estimator, change

    def predict_proba(self, rows: pd.DataFrame) -> Floats:
        """Return the changed probabilities."""
        return self.change(self.estimator.predict_proba(rows))


class _Slow:
    """A model that does its work ten times over."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        """Return the probabilities, late."""
        return [self.estimator.predict_proba(rows) for _ in range(10)][-1]


def _generator(arena: Arena) -> np.random.Generator:
    return np.random.default_rng(int(arena.use_case.settings.model["seed"]))


def _require(arena: Arena, *measures: str) -> None:
    if not any(rail.measure in measures for rail in arena.settings.guardrails):
        raise CannotTryError(f"add a guardrail on {' or '.join(measures)}")


def _refused(arena: Arena, check: str, error: Exception) -> Decision:
    """Return the decision of a run that was stopped before there was evidence."""
    words = str(error).replace(f"{arena.scratch}/", "")
    return refuse(words, arena.settings, check=check, subject=arena.use_case.name)


def _scored_by(arena: Arena, estimator: Any) -> Decision:
    try:
        scores = score(estimator, arena.gate, arena.champion.card)
    except ScoringError as error:
        return _refused(arena, "both_sides_score", error)
    return arena.judge_side(arena.side(scores))


def _that_saw(arena: Arena, rows: pd.DataFrame, side: Side) -> Side:
    """Return the side with files that say it has seen these rows."""
    folder = arena.own_files("saw")
    (folder / KEYS_FILE).write_bytes(row_keys(rows).tobytes())
    return replace(side, folder=folder)


def _last_month(arena: Arena) -> Evidence:
    try:
        return arena.last_month
    except Refusal as refusal:
        raise CannotTryError(f"there is no month before to show again: {refusal}") from refusal


def _ruin(arena: Arena, group: NDArray[np.intp], rail: Guardrail) -> Floats:
    """Return the best actions, but in the group the worst on as few rows as break the guardrail."""
    best = arena.oracle()
    loss = arena.gain(1 - best)[group]
    worst_first = np.argsort(loss, kind="stable")
    lost = np.cumsum(loss[worst_first]) / group.size < -2 * float(rail.may_lose or 0)
    enough = int(np.argmax(lost)) + 1 if lost.any() else group.size
    action = best.copy()
    action[group] = arena.champion.action[group]
    ruined = group[worst_first[: max(enough, int(rail.min_events or 0))]]
    action[ruined] = 1 - best[ruined]
    return action
