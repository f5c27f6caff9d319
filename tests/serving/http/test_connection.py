"""Bytes on a real connection, before they are a request."""

import asyncio
import json
from contextlib import suppress

import pytest
from asgi_calls import Echo
from uvicorn import Config
from uvicorn.server import ServerState

from kpi_gate.serving.http import connection
from kpi_gate.serving.http.connection import LARGEST_HEAD, Connection
from kpi_gate.serving.options import ServeOptions

HEAD = b"POST /a HTTP/1.1\r\nhost: localhost\r\n"
HELLO = b"\r\n5\r\nhello\r\n0\r\n\r\n"  # one chunk, and the end
MANY = [b"x: y\r\n" * 5_500] * 2  # 66,000 bytes


@pytest.fixture
def talk(monkeypatch):
    """Send parts to a server of its own; return what it answers."""
    monkeypatch.setenv("KPI_GATE_SERVE", ServeOptions(use_cases=("a",)).model_dump_json())
    connection._longest.cache_clear()
    config = Config(Echo(), interface="asgi3", log_config=None)

    def ask(*parts):
        return asyncio.run(_answer(config, parts))

    yield ask
    connection._longest.cache_clear()


async def _answer(config, parts):
    loop, state = asyncio.get_running_loop(), ServerState()
    server = await loop.create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        server.close()
        await server.wait_closed()


def closing(body, *head):
    lines = [b"content-length: %d" % len(body), b"connection: close", *head, b"", body]
    return b"\r\n".join(lines)


def detail(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    return json.loads(body)["detail"]


def test_a_sound_request_is_answered_however_it_is_cut(talk):
    whole = HEAD + closing(b"hello")
    assert talk(whole).endswith(HELLO)
    assert talk(whole[:9], whole[9:60], whole[60:]).endswith(HELLO)
    first = HEAD + b"content-length: 2\r\n\r\nno"
    assert talk(first + whole[:30], whole[30:]).endswith(HELLO)


def test_a_large_body_does_not_count_as_the_head_of_the_next_request(talk):
    large = b"x" * (2 * LARGEST_HEAD)
    first = HEAD + b"content-length: %d\r\n\r\n" % len(large) + large
    assert talk(first, HEAD, closing(b"hello")).endswith(HELLO)


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + b"x: ", b"a" * 40_000, b"a" * 40_000],
        [b"GET /", b"a" * 40_000, b"a" * 40_000],
        [HEAD, *MANY],
        [HEAD + b"content-length: 0\r\n\r\n", HEAD, *MANY],
    ],
)
def test_a_head_that_goes_on_and_on_is_refused(talk, parts):
    answer = talk(*parts)
    assert b"HTTP/1.1 431 " in answer
    assert "64,000 bytes" in detail(answer[answer.index(b"HTTP/1.1 431") :])


@pytest.mark.parametrize("parts", [[], [b"GET /ver"], [HEAD + b"content-length: 0\r\n\r\n", HEAD]])
def test_a_head_that_does_not_come_ends_the_connection(talk, monkeypatch, parts):
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    answer = talk(*parts)
    assert "0.1 s" in detail(answer[answer.index(b"HTTP/1.1 408") :])


def test_what_is_no_request_is_a_problem(talk):
    assert "HTTP" in detail(talk(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"))


def test_trailers_end_where_the_largest_body_would(talk, monkeypatch):
    monkeypatch.setattr(connection, "_OVERHEAD", 0)
    start = HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n"
    assert talk(start, *[b"x: y\r\n" * 4_000] * 4) == b""
