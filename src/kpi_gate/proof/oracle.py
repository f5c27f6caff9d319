"""Actions by the rows' own outcomes: the best, those that err on purpose, and the worst."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpi_gate.evaluation.scored_model import actions, policy_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kpi_gate.learning.logged_choices import Choices
    from kpi_gate.proof.harness import Arena

    Floats = NDArray[np.float64]


def best(arena: Arena) -> Floats:
    """Return the best actions that the policy can take.

    Of logged choices one outcome a row is known, and a policy that looked at it would not be one
    that the log can judge: there it prefers what paid on these rows on average.
    """
    choices = arena.use_case.choices
    if choices is not None:
        return _preferring(arena, choices, best=True)
    return _acting_on(arena, _foreseen(arena))


def nearly_best(arena: Arena) -> Floats:
    """Return the best actions, with as many small losses as the objective must have seen.

    Where losses are rare and large, a gate that has seen none is right to stay shut.
    """
    action, wanted = best(arena), 2 * arena.settings.objective.min_loss_events
    if arena.use_case.choices is not None or not wanted:
        return action
    loss = np.where(_sure(arena), arena.gain(1 - action), 0.0)
    won, unit = np.where(action > 0, arena.gain(action), 0.0), arena.gate["unit"]
    gaining = unit.isin(unit[won > 0])  # what such a unit loses would not show
    mistaken = _smallest(-loss, wanted, (~unit.duplicated() & ~gaining).to_numpy())
    foreseen = _foreseen(arena)
    foreseen[mistaken] = 1 - foreseen[mistaken]
    left_out = int((_acting_on(arena, foreseen)[mistaken] == action[mistaken]).sum())
    # a budget must have room for them: what wins least gives way
    foreseen[_smallest(won, 2 * left_out, action > 0)] = 0.0
    return _acting_on(arena, foreseen)


def worst(arena: Arena) -> Floats:
    """Return the worst actions that the policy can take."""
    choices = arena.use_case.choices
    if choices is not None:
        return _preferring(arena, choices, best=False)
    foreseen = _foreseen(arena)
    return _acting_on(arena, np.where(_sure(arena), 1 - foreseen, foreseen))


def _sure(arena: Arena) -> NDArray[np.bool_]:
    """Mark the rows whose outcome was sure to be seen; one of the others stands for many."""
    known = np.isfinite(arena.outcome)
    if arena.use_case.settings.estimator.kind != "selective":
        return known
    sure: NDArray[np.bool_] = known & (arena.gate["propensity"] >= 1).to_numpy()
    return sure


def _foreseen(arena: Arena) -> Floats:
    """Return what happened; where it was not sure to be seen, what the champion does."""
    return np.where(_sure(arena), arena.outcome, arena.champion.action)


def _acting_on(arena: Arena, foreseen: Floats) -> Floats:
    champion = arena.champion
    policy, amounts = policy_of(champion.card), champion.amounts
    action = actions(policy, arena.use_case, foreseen, arena.gate, amounts)
    return np.where(_sure(arena), action, champion.action)


def _preferring(arena: Arena, choices: Choices, *, best: bool) -> Floats:
    """Return the chance of the logged choice where a tenth of the choices is shown, alike."""
    logged, levels = choices.logged(arena.gate), len(choices.levels)
    propensity = arena.gate["propensity"].to_numpy(dtype=np.float64)
    paid = np.bincount(logged, arena.champion.value / propensity, levels)
    shown = max(1, levels // 10)
    ranked = np.argsort(-paid if best else paid, kind="stable")[:shown]
    return np.isin(logged, ranked) / shown


def _smallest(sizes: Floats, wanted: int, among: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the rows with the smallest sizes above zero."""
    found = np.flatnonzero((sizes > 0) & among)
    return found[np.argsort(sizes[found], kind="stable")[:wanted]]
