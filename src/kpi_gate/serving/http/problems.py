"""What is wrong with a request, as RFC 9457 has it: a machine can read it, and so can a person."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from kpi_gate.serving.errors import NothingToServeError, ProcessError
from kpi_gate.serving.schema import RowFault

MEDIA_TYPE = "application/problem+json"
LONGEST = 500  # letters of a text
AGAIN_SECONDS = "1"
logger = logging.getLogger("kpi_gate.serving")


class Problem(Exception):  # noqa: N818  (its name in the RFC)
    """A request cannot be answered as it was asked.

    Attributes:
        status: Of HTTP.
        title: What kind of problem it is; the same for all of its kind.
        detail: What is wrong with this request, and what to do.
        errors: The faults of single rows.
        headers: What the answer says beside it.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.title = title or HTTPStatus(status).phrase
        self.headers = headers or {}


def respond(problem: Problem, instance: str = "") -> Response:
    """Return the answer that says it.

    Args:
        problem: What is wrong.
        instance: Path of the request.
    """
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail[:LONGEST],
    }
    if instance:
        content["instance"] = instance[:LONGEST]
    if problem.errors:
        content["errors"] = list(problem.errors)
    return Response(
        orjson.dumps(content), problem.status, dict(problem.headers), media_type=MEDIA_TYPE
    )


def of_rows(faults: Sequence[RowFault]) -> Problem:
    """Return what is wrong with the rows of a request; the first of it is its detail."""
    first = faults[0]
    where = f"row {first.row}" + (f", column {first.column}" if first.column else "")
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    errors = [
        {"row": one.row, "column": one.column, "value": one.value, "words": one.words}
        for one in faults
    ]
    detail = f"{where}: {first.words}{more}"
    return Problem(422, detail, title="A row cannot be decided on", errors=errors)


def handle(app: FastAPI) -> None:
    """Let every fault of an app be answered as a problem."""

    async def told(request: Request, error: Exception) -> Response:
        return respond(problem_of(error), request.url.path)

    for kind in (
        Problem,
        StarletteHTTPException,
        RequestValidationError,
        NothingToServeError,
        ProcessError,
        Exception,
    ):
        app.add_exception_handler(kind, told)


def _of_path(error: StarletteHTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "nothing is answered here; /openapi.json lists what is"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"this path is answered to {(error.headers or {}).get('Allow', 'others')} only"
    return str(error.detail)


def problem_of(error: Exception) -> Problem:
    """Return the problem that an exception is; what nobody expected is logged, and told of not."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException | StarletteHTTPException):
        return Problem(error.status_code, _of_path(error), headers=error.headers)
    if isinstance(error, RequestValidationError):
        return Problem(422, "; ".join(str(one["msg"]) for one in error.errors()))
    if isinstance(error, NothingToServeError):
        again = {"retry-after": AGAIN_SECONDS}
        return Problem(503, str(error), title="There is nothing to serve", headers=again)
    if isinstance(error, ProcessError):
        again = {"retry-after": AGAIN_SECONDS}
        logger.error("the model process gave no answer: %s", error)
        title = "The model process gave no answer"
        return Problem(503, "try again", title=title, headers=again)
    logger.exception("a request failed", exc_info=error)
    return Problem(500, "the server's log says more", title="The server failed")
