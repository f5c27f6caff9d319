"""Traces by OpenTelemetry, only where `OTEL_EXPORTER_OTLP_ENDPOINT` says where to send them."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kpi_gate.serving.http.asgi import (
    OTHER,
    App,
    Receive,
    Scope,
    Send,
    Watched,
    header,
    route_of,
)

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

ASKED_BY = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PACKAGE = "opentelemetry-exporter-otlp-proto-http"
logger = logging.getLogger("kpi_gate.serving")


def tracer(environment: Mapping[str, str] | None = None) -> "Tracer | None":
    """Return what makes spans; None where nobody asked for them, or the package is not there.

    Args:
        environment: The variables of OpenTelemetry; by default this process's.
    """
    given = os.environ if environment is None else environment
    asked = any(given.get(name) for name in ASKED_BY)
    if not asked or given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        logger.warning("no traces: pip install %s", PACKAGE)
        return None
    own = {} if given.get("OTEL_SERVICE_NAME") else {"service.name": "kpi-gate"}
    provider = TracerProvider(resource=Resource.create(own))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("kpi_gate.serving")


class Traced:
    """An ASGI app that makes a span of each request; nothing of its rows is in it."""

    def __init__(self, app: App, tracer: "Tracer") -> None:
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.app, self.tracer = app, tracer
        self._kind, self._error = SpanKind.SERVER, StatusCode.ERROR
        self._propagator = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        route, use_case = route_of(scope.get("path", "/"))
        if scope["type"] != "http" or route in ("health", "ready", "metrics"):
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        carrier = {name: header(scope, name.encode()) for name in ("traceparent", "tracestate")}
        path = f"/{{use_case}}/{route}" if use_case else f"/{route}"
        said = {"http.request.method": scope["method"], "http.route": path}
        if use_case:
            said["kpi_gate.use_case"] = use_case[:80]
        with self.tracer.start_as_current_span(
            OTHER if route == OTHER else f"{scope['method']} {path}",
            context=self._propagator.extract(carrier),
            kind=self._kind,
            attributes=said,
            record_exception=False,  # its words may quote a row
            set_status_on_exception=False,
        ) as span:
            seen = Watched(send)
            try:
                await self.app(scope, receive, seen)
            finally:
                span.set_attribute("http.response.status_code", seen.status)
                span.set_attribute("kpi_gate.request", scope["state"].get("request_id", ""))
                if seen.status >= 500:
                    span.set_status(self._error)
