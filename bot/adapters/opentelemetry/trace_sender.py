"""Sends each operation as a span to a collector of OpenTelemetry's, by OTLP over HTTP.

No span has a text from outside: names, calls, outcomes and ids of runs are all the bot's own.
"""

import logging
from collections.abc import Sequence
from threading import Thread

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.re import parse_env_headers

from bot import __version__
from bot.adapters.opentelemetry.bounded_session import BoundedSession
from bot.runtime.telemetry import OperationKind, OperationRecord, Outcome

log = logging.getLogger(__name__)

TRACES_PATH = "/v1/traces"
"""The path of traces below a collector's address. (Source: the OTLP specification, 1.5.)"""

ANSWER_SECONDS = 3
"""Seconds in which a collector must take a batch."""

MAX_WAITING_SPANS = 2_048
"""Maximum number of spans that wait for the collector."""

BATCH_SPANS = 512
"""Maximum number of spans in one request."""

DELAY_MILLISECONDS = 5_000
"""Milliseconds between two requests, unless a whole batch waits."""

STOP_SECONDS = 3.0
"""Maximum time for the last spans while the bot stops: it has ten seconds in all."""

NANOSECONDS = 1_000_000_000

KINDS = {
    OperationKind.JOB: SpanKind.INTERNAL,
    OperationKind.SLACK: SpanKind.CLIENT,
    OperationKind.CLOUD: SpanKind.CLIENT,
    OperationKind.DELIVERY: SpanKind.SERVER,
}
ERRORS = (Outcome.RATE_LIMITED, Outcome.UNANSWERED, Outcome.FAILED)
"""Outcomes that a tracer shows as errors: what a person typed wrongly, and what a stop cut off, are none."""


class ReportingExporter(SpanExporter):
    """Passes spans on, and logs once that the collector takes none, and once that it does again.

    OpenTelemetry itself logs each failed try.
    """

    def __init__(self, exporter: SpanExporter, address: str) -> None:
        self._exporter = exporter
        self._address = address
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans."""
        result = self._exporter.export(spans)
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing and not self._is_failing:
            log.warning("%s takes no traces; they are left out until it does", self._address)
        elif self._is_failing and not is_failing:
            log.info("%s takes traces again", self._address)
        self._is_failing = is_failing
        return result

    def shutdown(self) -> None:
        """Interrupt a try that waits."""
        self._exporter.shutdown()


class TraceSender:
    """Sends spans from a thread of its own, some seconds late; where the collector is slow or gone, the newest 2,048
    wait, and older ones are left out.
    """

    def __init__(self, address: str, headers: str = "") -> None:
        """Start the thread.

        Args:
            address: of the collector, without the path of traces.
            headers: of each request, as OpenTelemetry's environment variable has them: `key=value,key=value`, values
                percent-encoded.
        """
        named = OTELResourceDetector().detect().attributes
        self._resource = Resource.create({SERVICE_NAME: "verlbot", SERVICE_VERSION: __version__, **named})
        # What is not passed is read from variables of OpenTelemetry's, of which a wrong one would stop the bot's start.
        exporter = OTLPSpanExporter(
            f"{address}{TRACES_PATH}",
            headers=parse_env_headers(headers, liberal=True),
            timeout=ANSWER_SECONDS,
            compression=Compression.NoCompression,
            session=BoundedSession(),
        )
        self._processor = BatchSpanProcessor(
            ReportingExporter(exporter, address),
            max_queue_size=MAX_WAITING_SPANS,
            schedule_delay_millis=DELAY_MILLISECONDS,
            max_export_batch_size=BATCH_SPANS,
        )

    def record(self, operation: OperationRecord) -> None:
        """Queue an operation that has ended."""
        self._processor.on_end(build_span(operation, self._resource))

    def stop(self) -> None:
        """Send what waits, for a short time."""
        sending = Thread(target=self._processor.shutdown, name="traces", daemon=True)
        sending.start()
        sending.join(STOP_SECONDS)


def build_span(operation: OperationRecord, resource: Resource) -> ReadableSpan:
    """Return an operation as a span."""
    span, kind = operation.span, KINDS[operation.kind]
    attributes = {"verlbot.outcome": operation.outcome.value}
    if operation.run_id:
        attributes["verlbot.run"] = operation.run_id
    begin = int(operation.began_at * NANOSECONDS)
    return ReadableSpan(
        name=f"{operation.kind} {operation.name}",
        context=build_context(span.trace_id, span.span_id),
        parent=build_context(span.trace_id, span.parent_id) if span.parent_id else None,
        resource=resource,
        attributes=attributes,
        kind=kind,
        status=Status(StatusCode.ERROR if operation.outcome in ERRORS else StatusCode.UNSET),
        start_time=begin,
        end_time=begin + int(operation.seconds * NANOSECONDS),
    )


def build_context(trace_id: str, span_id: str) -> SpanContext:
    """Return the place of a span in its trace, from the hexadecimal digits of both."""
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
