"""Who may speak to a server: every way that a page of somebody else has to reach loopback."""

import pytest

from kpi_gate.orchestration.servers.doors import OwnPagesOnly

OWN = ("127.0.0.1", "localhost", "::1")


def refused(host=None, origin=None, more=()):
    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(b"origin", origin.encode())] if origin is not None else []
    return OwnPagesOnly(None, OWN).refused([*headers, *more])


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "LOCALHOST", "[::1]:4200"])
def test_it_is_called_by_its_own_names(host):
    assert refused(host) == ""
    assert refused(host, f"http://{host}") == ""
    assert refused(host, f"https://{host}") == ""


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example:4200",
        "127.0.0.1.evil.example:4200",
        "evil-localhost",
        "localhost.:4200",
        "x@localhost:4200",
        "localhost:4200/evil",
        "localhost:port",
        "[::1",
        "10.0.0.1:4200",
    ],
)
def test_a_foreign_host_is_refused(host):
    assert "Host" in refused(host)


def test_two_hosts_are_refused():
    assert "Host" in refused("localhost:4200", more=[(b"host", b"localhost:4200")])


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost:3000",
        "http://localhost",
        "http://localhost.evil.example:4200",
        "http://localhost:4200@evil.example",
        "file://",
    ],
)
def test_a_page_of_another_origin_is_refused(origin):
    assert "Origin" in refused("localhost:4200", origin)


def test_the_other_name_of_the_same_page_is_its_own():
    assert refused("127.0.0.1:4200", "http://localhost:4200") == ""
    assert refused("localhost", "http://127.0.0.1") == ""
    assert refused("localhost", "https://localhost") == ""
