"""The OpenAPI document: of each use case the rows that its champion reads, with examples."""

from collections.abc import Iterable, Mapping
from typing import Any

from kpi_gate import __version__
from kpi_gate.serving.http.problems import MEDIA_TYPE as PROBLEM
from kpi_gate.serving.manifest import Column, Manifest
from kpi_gate.serving.options import ServeOptions
from kpi_gate.serving.schema import LARGEST_WHOLE, LONGEST_TEXT

Schema = dict[str, Any]
JSON, TEXT = "application/json", "text/plain"
_MONTHS = (
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_LEAP = r"((1[7-9]|2[01])(0[48]|[2468][048]|[13579][26])|2000)-02-29"
_CLOCK = r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_OFFSET = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
# no `format`: that would allow years that the check does not
_TIME = rf"^((1[7-9]|2[01])[0-9]{{2}}-{_MONTHS}|{_LEAP}){_CLOCK}{_OFFSET}$"
_TIME_EXAMPLE = "2026-05-01T12:00:00Z"
_LINE = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*"
_SEEN = r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff]"
REASON = rf"{_LINE}{_SEEN}{_LINE}"
"""One line that says something: it becomes an argument of the process that records a return."""
_NAME: Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
        {"type": "integer", "minimum": -LARGEST_WHOLE, "maximum": LARGEST_WHOLE},
    ]
}
_KINDS: dict[str, Schema] = {
    "number": {"type": "number"},
    "whole": {"type": "integer", "minimum": -LARGEST_WHOLE, "maximum": LARGEST_WHOLE},
    "text": {"type": "string", "maxLength": LONGEST_TEXT},
    "truth": {"type": "boolean"},
    "time": {"type": "string", "pattern": _TIME},
}
_ROLES = {
    "feature": "The model reads it.",
    "known": "Value, policy or rule of thumb read it.",
    "group": "The budget of actions is kept within it.",
    "unit": "Whom the decision is about.",
    "item": "What the decision is about.",
}
_PROBLEMS = {
    400: "The body is no JSON",
    401: "No key, or none that there is",
    403: "The key may not do this, or a page of another origin asks",
    404: "This use case is not served",
    408: "The body did not arrive",
    409: "The rule of thumb is in use already",
    413: "The body is too large",
    415: "The body is not JSON by its own word",
    421: "The server is not called by this host name",
    422: "A row cannot be decided on: `errors` names each row, column and value",
    429: "The caller asks too fast: wait as `Retry-After` says",
    500: "The server failed: its log says more",
    503: "There is nothing to serve, or no answer in time: try again as `Retry-After` says",
}
_ALWAYS = (408, 413, 421, 429, 500, 503)


def document(manifests: Mapping[str, Manifest | None], options: ServeOptions) -> Schema:
    """Return the document.

    Args:
        manifests: Of each use case its champion's; None where none was ever promoted.
        options: How the server runs.
    """
    schemas: dict[str, Schema] = {"Problem": _problem(), "Decision": _decision()}
    paths: dict[str, Schema] = {}
    for name, manifest in manifests.items():
        schemas[f"{name}.row"] = {"type": "object"} if manifest is None else row_schema(manifest)
        title = name if manifest is None else manifest.title or name
        paths[f"/{name}/decisions"] = {"post": _decide(name, title, manifest, options)}
        paths[f"/{name}/return"] = {"post": _return(name, options)}
    paths |= _alone(options)
    components: Schema = {"schemas": schemas}
    if options.keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "KPI Gate",
            "version": __version__,
            "summary": "Decisions of the champion, followed as the ledger says it",
        },
        "paths": paths,
        "components": components,
    }


def row_schema(manifest: Manifest) -> Schema:
    """Return the JSON schema of a row: what passes it passes the check of the server."""
    columns = {column.name: _column(column) for column in manifest.columns}
    extra = {
        "id": {**_KINDS["text"], "description": "Of the decision; by default one is made."},
        "event_time": {
            **_nullable(_KINDS["time"]),
            "description": "When it is decided; by default now.",
            "examples": [_TIME_EXAMPLE],
        },
    }
    return {
        "type": "object",
        "properties": {**extra, **columns},
        "required": [column.name for column in manifest.columns if column.required],
        "additionalProperties": False,
    }


def example_row(manifest: Manifest) -> dict[str, Any]:
    """Return a row that can be decided on."""
    return {column.name: column.example for column in manifest.columns if column.required}


def _column(column: Column) -> Schema:
    kind = _NAME if column.role in ("unit", "item") else _KINDS[column.kind]
    found = _nullable(kind) if column.nullable else dict(kind)
    words = _ROLES[column.role]
    if column.levels:
        words += f" Known levels: {', '.join(map(str, column.levels))}."
    example = _TIME_EXAMPLE if column.kind == "time" else column.example
    return {**found, "description": words, "examples": [example]}


def _nullable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def _decide(name: str, title: str, manifest: Manifest | None, options: ServeOptions) -> Schema:
    row = {"$ref": f"#/components/schemas/{name}.row"}
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": options.rows}
    many = {
        "type": "object",
        "properties": {"rows": rows},
        "required": ["rows"],
        "additionalProperties": False,
    }
    content: Schema = {"schema": {"anyOf": [row, many]}}
    if manifest is not None:
        one = example_row(manifest)
        content["examples"] = {
            "one": {"summary": "One row", "value": one},
            "many": {"summary": "Several rows", "value": {"rows": [one, one]}},
        }
    decision = {"$ref": "#/components/schemas/Decision"}
    decisions = {
        "type": "object",
        "properties": {"decisions": {"type": "array", "items": decision}},
        "required": ["decisions"],
    }
    answer = {"anyOf": [decision, decisions]}
    return _operation(
        f"decide_{name}",
        f"Decide: {title}",
        options,
        answer,
        (400, 404, 415, 422),
        body={"required": True, "content": {JSON: content}},
    )


def _return(name: str, options: ServeOptions) -> Schema:
    schema = {
        "type": "object",
        "properties": {
            "reason": {"type": "string", "pattern": f"^{REASON}$", "maxLength": LONGEST_TEXT}
        },
        "required": ["reason"],
    }
    example = {"reason": "complaints from the shop"}
    answer = {
        "type": "object",
        "properties": {"returned": {"type": "string"}, "served": {"type": "string"}},
        "required": ["returned", "served"],
    }
    return _operation(
        f"return_{name}",
        "Send everybody back to the version before, at once, in all workers",
        options,
        answer,
        (400, 404, 409, 415, 422),
        body={"required": True, "content": {JSON: {"schema": schema, "example": example}}},
    )


def _alone(options: ServeOptions) -> dict[str, Schema]:
    things: Schema = {"type": "object"}
    status = {"type": "object", "properties": {"status": {"type": "string"}}}
    operations: tuple[tuple[str, str, Schema, str, bool], ...] = (
        ("version", "Say what is served, how, and since when", things, JSON, True),
        ("health", "Say whether the process is alive, and what is not well", status, JSON, False),
        ("ready", "Say whether every use case can answer", status, JSON, False),
        ("metrics", "Give the numbers of all workers to Prometheus", {}, TEXT, True),
    )
    return {
        f"/{name}": {"get": _operation(name, words, options, schema, (), kind=kind, keyed=keyed)}
        for name, words, schema, kind, keyed in operations
    }


def _operation(
    name: str,
    words: str,
    options: ServeOptions,
    answer: Schema,
    statuses: Iterable[int],
    *,
    body: Schema | None = None,
    kind: str = JSON,
    keyed: bool = True,
) -> Schema:
    asked = options.keys and keyed
    told = sorted({*statuses, *_ALWAYS, 403, *((401,) if asked else ())})
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses: dict[str, Schema] = {
        "200": {"description": "The answer", "content": {kind: {"schema": answer}}}
    }
    responses |= {str(s): {"description": _PROBLEMS[s], "content": problem} for s in told}
    found: Schema = {"operationId": name, "summary": words, "responses": responses}
    if body is not None:
        found["requestBody"] = body
    if asked:
        found["security"] = [{"key": []}]
    return found


def _decision() -> Schema:
    text: Schema = {"type": "string"}
    number: Schema = {"type": "number"}
    fields: dict[str, tuple[Schema, str]] = {
        "id": (text, "Of the decision: its outcome names it."),
        "unit": ({"type": ["string", "integer"]}, "Whom it is about."),
        "action": (number, "1 to act, 0 not to; of levels, the place of the one drawn."),
        "level": (_nullable(text), "The level that was drawn."),
        "score": (_nullable(number), "Probability of outcome 1; null where nothing scored."),
        "version": (text, "What decided; `baseline` for the rule of thumb."),
        "arm": (text, "The part of the split that the unit, or the decision, is in."),
        "propensity": (number, "Chance, given the row, of this action."),
        "rule_of_thumb": ({"type": "boolean"}, "Whether the rule of thumb decided."),
        "fault": (_nullable(text), "Why it stood in for a model."),
        "logged": ({"type": "boolean"}, "Whether the log has taken it."),
    }
    properties = {
        name: {**schema, "description": words} for name, (schema, words) in fields.items()
    }
    return {"type": "object", "properties": properties, "required": list(fields)}


def _problem() -> Schema:
    text: Schema = {"type": "string"}
    error = {
        "type": "object",
        "properties": {"row": {"type": "integer"}, "column": text, "value": {}, "words": text},
        "required": ["row", "column", "words"],
    }
    return {
        "type": "object",
        "description": "RFC 9457",
        "properties": {
            "type": text,
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": text,
            "errors": {"type": "array", "items": error},
        },
        "required": ["type", "title", "status", "detail"],
    }
