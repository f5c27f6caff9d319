"""The benchmark's client: what goes wrong with a connection is counted, not left out."""

import asyncio
from contextlib import asynccontextmanager

from benchmarks.serving.load import Target, load

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
FAULT = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{}"
LAST = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"


@asynccontextmanager
async def answering(*answers):
    """Answer one request after the other, over all connections; after CUT or LAST it hangs up."""
    left = list(answers)

    async def serve(reader, writer):
        try:
            while left:
                await reader.readuntil(b"{}")
                answer = left.pop(0)
                writer.write(answer)
                if answer in (CUT, LAST):
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def played(*answers):
    """Return what a load of so many requests by one client comes to, and what it has seen."""

    async def play():
        asked, seen = 0, []

        def body(number):
            nonlocal asked
            asked += 1
            return b"{}"

        async with answering(*answers) as port:
            target = Target(port, "/x", body)
            return await load(target, 1, lambda: asked >= len(answers), seen.append), seen

    return asyncio.run(play())


def test_answers_are_counted_by_status_and_only_sound_ones_are_handed_on():
    made, seen = played(FINE, FAULT, FINE)
    assert (made.statuses, made.failed) == ({200: 2, 503: 1}, 1)
    assert [(one.number, one.body) for one in seen] == [(0, b"{}"), (2, b"{}")]


def test_an_answer_that_breaks_off_is_a_lost_request_and_the_client_goes_on():
    made, seen = played(FINE, CUT, FINE)
    assert made.errors == {"IncompleteReadError": 1}
    assert (made.failed, made.statuses, len(seen)) == (1, {200: 2}, 2)


def test_a_connection_that_the_server_closes_by_its_word_loses_nothing():
    made, _ = played(LAST, FINE)
    assert (made.failed, made.statuses) == (0, {200: 2})


def test_a_server_that_is_not_there_is_counted():
    async def play():
        async with answering() as port:
            pass
        left = [False, True]
        return await load(Target(port, "/x", lambda number: b"{}"), 1, lambda: left.pop(0))

    made = asyncio.run(play())
    assert (made.errors, made.failed) == ({"ConnectionRefusedError": 1}, 1)
