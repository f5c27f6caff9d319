"""Models on disk: the same bytes for the same model, nothing unpickled, nothing half read."""

import os
import pickle
from functools import partial

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from kpi_gate.decision.evidence import Contender
from kpi_gate.record.model_files import MODEL_FILE, ModelCard, dump_model, load_model
from kpi_gate.record.registered import ModelError
from kpi_gate.record.registry import digest


def fitted(shift=0.0):
    x = np.linspace(-1, 1, 40)[:, None]
    return LogisticRegression().fit(x, (x[:, 0] > shift).astype(float))


def test_equal_models_are_equal_bytes_and_survive_a_round_trip(tmp_path):
    first, second = dump_model(fitted()), dump_model(fitted())
    assert first == second
    assert first != dump_model(fitted(0.3))
    (tmp_path / MODEL_FILE).write_bytes(first)
    loaded = load_model(tmp_path / MODEL_FILE)
    assert dump_model(loaded) == first
    rows = np.array([[0.1], [0.7]])
    assert (loaded.predict_proba(rows) == fitted().predict_proba(rows)).all()


def test_a_pickle_is_not_read(tmp_path):
    (tmp_path / MODEL_FILE).write_bytes(pickle.dumps(fitted()))
    with pytest.raises(ModelError, match=MODEL_FILE):
        load_model(tmp_path / MODEL_FILE)


def test_a_type_that_nobody_trusts_is_not_loaded_and_named_with_the_line_to_add(tmp_path):
    both = make_pipeline(FunctionTransformer(print), FunctionTransformer(input))
    skops.io.dump(both, tmp_path / MODEL_FILE)
    line = r'trusted_types=\("a.B", "builtins.input", "builtins.print",\)'
    with pytest.raises(ModelError, match=line):
        load_model(tmp_path / MODEL_FILE, ["a.B"])
    assert load_model(tmp_path / MODEL_FILE, ["builtins.input", "builtins.print"])


def local():
    def inner(rows):
        return rows

    return inner


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda rows: rows, "FunctionTransformer.func is a lambda: no other process"),
        (partial(lambda rows: rows), "FunctionTransformer.func is a lambda"),
        (local(), r"FunctionTransformer.func is test_model_files.inner, made inside a function"),
    ],
)
def test_what_no_other_process_can_find_is_named_by_its_place(function, words, tmp_path):
    content = dump_model(make_pipeline(FunctionTransformer(function)))
    (tmp_path / MODEL_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=f"{words}.*module's top level"):
        load_model(tmp_path / MODEL_FILE)


def test_a_part_that_cannot_be_written_is_named_by_its_place():
    with open(os.devnull) as file:  # noqa: PTH123
        held = make_pipeline(FunctionTransformer(kw_args={"to": file}))
        words = r"^FunctionTransformer.kw_args \(TextIOWrapper\) cannot be stored: "
        with pytest.raises(ModelError, match=words):
            dump_model(held)


def test_the_gaps_in_records_are_no_part_of_a_model():
    kind = np.dtype(
        {"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 16}
    )
    models = []
    for filled in (0, 7):
        memory = np.full(48, filled, dtype=np.uint8).view(kind)
        memory["a"], memory["b"] = 1, 2.0
        model = fitted()
        model.kept_ = memory
        models.append(dump_model(model))
    assert models[0] == models[1]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_half_written_model_is_one_clear_error(tmp_path, share):
    whole = dump_model(fitted())
    (tmp_path / MODEL_FILE).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match=MODEL_FILE):
        load_model(tmp_path / MODEL_FILE)


def test_cards_come_back_and_half_a_card_does_not(tmp_path):
    card = ModelCard(contender=Contender(name="candidate", digest="d"), features=("x",))
    card.write(tmp_path)
    assert ModelCard.read(tmp_path) == card
    (tmp_path / "card.json").write_text('{"contender": ')
    with pytest.raises(ModelError, match=r"card\.json"):
        ModelCard.read(tmp_path)


def test_the_digest_covers_the_policy():
    from kpi_gate.learning.policy import Policy, PolicySettings

    cards = [
        ModelCard(
            contender=Contender(name="candidate", digest=""),
            policy=Policy(settings=PolicySettings(margin=margin), parameters={}),
        )
        for margin in (0.0, 1.0)
    ]
    assert digest(b"model", cards[0]) != digest(b"model", cards[1])
