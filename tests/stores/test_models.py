"""Models on disk: the same bytes for the same model, nothing unpickled, nothing half read."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from kpi_gate.decision.evidence import Contender
from kpi_gate.stores.models import MODEL_FILE, ModelCard, ModelError, dump_model, load_model
from kpi_gate.stores.registry import digest


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


def test_a_type_that_nobody_trusts_is_not_loaded(tmp_path):
    skops.io.dump(FunctionTransformer(print), tmp_path / MODEL_FILE)
    with pytest.raises(ModelError, match="trusted_types"):
        load_model(tmp_path / MODEL_FILE)


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
