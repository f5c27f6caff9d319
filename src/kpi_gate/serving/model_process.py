"""The process beside a server in which models and functions run that need pandas.

`python -m kpi_gate.serving.model_process` answers the questions that come in on standard input, one
after another, on standard output: a length of four bytes, then JSON. What a user's code prints goes
to standard error.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.scored_model import expect, score
from kpi_gate.evaluation.views import at_decision, rule_of_thumb
from kpi_gate.learning.row_scoring import score_partly
from kpi_gate.learning.scoring import choice_chances
from kpi_gate.record.golden_rows import golden_difference
from kpi_gate.record.model_files import Model
from kpi_gate.serving.assignment import bucket_of
from kpi_gate.serving.export.reference import Reference, plain
from kpi_gate.serving.messages import packed, read_message
from kpi_gate.text import failure
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
Answer = dict[str, Any]
Row = Mapping[str, Any]


class Models:
    """The models, each with its use case, that this process holds."""

    def __init__(self) -> None:
        self._held: dict[str, Reference] = {}

    def load(self, key: str, folder: str, use_case: str) -> Answer:
        """Load a version and score its golden rows; the answer says what is wrong with it."""
        problem = discovery.load(use_case)
        model = Model(Path(folder), problem.trusted_types)
        fault = golden_difference(model)
        if not fault:
            self._held[key] = Reference(model, problem)
        return {"fault": fault}

    def recheck(self, key: str) -> Answer:
        """Score the golden rows again."""
        return {"fault": golden_difference(self._held[key].model)}

    def unload(self, key: str) -> Answer:
        """Forget a version."""
        self._held.pop(key, None)
        return {}

    def decide(self, key: str, rows: Sequence[Row]) -> Answer:
        """Return what a version does on each row, before any budget."""
        held = self._held[key]
        if held.use_case.choices is not None:
            return _choose(held, rows)
        return {**held.decide(rows)._asdict(), "level": None}

    def rule(self, key: str, rows: Sequence[Row]) -> Answer:
        """Return what the business does without a model, for each row."""
        held = self._held[key]
        table = held.frame(rows)
        if held.use_case.choices is not None:
            return _drawn(_usual(held.use_case, table), held.use_case, rows)
        action = plain(rule_of_thumb(held.use_case, table))
        return {"action": action, "propensity": [1.0] * len(table), "level": None}


def _choose(held: Reference, rows: Sequence[Row]) -> Answer:
    """Draw a level for each row with the chances that the policy gives it."""
    use_case, estimator = held.use_case, held.model.estimator
    assert use_case.choices is not None  # noqa: S101  (see `decide`)
    features, levels = held.model.card.features, use_case.choices.levels
    table = use_case.choices.as_if(held.frame(rows), levels[0])  # the choice will set it
    nothing = np.full((len(table), len(levels)), np.nan)
    found = score_partly(
        lambda part: score(estimator, part, features, use_case), table, features, nothing
    )
    chances, scored = _usual(use_case, table), ~found.failed
    if scored.any():
        amounts = expect(estimator, table[scored], features, use_case)
        chances[scored] = choice_chances(
            held.policy,
            use_case.value,
            found.scores[scored],
            at_decision(use_case, table[scored]),
            use_case.choices,
            use_case.expected,
            amounts,
        )
    answer = _drawn(chances, use_case, rows)
    picked = found.scores[np.arange(len(table)), np.asarray(answer["action"], dtype=int)]
    faults = held.faults(table, found.failed).tolist()
    return {**answer, "score": plain(picked), "fault": faults, "advantage": None}


def _usual(use_case: UseCase, table: pd.DataFrame) -> Floats:
    """Return the chances of each level without a model, shape `(n, levels)`."""
    assert use_case.choices is not None  # noqa: S101
    by_level = [
        rule_of_thumb(use_case, use_case.choices.as_if(table, level))
        for level in use_case.choices.levels
    ]
    return np.column_stack(by_level)


def _drawn(chances: Floats, use_case: UseCase, rows: Sequence[Row]) -> Answer:
    """Draw by lot that the decision's id decides, so that it can be drawn again."""
    assert use_case.choices is not None  # noqa: S101
    whole = chances / chances.sum(axis=1, keepdims=True)
    lot = bucket_of(f"draw|{use_case.name}")
    lots = np.array([lot(row["id"]) for row in rows])
    places = (np.cumsum(whole, axis=1) <= lots[:, None]).sum(axis=1)
    places = np.minimum(places, whole.shape[1] - 1)
    return {
        "action": plain(places.astype(float)),
        "propensity": plain(whole[np.arange(len(rows)), places]),
        "level": [use_case.choices.levels[place] for place in places],
    }


def answer(models: Models, question: Mapping[str, Any]) -> Answer:
    """Answer one question; what a user's code raises is an answer too."""
    verbs: dict[str, Callable[..., Answer]] = {
        "load": models.load,
        "recheck": models.recheck,
        "unload": models.unload,
        "decide": models.decide,
        "rule": models.rule,
    }
    try:
        found = verbs[question["do"]](**question["with"])
    except Exception as error:  # noqa: BLE001  (whatever a user's code raises)
        found = {"error": failure(error)}
    return {**found, "number": question["number"]}


def main() -> None:
    """Answer until the server ends; a version is loaded while others answer."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a user's code prints is no answer
    models, whole = Models(), Lock()

    def respond(question: Mapping[str, Any]) -> None:
        found = answer(models, question)
        with whole, suppress(BrokenPipeError):
            target.write(packed(found))
            target.flush()

    while (question := read_message(source)) is not None:
        if question["do"] == "load":
            Thread(target=respond, args=(question,), daemon=True).start()
        else:
            respond(question)
    os._exit(0)  # a thread may still load what nobody waits for


if __name__ == "__main__":
    main()
