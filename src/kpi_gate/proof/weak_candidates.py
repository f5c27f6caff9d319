"""Adversaries whose evidence is true and whose models do not deserve to win; and an oracle."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.checks.twins import hold_against_twin
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.verdict import Decision
from kpi_gate.evaluation.metrics import time_sides
from kpi_gate.proof.harness import Arena, CannotTryError
from kpi_gate.proof.oracle import best, nearly_best, worst
from kpi_gate.record.model_files import Model

Floats = NDArray[np.float64]
OVER_AND_OVER = 20
LATENCY = ("latency_ms", "latency_ratio")
BIG = 5.0  # times the usual saving: what makes a loss big


def oracle(arena: Arena) -> Decision:
    """Knows every outcome and meets a weak champion: a gate that stays shut never opens."""
    arena = arena.beside_the_baseline()
    return arena.judge_side(arena.acting(nearly_best(arena)))


def identical_twin(arena: Arena) -> Decision:
    """Is the champion under another name: a tie."""
    return arena.judge_side(arena.side())


def random_scores(arena: Arena) -> Decision:
    """Draws its scores."""
    generator = np.random.default_rng(int(arena.use_case.settings.model["seed"]))
    return arena.judge_side(arena.side(generator.random(arena.champion.scores.shape)))


def inverted(arena: Arena) -> Decision:
    """Ranks upside down."""
    return arena.judge_side(arena.side(1 - arena.champion.scores))


def constant(arena: Arena) -> Decision:
    """Gives everyone the mean outcome."""
    mean = arena.gate["outcome"].mean()
    return arena.judge_side(arena.side(np.full(arena.champion.scores.shape, float(mean))))


def miscalibrated(arena: Arena) -> Decision:
    """Multiplies the champion's scores by 1.6: the same AUC, other decisions."""
    return arena.judge_side(arena.side(np.clip(1.6 * arena.champion.scores, 0, 1)))


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
    if arena.use_case.choices is not None:
        raise CannotTryError("what is logged is never lost: the worst choice earns nothing")
    if arena.use_case.value.base is not None:
        raise CannotTryError("a ratio counts: no row of it weighs far more than the others")
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
    wanted, action = best(arena), arena.champion.action.copy()
    luckiest = np.argmax(arena.gain(wanted))
    action[luckiest] = wanted[luckiest]
    return arena.judge_side(arena.acting(action))


def ten_times_slower(arena: Arena) -> Decision:
    """Is an oracle that takes ten times as long."""
    if not any(rail.measure in LATENCY for rail in arena.settings.guardrails):
        raise CannotTryError(f"add a guardrail on {' or '.join(LATENCY)}")
    arena = arena.beside_the_baseline()
    fast = arena.acting(nearly_best(arena))
    model = Model(fast.model.folder, card=fast.card, estimator=_Slow(arena.champion.estimator))
    slow = replace(fast, model=model)
    timings = time_sides({"champion": arena.champion, "candidate": slow}, arena.gate)
    return arena.judge(arena.evidence(slow, timings=timings))


class _Slow:
    """A model that does its work so often that all that is timed takes ten times as long.

    What is timed holds more than the model: of a quick one, hardly half is its own.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        """Return the probabilities, late."""
        return [self.estimator.predict_proba(rows) for _ in range(OVER_AND_OVER)][-1]


def refit_unlike_its_twin(arena: Arena) -> Decision:
    """Is an oracle when it is measured, and acts otherwise once it is fitted again."""
    arena = arena.beside_the_baseline()
    measured = arena.evidence(arena.acting(nearly_best(arena)))
    refitted = arena.evidence(arena.acting(worst(arena)))
    window = arena.use_case.settings.window
    held = hold_against_twin(
        measured,
        refitted,
        arena.settings,
        may_change=window.refit_may_change,
        may_lose=window.refit_may_lose,
    )
    return arena.judge(measured).model_copy(update={"refit": held})


def _ruin(arena: Arena, group: NDArray[np.intp], rail: Guardrail) -> Floats:
    """Return the best actions, but in the group the worst on as few rows as break the guardrail."""
    action, opposite = best(arena), worst(arena)
    if arena.use_case.choices is not None:
        action[group] = opposite[group]  # a row alone tells nothing of a choice
        return action
    loss = arena.gain(opposite)[group]
    worst_first = np.argsort(loss, kind="stable")
    lost = np.cumsum(loss[worst_first]) / group.size < -2 * float(rail.may_lose or 0)
    enough = int(np.argmax(lost)) + 1 if lost.any() else group.size
    action[group] = arena.champion.action[group]
    ruined = group[worst_first[: max(enough, int(rail.min_events or 0))]]
    action[ruined] = opposite[ruined]
    return action
