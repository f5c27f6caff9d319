"""Loopback is never asked through a proxy, by whichever library."""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kpi_gate.environment import NAMES, read_directly, spare_proxies


@pytest.fixture
def proxy(monkeypatch):
    """A proxy that answers everything with 502 and counts what it is asked."""
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(502)

        do_POST = do_CONNECT = do_GET  # noqa: N815  (http.server's names)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_address[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        yield asked
        server.shutdown()
        thread.join()


@pytest.fixture
def page():
    """A page on loopback."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_no_library_of_ours_asks_the_proxy_for_loopback(proxy, page):
    import httpx
    import requests

    assert read_directly(page, timeout=5) == b"here"  # even where nobody has spared it
    spare_proxies()
    for address in (page, page.replace("127.0.0.1", "localhost")):
        assert httpx.get(address).text == "here"
        with httpx.Client() as client:
            assert client.get(address).text == "here"
        assert requests.get(address, timeout=5).text == "here"
    assert proxy == []
    assert httpx.get("http://elsewhere.example/").status_code == 502  # the others' go through it
    assert proxy == ["http://elsewhere.example/"]


def test_what_is_spared_already_stays_spared(proxy, monkeypatch):
    monkeypatch.setenv("no_proxy", "intern.example, 10.0.0.0/8,localhost")
    spare_proxies()
    spare_proxies()
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"]
    words = os.environ["NO_PROXY"].split(",")
    assert sorted(words) == sorted({"intern.example", "10.0.0.0/8", *NAMES})


def test_a_port_where_nobody_listens_answers_nothing():
    assert read_directly("http://127.0.0.1:9/", timeout=1) is None
