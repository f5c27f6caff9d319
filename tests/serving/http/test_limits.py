import json

import pytest
from asgi_calls import Echo, ask

from kpi_gate.serving.http.limits import Bounds, Limited, OwnNameOnly, own_names


def parts(*bodies):
    last = len(bodies) - 1
    return [
        {"type": "http.request", "body": body, "more_body": place < last}
        for place, body in enumerate(bodies)
    ]


def detail(found):
    content = json.loads(found.body)
    assert found.headers["content-type"] == "application/problem+json"
    assert content["status"] == found.status
    return content["detail"]


def test_a_body_is_handed_on_whole():
    echo = Echo()
    app = Limited(echo, Bounds(body_bytes=10))
    assert ask(app, messages=parts(b"12345", b"", b"67890")).body == b"1234567890"
    assert ask(app, body=b"").body == b""


@pytest.mark.parametrize(
    ("headers", "messages"),
    [
        ({"content-length": "11"}, parts(b"12345678901")),
        ({"content-length": "99999999999999999999"}, parts(b"1")),
        ({"content-length": "3"}, parts(b"12345678901")),
        ({}, parts(b"12345678901")),
        ({"transfer-encoding": "chunked"}, parts(*[b"123456"] * 1_000)),
    ],
)
def test_a_body_that_is_too_large_is_refused_as_soon_as_that_is_known(headers, messages):
    echo = Echo()
    found = ask(Limited(echo, Bounds(body_bytes=10)), headers=headers, messages=messages)
    assert found.status == 413
    assert "at most 10 bytes" in detail(found)
    assert echo.asked == 0
    assert len(messages) == 1 or len(found.rest) == len(messages) - 2


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application"])
def test_what_says_that_it_is_no_json_is_refused(kind):
    echo = Echo()
    app = Limited(echo, Bounds())
    found = ask(app, headers={"content-type": kind})
    assert found.status == 415
    assert kind in detail(found)
    assert ask(app, headers={"content-type": "Application/JSON; charset=utf-8"}).status == 200


def test_a_body_that_does_not_come_ends_the_request():
    echo = Echo()
    app = Limited(echo, Bounds(request_seconds=0.02))
    found = ask(app, messages=[{"type": "http.request", "body": b"1", "more_body": True}])
    assert found.status == 408
    assert "0.02 s" in detail(found)
    assert ask(app, messages=[{"type": "http.disconnect"}]).status == 400
    assert echo.asked == 0


def test_an_answer_that_takes_too_long_is_given_up():
    found = ask(Limited(Echo(wait=5), Bounds(request_seconds=0.02)))
    assert found.status == 503
    assert found.headers["retry-after"] == "1"


def test_a_fault_of_the_app_is_not_hidden():
    async def broken(scope, receive, send):
        raise KeyError("x")

    with pytest.raises(KeyError):
        ask(Limited(broken, Bounds()))


def test_more_at_once_than_can_be_answered_is_told_to_come_again():
    echo = Echo()
    app = Limited(echo, Bounds(at_once=0))
    assert ask(app, "/a/decisions").status == 503
    assert ask(app, "/health").status == 200


def test_a_caller_that_asks_too_fast_is_told_when_to_come_again():
    echo = Echo()
    app = Limited(echo, Bounds(per_second=0.1))
    assert ask(app).status == 200
    found = ask(app)
    assert found.status == 429
    assert 8 <= int(found.headers["retry-after"]) <= 10
    assert ask(app, client="10.0.0.2").status == 200


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8080", None, 200),
        ("LocalHost", None, 200),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", 200),
        ("[::1]:8080", None, 200),
        ("shop.example", None, 200),
        ("evil.example", None, 421),
        ("localhost.evil.example", None, 421),
        ("user@localhost", None, 421),
        ("localhost/x", None, 421),
        ("localhost:nine", None, 421),
        ("", None, 421),
        ("localhost", "https://evil.example", 403),
        ("localhost", "null", 403),
    ],
)
def test_a_server_answers_by_its_own_name_only(host, origin, status):
    echo = Echo()
    app = OwnNameOnly(echo, own_names("127.0.0.1", ["shop.example"]))
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert ask(app, "/a/decisions", headers=headers).status == status
    assert ask(app, "/health", "GET", headers=headers).status == 200


def test_where_a_server_listens_is_a_name_of_it():
    assert own_names("10.1.2.3") == {"10.1.2.3"}
    assert {"localhost", "shop.example"} < own_names("::", ["shop.example"])
    assert "::" not in own_names("::")
