"""The server's routes over one worker: decisions, what is served, whether it is well."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from kpi_gate import __version__
from kpi_gate.serving import places
from kpi_gate.serving.answering import Answer
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.http import openapi, problems
from kpi_gate.serving.http.asgi import App
from kpi_gate.serving.http.direct import Direct
from kpi_gate.serving.http.door import door
from kpi_gate.serving.http.log_lines import write_json_lines
from kpi_gate.serving.http.metrics import Counts
from kpi_gate.serving.http.problems import Problem
from kpi_gate.serving.http.scrape import MEDIA_TYPE, Scrape
from kpi_gate.serving.options import ServeOptions
from kpi_gate.serving.schema import LONGEST_TEXT
from kpi_gate.serving.service import Service
from kpi_gate.serving.worker import Worker
from kpi_gate.workspace import Workspace

JSON = "application/json"
FIELDS = Answer._fields
WHO = ("unit", "item")


def create() -> App:
    """Return the app that the command line asked for: what each worker process runs."""
    write_json_lines()
    return served(Worker(ServeOptions.handed_on(), Workspace()))


def served(worker: Worker) -> App:
    """Return the app over a worker, behind its door."""
    counts = Counts(worker.services)
    app = app_of(worker, counts)
    return door(Direct(app, app.state.routes.decisions), worker, counts)


def app_of(worker: Worker, counts: Counts | None = None) -> FastAPI:
    """Return the app over a worker, which it starts and stops.

    Args:
        worker: What decides.
        counts: Where decisions are counted; by default anew.
    """
    if counts is None:
        counts = Counts(worker.services)
    worker.swaps.append(counts.swapped)
    scrape = Scrape(worker, counts, places.root(worker.workspace) / "metrics")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await worker.start()
        leaving = asyncio.create_task(scrape.keep_leaving())
        try:
            yield
        finally:
            leaving.cancel()
            await worker.stop()

    routes = Routes(worker, counts, scrape)
    app = FastAPI(
        title="KPI Gate",
        version=__version__,
        summary="Decisions of the champion, followed as the ledger says it",
        lifespan=lifespan,
        redirect_slashes=False,  # a caller that follows would leave its body behind
        docs_url=None,  # both load scripts from elsewhere
        redoc_url=None,
    )
    app.state.routes = routes
    app.openapi = routes.document  # type: ignore[method-assign]  # FastAPI's own knows no rows
    problems.handle(app)
    app.add_route("/{use_case}/decisions", routes.decide, methods=["POST"])
    app.add_route("/{use_case}/return", routes.send_back, methods=["POST"])
    for path, answer in (
        ("/version", routes.version),
        ("/health", routes.health),
        ("/ready", routes.ready),
        ("/metrics", routes.metrics),
    ):
        app.add_route(path, answer, methods=["GET"])
    return app


class Routes:
    """What is answered on each path."""

    def __init__(self, worker: Worker, counts: Counts, scrape: Scrape) -> None:
        self.worker, self.counts, self.scrape = worker, counts, scrape

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document of what is served now."""
        manifests = {}
        for name, service in self.worker.services.items():
            usual = None if service.current is None else service.current.usual
            manifests[name] = None if usual is None else usual.predictor.manifest
        return openapi.document(manifests, self.worker.options)

    def _service(self, name: str) -> Service:
        service = self.worker.services.get(name)
        if service is None:
            there = ", ".join(sorted(self.worker.services))
            raise Problem(404, f"{name[:80]!r} is not served here; there are: {there}")
        return service

    async def decide(self, request: Request) -> Response:
        """Decide on one row, or on many."""
        body = await self.decisions(request.path_params["use_case"], await request.body())
        return Response(body, media_type=JSON)

    async def decisions(self, name: str, body: bytes) -> bytes:
        """Return the answer on one row, or on many.

        Args:
            name: The use case.
            body: Of the request.

        Raises:
            Problem: If the request cannot be answered as it was asked.
            NothingToServeError: If no version was ever promoted.
            ProcessError: If the model process gives no answer.
        """
        service = self._service(name)
        rows, many = self._rows(_parsed(body))
        faults = service.faults(rows)
        if faults:
            raise problems.of_rows(faults)
        for row in rows:
            for who in WHO:
                if type(row.get(who)) is float:
                    row[who] = int(row[who])  # to JSON 7.0 is 7, and so is the person
        answers, logged = await service.decide(rows)
        self.counts.decided(service.name, answers, service.golden_scores)
        told = [{**dict(zip(FIELDS, one, strict=True)), "logged": logged} for one in answers]
        return orjson.dumps({"decisions": told} if many else told[0])

    def _rows(self, given: Any) -> tuple[list[Any], bool]:
        """Return the rows of a request, and whether it may have several."""
        if not isinstance(given, dict) or "rows" not in given:
            return [given], False
        several = given["rows"]
        if not isinstance(several, list) and len(given) > 1:  # a column of that name
            return [given], False
        most = self.worker.options.rows
        if not isinstance(several, list) or not 1 <= len(several) <= most:
            found = f"has {len(several)}" if isinstance(several, list) else "is no list"
            raise Problem(422, f"rows {found}, must be a list of 1 to {most:,} rows")
        if len(given) > 1:
            other = next(name for name in given if name != "rows")
            raise Problem(422, f"beside rows there is {other[:80]!r}: it belongs into each row")
        return several, True

    async def send_back(self, request: Request) -> Response:
        """Send everybody back to the version before, at once, in all workers."""
        service = self._service(request.path_params["use_case"])
        given = _parsed(await request.body())
        reason = given.get("reason") if isinstance(given, dict) else None
        if not isinstance(reason, str) or not _is_reason(reason):
            words = f"reason must be one line of 1 to {LONGEST_TEXT:,} letters: it is recorded"
            raise Problem(422, words)
        standing = self.worker.standing(service.name)
        if standing is None or not standing.champion:
            raise Problem(409, f"{service.name}: the rule of thumb is in use already")
        try:
            await service.send_back(standing.champion, reason)
        except ServingError as error:
            raise Problem(503, str(error)) from error
        await self.worker.look()
        return _json({"returned": standing.champion, "served": service.champion})

    async def version(self, request: Request) -> Response:
        """Say what is served, how, and since when."""
        return _json({"kpi_gate": __version__, "use_cases": self.worker.told()})

    async def health(self, request: Request) -> Response:
        """Say whether the process is alive, and what is not as it should be."""
        faults = self.worker.faults()
        return _json({"status": "degraded" if faults else "ok", "faults": faults})

    async def ready(self, request: Request) -> Response:
        """Say whether every use case can answer."""
        if not self.worker.ready:
            raise Problem(503, "; ".join(self.worker.faults()) or "it is starting or ending")
        return _json({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        """Give the numbers of all workers to Prometheus."""
        return Response(self.scrape.page(), media_type=MEDIA_TYPE)


def _is_reason(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and re.fullmatch(openapi.REASON, text) is not None


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body is no JSON: {error}") from None


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type=JSON)
