import json
import stat

import pytest
from asgi_calls import Echo, ask

from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.http import keys
from kpi_gate.serving.http.keys import Keyed, Keys, listed, new_key, revoke


@pytest.fixture
def path(tmp_path):
    return tmp_path / "serving" / "keys.json"


@pytest.fixture(autouse=True)
def _looks_each_time(monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0.0)


def shown(written):
    return {"authorization": f"Bearer {written}"}


def test_only_the_hash_is_kept_and_only_its_owner_may_read_the_file(path):
    key, written = new_key(path, "checkout", ["decide"])
    secret = written.removeprefix(f"kg_{key.id}_")
    assert len(secret) == 43
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert listed(path) == [key]


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("decide", {"/campaign/decisions"}),
        ("read", {"/version", "/metrics"}),
        ("admin", {"/campaign/return"}),
    ],
)
def test_a_key_may_do_what_its_scope_says_and_no_more(path, scope, allowed):
    echo = Echo()
    _, written = new_key(path, "k", [scope])
    app = Keyed(echo, Keys(path))
    paths = ["/campaign/decisions", "/campaign/return", "/version", "/metrics"]
    found = {each: ask(app, each, headers=shown(written)).status for each in paths}
    assert {each for each, status in found.items() if status == 200} == allowed
    assert set(found.values()) == {200, 403}
    assert ask(app, "/openapi.json", headers=shown(written)).status == 200


def test_a_key_of_one_use_case_is_none_of_another(path):
    echo = Echo()
    key, written = new_key(path, "k", ["decide"], ["campaign"])
    app = Keyed(echo, Keys(path))
    found = ask(app, "/campaign/decisions", headers=shown(written))
    assert (found.status, found.scope["state"]["key"]) == (200, key.id)
    refused = ask(app, "/churn/decisions", headers=shown(written))
    assert refused.status == 403
    assert "churn" in json.loads(refused.body)["detail"]


def test_whoever_shows_no_key_or_a_wrong_one_is_not_let_in(path):
    echo = Echo()
    key, written = new_key(path, "k", ["decide", "read", "admin"])
    app = Keyed(echo, Keys(path))
    wrong = [
        {},
        {"authorization": ""},
        {"authorization": written},
        {"authorization": f"Basic {written}"},
        shown(written[:-1]),
        shown(f"{written[:-1]}{'a' if written[-1] != 'a' else 'b'}"),
        shown(f"kg_{key.id}_" + "a" * 43),
        shown("kg_000000000000_" + "a" * 43),
        shown("ÿ" * 60),
        shown(written.upper()),
    ]
    for headers in wrong:
        found = ask(app, "/campaign/decisions", headers=headers)
        assert found.status == 401, headers
        assert found.headers["www-authenticate"] == "Bearer"
        assert found.headers["content-type"] == "application/problem+json"
    assert echo.asked == 0
    for probe in ("/health", "/ready"):
        assert ask(app, probe, "GET").status == 200


def test_keys_are_followed_without_a_restart(path):
    echo = Echo()
    app = Keyed(echo, Keys(path))
    key, written = new_key(path, "first", ["decide"])
    assert ask(app, "/a/decisions", headers=shown(written)).status == 200
    other, _ = new_key(path, "second", ["read"])
    assert revoke(path, "first") == key
    assert ask(app, "/a/decisions", headers=shown(written)).status == 401
    assert listed(path) == [other]


def test_of_a_file_that_cannot_be_read_nothing_is_forgotten(path):
    echo = Echo()
    found = Keys(path)
    app = Keyed(echo, found)
    _, written = new_key(path, "k", ["decide"])
    assert ask(app, "/a/decisions", headers=shown(written)).status == 200
    path.write_text('{"format": 1, "keys": {"x": 1}}')
    assert ask(app, "/a/decisions", headers=shown(written)).status == 200
    assert "cannot be read" in found.fault
    with pytest.raises(ServingError, match="cannot be read"):
        new_key(path, "k", ["decide"])
    path.unlink()
    assert ask(app, "/a/decisions", headers=shown(written)).status == 401
    assert not found.fault


@pytest.mark.parametrize(
    ("name", "scopes", "words"),
    [("", ["read"], "name"), ("x" * 101, ["read"], "name"), ("k", [], "none"), ("k", ["x"], "x")],
)
def test_a_key_needs_a_name_and_scopes_that_there_are(path, name, scopes, words):
    with pytest.raises(ServingError, match=words):
        new_key(path, name, scopes)
    assert not path.exists()


def test_only_one_key_is_revoked(path):
    new_key(path, "same", ["read"])
    new_key(path, "same", ["read"])
    for which in ("same", "none"):
        with pytest.raises(ServingError, match=r"is not one key; there are: \w+ \(same\)"):
            revoke(path, which)
    assert len(listed(path)) == 2
