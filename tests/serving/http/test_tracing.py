import sys

import pytest
from asgi_calls import Echo, ask
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kpi_gate.serving.http.tracing import Traced, tracer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans():
    kept = InMemorySpanExporter()
    kept.provider = TracerProvider()
    kept.provider.add_span_processor(SimpleSpanProcessor(kept))
    return kept


def test_a_request_is_a_span_of_its_callers_trace_with_nothing_of_its_row(spans):
    app = Traced(Echo(status=422), spans.provider.get_tracer("t"))
    ask(app, "/campaign/decisions", body=b'{"unit": "Erika"}', headers={"traceparent": PARENT})
    (span,) = spans.get_finished_spans()
    assert span.name == "POST /{use_case}/decisions"
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert span.attributes["http.response.status_code"] == 422
    assert span.attributes["kpi_gate.use_case"] == "campaign"
    assert "Erika" not in span.to_json()


def test_an_error_leaves_its_words_out(spans):
    async def broken(scope, receive, send):
        raise ValueError("Erika")

    with pytest.raises(ValueError, match="Erika"):
        ask(Traced(broken, spans.provider.get_tracer("t")), "/campaign/decisions")
    (span,) = spans.get_finished_spans()
    assert "Erika" not in span.to_json()
    assert span.attributes["http.response.status_code"] == 500
    assert not span.status.is_ok


def test_probes_and_scrapes_are_no_spans(spans):
    echo = Echo()
    app = Traced(echo, spans.provider.get_tracer("t"))
    for path in ("/health", "/ready", "/metrics"):
        assert ask(app, path, "GET").status == 200
    assert not spans.get_finished_spans()


def test_nothing_is_traced_unless_somebody_says_where_to(caplog, monkeypatch):
    assert tracer({}) is None
    assert not caplog.records
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}) is None
    assert "pip install opentelemetry-exporter-otlp" in caplog.text
    off = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}
    assert tracer(off) is None
