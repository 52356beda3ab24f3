"""All that one command of a person made the bot do is one trace at a collector."""

from pathlib import Path

import pytest

from tests.adapters.opentelemetry.collector import collecting
from tests.live import Live
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_a_command_is_one_trace_from_its_delivery_to_its_answer(tmp_path: Path) -> None:
    with collecting() as collector:
        live = Live(
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.address,
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20team-7f3a",
        )
        try:
            live.start()
            live.ana.says("<@U0VERLBOT> list")
            live.ana.can_see("No run is active")
            eventually(lambda: any(span.name == "delivery mention" for span in collector.spans()), live.log)
        finally:
            live.stop()
        spans = collector.spans()
        assert {headers["authorization"] for _, headers, _ in collector.requests} == {"Bearer team-7f3a"}
    (answer,) = (span for span in spans if span.name == "slack chat.postMessage")
    (delivery,) = (span for span in spans if span.span_id == answer.parent_span_id)
    assert (delivery.name, delivery.parent_span_id) == ("delivery mention", b"")
    assert delivery.trace_id == answer.trace_id
    assert {"job tick", "job notify"} <= {span.name for span in spans}
    assert "team-7f3a" not in live.log()
