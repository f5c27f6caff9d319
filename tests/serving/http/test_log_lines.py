import json
import logging

import pytest
from asgi_calls import Echo, ask

from kpi_gate.serving.http.log_lines import JsonLines, Told, write_json_lines


def line_of(caplog):
    return json.loads(JsonLines().format(caplog.records[-1]))


@pytest.fixture(autouse=True)
def _takes_all(caplog):
    caplog.set_level(logging.INFO, logger="kpi_gate.serving")


def test_a_request_keeps_the_id_that_it_came_with_or_gets_one():
    echo = Echo()
    app = Told(echo)
    assert ask(app, headers={"x-request-id": "a-1.b:2"}).headers["x-request-id"] == "a-1.b:2"
    for odd in ("", "a b", "x" * 65, 'a"b', "ä"):
        found = ask(app, headers={"x-request-id": odd}).headers["x-request-id"]
        assert found != odd
        assert len(found) == 16


def test_what_fails_is_logged_with_nothing_of_its_row(caplog):
    app = Told(Echo(status=422))
    body = b'{"unit": "Erika Mustermann"}'
    found = ask(app, "/campaign/decisions", body=body, headers={"authorization": "Bearer kg_x"})
    line = line_of(caplog)
    assert line["request"] == found.headers["x-request-id"]
    assert (line["route"], line["use_case"], line["status"]) == ("decisions", "campaign", 422)
    whole = json.dumps(line)
    assert "Erika" not in whole
    assert "kg_x" not in whole
    assert "10.0.0.1" not in whole


def test_what_goes_well_is_logged_where_that_is_asked(caplog):
    echo = Echo()
    ask(Told(echo))
    assert not [one for one in caplog.records if one.name == "kpi_gate.serving"]
    ask(Told(echo, every=True))
    assert line_of(caplog)["status"] == 200


def test_an_error_is_told_by_kind_and_place_and_not_by_its_words(caplog):
    try:
        float("Erika Mustermann")
    except ValueError:
        logging.getLogger("kpi_gate.serving").exception("a request failed")
    line = line_of(caplog)
    assert line["error"].startswith("ValueError < test_log_lines.py:")
    assert "Erika" not in json.dumps(line)


def test_callers_addresses_are_told_to_nobody(monkeypatch):
    monkeypatch.setattr(logging, "basicConfig", lambda **given: None)
    write_json_lines()
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    assert logging.getLogger("uvicorn.error").propagate


def test_every_line_is_json_whatever_is_told(caplog):
    logging.getLogger("kpi_gate.serving").info("a\nb %s", "c", extra={"why": {"x": 1}, "n": 2})
    found = JsonLines().format(caplog.records[-1])
    assert "\n" not in found
    assert json.loads(found)["event"] == "a\nb c"
    assert json.loads(found)["n"] == 2
