"""The secret of a home: made once, read by its owner alone, told to nobody who does not know it."""

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from kpi_gate.record.prefect_key import (
    ADDRESS,
    KeyFileError,
    is_ours,
    key_file,
    make_key,
    meet_prefect,
    proof,
    read_key,
)

NAMES = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Begin with none of the variables, and leave none behind."""
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", "elsewhere")


@contextmanager
def listening(answer):
    """Serve `answer(nonce, port)` at every path, and note what is asked."""
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.headers)
            (nonce,) = parse_qs(urlsplit(self.path).query)["nonce"]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer(nonce, server.server_address[1])).encode())

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api", asked
        server.shutdown()
        thread.join()


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path):
    old = os.umask(0)
    try:
        with ThreadPoolExecutor(8) as pool:
            made = set(pool.map(make_key, [tmp_path] * 16))
    finally:
        os.umask(old)
    assert made == {read_key(tmp_path)}
    user, _, password = made.pop().partition(":")
    assert user == "kpi-gate"
    assert len(password) >= 43
    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [key_file(tmp_path).name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_one_that_others_may_read_is_not_used(tmp_path, mode):
    make_key(tmp_path)
    key_file(tmp_path).chmod(mode)
    for read in (read_key, make_key):
        with pytest.raises(KeyFileError, match=f"mode {mode:04o}, must be yours with 0600.*Delete"):
            read(tmp_path)


def test_a_server_that_knows_the_secret_is_used(tmp_path):
    key = make_key(tmp_path)
    with listening(lambda nonce, port: proof(key, nonce, port)) as (address, asked):
        (tmp_path / ADDRESS).write_text(address)
        meet_prefect(tmp_path)
        assert os.environ["PREFECT_API_URL"] == address
        assert os.environ["PREFECT_API_AUTH_STRING"] == key
        by_name = address.replace("127.0.0.1", "localhost")
        os.environ["PREFECT_API_URL"] = by_name
        meet_prefect(tmp_path)
        assert os.environ["PREFECT_API_URL"] == by_name
    assert all("authorization" not in headers for headers in asked)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _, __: True,
        lambda nonce, port: proof("kpi-gate:guess", nonce, port),
        lambda nonce, _: nonce,
    ],
)
def test_who_listens_there_instead_is_told_nothing(tmp_path, answer):
    key = make_key(tmp_path)
    with listening(answer) as (address, asked):
        assert not is_ours(address, key)
        (tmp_path / ADDRESS).write_text(address)
        meet_prefect(tmp_path)
        assert not set(NAMES) & set(os.environ)
        os.environ["PREFECT_API_URL"] = address.replace("127.0.0.1", "localhost")
        meet_prefect(tmp_path)
    assert "PREFECT_API_AUTH_STRING" not in os.environ
    assert all("authorization" not in headers for headers in asked)


def test_a_proof_for_another_port_is_none(tmp_path):
    key = make_key(tmp_path)
    with listening(lambda nonce, port: proof(key, nonce, port + 1)) as (address, _):
        assert not is_ours(address, key)


def test_a_server_of_somebody_else_is_not_told_the_secret(tmp_path, monkeypatch):
    make_key(tmp_path)
    (tmp_path / ADDRESS).write_text("http://127.0.0.1:9/api")
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "his:own")
    meet_prefect(tmp_path)
    assert os.environ["PREFECT_API_AUTH_STRING"] == "his:own"


def test_the_server_that_prefect_starts_for_one_process_asks_too(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    meet_prefect(tmp_path)
    once = os.environ["PREFECT_SERVER_API_AUTH_STRING"]
    assert once == os.environ["PREFECT_API_AUTH_STRING"] != make_key(tmp_path)
    assert "PREFECT_API_URL" not in os.environ
