"""Operations as spans, sent to a collector that reads them by OpenTelemetry's own schema."""

import logging
import socket
import threading
from collections.abc import Sequence

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from bot import __version__
from bot.adapters.opentelemetry.trace_sender import ReportingExporter, TraceSender
from bot.runtime.telemetry import OperationKind, OperationRecord, Outcome, Span
from tests.adapters.opentelemetry.collector import collecting

pytestmark = pytest.mark.slow

TRACE, SPAN, PARENT = "5f3c0f6f0b6e4d0f9f5f1c2d3e4a5b6c", "8f2e4c6a0b1d3f5e", "0b1d3f5e8f2e4c6a"


def operation(
    kind: OperationKind = OperationKind.CLOUD,
    outcome: Outcome = Outcome.SUCCEEDED,
    parent: str = PARENT,
    run_id: str = "ppo-7f3a",
) -> OperationRecord:
    return OperationRecord(kind, "launch", 1000.25, 2.5, outcome, Span(TRACE, SPAN, parent), run_id)


def test_a_span_has_the_place_the_time_and_the_end_of_its_operation() -> None:
    with collecting() as collector:
        sender = TraceSender(collector.address, "authorization=Bearer%20abc")
        sender.record(operation())
        sender.stop()
        ((path, headers, request),) = collector.requests
        (span,) = collector.spans()
    assert (path, headers["authorization"]) == ("/v1/traces", "Bearer abc")
    resource = {one.key: one.value.string_value for one in request.resource_spans[0].resource.attributes}
    assert (resource["service.name"], resource["service.version"]) == ("verlbot", __version__)
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN, PARENT)
    assert (span.name, span.kind) == ("cloud launch", SentSpan.SPAN_KIND_CLIENT)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000_250_000_000, 1_002_750_000_000)
    attributes = {one.key: one.value.string_value for one in span.attributes}
    assert attributes == {"verlbot.outcome": "ok", "verlbot.run": "ppo-7f3a"}


@pytest.mark.parametrize("kind", OperationKind)
@pytest.mark.parametrize("outcome", Outcome)
def test_each_operation_becomes_a_span_and_failures_are_errors(kind: OperationKind, outcome: Outcome) -> None:
    with collecting() as collector:
        sender = TraceSender(collector.address)
        sender.record(operation(kind, outcome, parent="", run_id=""))
        sender.stop()
        (span,) = collector.spans()
    assert span.parent_span_id == b""
    assert span.kind != SentSpan.SPAN_KIND_UNSPECIFIED
    is_error = outcome in (Outcome.RATE_LIMITED, Outcome.UNANSWERED, Outcome.FAILED)
    assert span.status.code == (Status.STATUS_CODE_ERROR if is_error else Status.STATUS_CODE_UNSET)
    assert [one.key for one in span.attributes] == ["verlbot.outcome"]


class Exporter(SpanExporter):
    """One that answers as it is told."""

    def __init__(self, *results: SpanExportResult) -> None:
        self.results = list(results)
        self.is_shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.results.pop(0)

    def shutdown(self) -> None:
        self.is_shut = True


def test_a_collector_that_takes_nothing_is_logged_once_until_it_does(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    taken, refused = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    exporter = Exporter(taken, refused, refused, taken, taken, refused)
    reporting = ReportingExporter(exporter, "http://collector:4318")
    assert [reporting.export([]) for _ in range(6)] == [taken, refused, refused, taken, taken, refused]
    assert caplog.messages == [
        "http://collector:4318 takes no traces; they are left out until it does",
        "http://collector:4318 takes traces again",
        "http://collector:4318 takes no traces; they are left out until it does",
    ]
    reporting.shutdown()
    assert exporter.is_shut


def test_a_collector_that_never_answers_holds_neither_the_work_nor_the_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = TraceSender(f"http://127.0.0.1:{silent.getsockname()[1]}")
        for _ in range(5_000):  # more than may wait
            sender.record(operation())
        sender.stop()
        (sending,) = (thread for thread in threading.enumerate() if thread.name == "traces")
        assert sending.is_alive()  # it still sends: the stop has not waited for it
    sending.join()  # once the collector is gone


def test_variables_of_opentelemetry_name_the_bot_and_cannot_stop_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OTEL_BSP_SCHEDULE_DELAY": "0",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096",
        "OTEL_BSP_MAX_QUEUE_SIZE": "1",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=7,team=maths",
        "OTEL_SERVICE_NAME": "another",
    }.items():
        monkeypatch.setenv(name, value)
    with collecting() as collector:
        sender = TraceSender(collector.address)
        sender.record(operation())
        sender.stop()
        ((_, _, request),) = collector.requests
    resource = {one.key: one.value.string_value for one in request.resource_spans[0].resource.attributes}
    assert (resource["service.name"], resource["service.version"], resource["team"]) == ("another", "7", "maths")
