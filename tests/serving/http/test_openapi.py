"""The document, and what schemathesis makes of it against the app in this process."""

from collections import Counter
from unittest import SkipTest

import hypothesis
import pytest
import schemathesis
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.checks import ignored_auth
from test_door import served

from kpi_gate.serving.http.app import _is_reason
from kpi_gate.serving.http.openapi import document, example_row, row_schema
from kpi_gate.serving.manifest import Column, Manifest
from kpi_gate.serving.options import ServeOptions
from kpi_gate.serving.schema import Checker

COLUMNS = (
    Column(name="unit", role="unit", kind="text", nullable=False, example="u1"),
    Column(name="shop", role="item", kind="whole", example=3),
    Column(name="age", role="feature", kind="number", example=41.5),
    Column(name="rooms", role="feature", kind="whole", nullable=False, example=3),
    Column(name="region", role="feature", kind="text", example="n", levels=("n", "s")),
    Column(name="is_new", role="known", kind="truth", required=False, example=True),
    Column(name="since", role="known", kind="time", example="2024-02-29T00:00:00+01:00"),
)
"""One of each kind."""


def manifest_of(columns):
    given = {"kind": "expected_value"}
    return Manifest.model_construct(
        use_case="shop", version="v1", title="Shop", columns=columns, policy=given
    )


def test_what_the_schema_takes_passes_the_check_and_the_other_way_round():
    manifest = manifest_of(COLUMNS)
    valid = Draft202012Validator(row_schema(manifest)).is_valid
    check = Checker(COLUMNS).check
    row = example_row(manifest)
    assert valid(row)
    assert not check([row])
    values = [None, True, 0, 1.5, 2.0, -(2**53), 2**53 + 2, 1e300, 10**20, "", "x" * 1_001, [], {}]
    values += ["2024-02-29T23:59:59Z", "2023-02-29T00:00:00Z", "2000-02-29T00:00:00.123456-23:59"]
    values += ["1900-02-29T00:00:00Z", "2024-04-31T00:00:00Z", "2024-04-30T24:00:00Z", "2024-04-30"]
    values += ["1699-12-31T00:00:00Z", "1700-01-01T00:00:00Z", "2024-12-31T10:00:00"]
    for column in [*(column.name for column in COLUMNS), "id", "event_time", "other"]:
        for value in values:
            given = {**row, column: value}
            assert valid(given) == (not check([given])), (column, value)
        without = {name: value for name, value in row.items() if name != column}
        assert valid(without) == (not check([without])), column


def test_examples_are_rows_that_can_be_decided_on():
    manifest = manifest_of(COLUMNS)
    found = document({"shop": manifest, "new": None}, ServeOptions(use_cases=("shop", "new")))
    body = found["paths"]["/shop/decisions"]["post"]["requestBody"]["content"]["application/json"]
    assert not Checker(COLUMNS).check([body["examples"]["one"]["value"]])
    assert not Checker(COLUMNS).check(body["examples"]["many"]["value"]["rows"])
    assert found["components"]["schemas"]["new.row"] == {"type": "object"}


def test_a_reason_is_one_line_to_server_and_schema_alike():
    found = document({"shop": None}, ServeOptions(use_cases=("shop",)))
    body = found["paths"]["/shop/return"]["post"]["requestBody"]["content"]["application/json"]
    valid = Draft202012Validator(body["schema"]).is_valid
    for text in ("x", " too many calls ", "ä", "苦情", "x" * 1_000, "-x", "--reason"):
        assert valid({"reason": text})
        assert _is_reason(text), text
    blank = [chr(code) for code in range(0x3001) if not chr(code).strip()]
    for text in ("", *blank, "\u200b", "\ufeff", "a\0", "a\nb", "a\x1e", "x" * 1_001):
        assert not valid({"reason": text}), repr(text)
        assert not _is_reason(text), repr(text)


def test_keys_are_in_the_document_where_they_are_asked_for():
    for keys in (True, False):
        found = document({"shop": None}, ServeOptions(use_cases=("shop",), keys=keys))
        secured = {
            path
            for path, each in found["paths"].items()
            for one in each.values()
            if "security" in one
        }
        asked = {"/shop/decisions", "/shop/return", "/version", "/metrics"}
        assert secured == (asked if keys else set())
        assert ("securitySchemes" in found["components"]) is keys


@pytest.mark.slow
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_the_server_keeps_to_its_document(project, first_champion, mode):
    """What schemathesis makes up is answered as the document says: taken where it is valid."""
    with served(project, keys=not mode.is_negative) as client:
        found = client.get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(found)
        statuses = Counter()
        for operation in schema.get_all_operations():
            if operation.ok().path != "/toy/return" or mode.is_negative:
                play(client, operation.ok(), mode, statuses)
    assert statuses[422 if mode.is_negative else 200] > 10


def play(client, operation, mode, statuses):
    @hypothesis.settings(max_examples=30, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def each(case):
        asked = case.as_transport_kwargs(base_url="http://localhost")
        body = {name: asked[name] for name in ("json", "data", "content") if name in asked}
        headers = dict(client.headers) | dict(asked["headers"])
        answer = client.request(asked["method"], asked["url"], headers=headers, **body)
        statuses[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=[ignored_auth])

    try:
        each()
    except (Unsatisfiable, SkipTest):  # nothing can be wrong with a request that says nothing
        assert mode.is_negative
        assert operation.method == "get"
