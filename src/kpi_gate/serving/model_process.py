"""The process beside a server in which models and functions run that need pandas.

`python -m kpi_gate.serving.model_process` answers the questions that come in on standard input, one
after another, on standard output: a length of four bytes, then JSON. What a user's code prints goes
to standard error.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock, Thread
from typing import Any, BinaryIO

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.scored_model import expect, policy_of, score, work
from kpi_gate.evaluation.views import rule_of_thumb
from kpi_gate.learning.row_scoring import score_partly
from kpi_gate.learning.scoring import choice_chances
from kpi_gate.record.golden_rows import golden_difference
from kpi_gate.record.model_files import Model
from kpi_gate.text import failure
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
Answer = dict[str, Any]
HEAD = 4  # bytes that say how long a message is
SERVED = "champion"  # a row that it cannot score gets the action of the rule of thumb


class Models:
    """The models and use cases that this process holds."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[Model, UseCase]] = {}

    def load(self, key: str, folder: str, use_case: str) -> Answer:
        """Load a version and score its golden rows; the answer says what is wrong with it."""
        problem = discovery.load(use_case)
        if not folder:
            self._models[key] = (Model(Path()), problem)
            return {"fault": ""}
        model = Model(Path(folder), problem.trusted_types)
        fault = golden_difference(model)
        if not fault:
            self._models[key] = (model, problem)
        return {"fault": fault}

    def recheck(self, key: str) -> Answer:
        """Score the golden rows again."""
        return {"fault": golden_difference(self._models[key][0])}

    def unload(self, key: str) -> Answer:
        """Forget a version."""
        self._models.pop(key, None)
        return {}

    def decide(self, key: str, rows: Sequence[Mapping[str, Any]]) -> Answer:
        """Return score, action, propensity, advantage and fault of each row."""
        model, use_case = self._models[key]
        table = frame(rows, model.golden, use_case)
        if use_case.choices is not None:
            return _choose(model, use_case, table, rows)
        done = work(SERVED, model, use_case, table, instead=np.full(len(table), np.nan))
        failed = done.scored.failed
        return {
            "score": _listed(np.where(failed, np.nan, done.scored.scores)),
            "action": _listed(done.action),
            "propensity": [1.0] * len(table),
            "fault": [done.scored.words if wrong else "" for wrong in failed],
            "level": None,
        }

    def rule(self, key: str, rows: Sequence[Mapping[str, Any]]) -> Answer:
        """Return what the business does without a model, for each row."""
        model, use_case = self._models[key]
        golden = model.golden if model.folder != Path() else None
        table = frame(rows, golden, use_case)
        if use_case.choices is not None:
            return _drawn(_usual(use_case, table), use_case, rows)
        return {
            "action": _listed(rule_of_thumb(use_case, table)),
            "propensity": [1.0] * len(table),
            "level": None,
        }


def frame(
    rows: Sequence[Mapping[str, Any]], golden: pd.DataFrame | None, use_case: UseCase
) -> pd.DataFrame:
    """Return rows as the use case's own functions know them.

    Args:
        rows: By column; they have been checked.
        golden: Rows that the model was tried on: their types are what it knows.
        use_case: Says which columns are numbers.
    """
    table = pd.DataFrame.from_records(list(rows))
    now = pd.Timestamp.now("UTC")
    given = table["event_time"] if "event_time" in table else pd.Series(now, table.index)
    table["event_time"] = pd.to_datetime(given, utc=True, format="ISO8601").fillna(now)
    numbers = {feature.name for feature in use_case.features if feature.kind == "number"}
    for name in table.columns.difference(["event_time"]):
        kind = None if golden is None or name not in golden else golden[name].dtype
        if kind is None:
            if name in numbers:
                table[name] = pd.to_numeric(table[name])
        elif not (pd.api.types.is_integer_dtype(kind) and table[name].isna().any()):
            table[name] = table[name].astype(kind)
    return table


def _choose(
    model: Model, use_case: UseCase, table: pd.DataFrame, rows: Sequence[Mapping[str, Any]]
) -> Answer:
    """Draw a level for each row with the chances that the policy gives it."""
    assert use_case.choices is not None  # noqa: S101
    features, levels = model.card.features, use_case.choices.levels
    table = use_case.choices.as_if(table, levels[0])  # a column that the choice will set
    nothing = np.full((len(table), len(levels)), np.nan)
    found = score_partly(
        lambda part: score(model.estimator, part, features, use_case), table, features, nothing
    )
    chances = _usual(use_case, table)
    scored = ~found.failed
    if scored.any():
        amounts = expect(model.estimator, table[scored], features, use_case)
        chances[scored] = choice_chances(
            policy_of(model.card),
            use_case.value,
            found.scores[scored],
            table[scored],
            use_case.choices,
            use_case.expected,
            amounts,
        )
    answer = _drawn(chances, use_case, rows)
    place = np.asarray(answer["action"], dtype=int)
    picked = found.scores[np.arange(len(table)), place]
    faults = [found.words if wrong else "" for wrong in found.failed]
    return {**answer, "score": _listed(picked), "fault": faults}


def _usual(use_case: UseCase, table: pd.DataFrame) -> Floats:
    """Return the chances of each level without a model, shape `(n, levels)`."""
    assert use_case.choices is not None  # noqa: S101
    by_level = [
        rule_of_thumb(use_case, use_case.choices.as_if(table, level))
        for level in use_case.choices.levels
    ]
    return np.column_stack(by_level)


def _drawn(chances: Floats, use_case: UseCase, rows: Sequence[Mapping[str, Any]]) -> Answer:
    """Draw by lot that the decision's id decides, so that it can be drawn again."""
    assert use_case.choices is not None  # noqa: S101
    whole = chances / chances.sum(axis=1, keepdims=True)
    lots = np.array([_lot(use_case.name, row["id"]) for row in rows])
    places = (np.cumsum(whole, axis=1) <= lots[:, None]).sum(axis=1)
    places = np.minimum(places, whole.shape[1] - 1)
    return {
        "action": _listed(places.astype(float)),
        "propensity": _listed(whole[np.arange(len(rows)), places]),
        "level": [use_case.choices.levels[place] for place in places],
    }


def _lot(use_case: str, decision: str) -> float:
    drawn = sha256(f"draw|{use_case}|{decision}".encode()).digest()
    return int.from_bytes(drawn[:8], "big") / 2.0**64


def _listed(numbers: Floats) -> list[float | None]:
    """Return numbers as JSON holds them: what is not finite is none."""
    return [value if np.isfinite(value) else None for value in numbers.tolist()]


def read_message(source: BinaryIO) -> Any:
    """Read one message; None at the end."""
    head = source.read(HEAD)
    if len(head) < HEAD:
        return None
    return orjson.loads(source.read(int.from_bytes(head, "big")))


def write_message(target: BinaryIO, message: object) -> None:
    """Write one message."""
    content = orjson.dumps(message)
    target.write(len(content).to_bytes(HEAD, "big") + content)
    target.flush()


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
            write_message(target, found)

    while (question := read_message(source)) is not None:
        if question["do"] == "load":
            Thread(target=respond, args=(question,), daemon=True).start()
        else:
            respond(question)
    os._exit(0)  # a thread may still load what nobody waits for


if __name__ == "__main__":
    main()
