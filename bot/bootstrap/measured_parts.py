"""The parts of a bot that are observed, and where it is shown: a port for Prometheus, a collector of traces."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bot.adapters.prometheus.exporter import Gauges, PrometheusExporter
from bot.app import process_health
from bot.app.leader_election import LeaderElection
from bot.app.metrics_server import MetricsServer
from bot.app.operating_state_reader import OperatingStateReader
from bot.app.ports import Cloud
from bot.bootstrap.outside import Outside
from bot.bootstrap.providers import build_port_limits
from bot.runtime.telemetry import OperationKind, Telemetry
from bot.slack.outbound.outbox_lag import OutboxLag

if TYPE_CHECKING:
    from bot.adapters.opentelemetry.trace_sender import TraceSender

log = logging.getLogger(__name__)


class MeasuredCloud:
    """Passes every call on, and observes it."""

    def __init__(self, cloud: Cloud, telemetry: Telemetry) -> None:
        self._cloud = cloud
        self._telemetry = telemetry

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._cloud, name)

        def observe(*arguments: Any, **options: Any) -> Any:
            with self._telemetry.observe(OperationKind.CLOUD, name):
                return call(*arguments, **options)

        return observe


def measure_calls(cloud: Cloud, telemetry: Telemetry) -> Cloud:
    """Return the cloud with every call observed."""
    return cast(Cloud, MeasuredCloud(cloud, telemetry))


@dataclass(frozen=True, slots=True)
class Observers:
    """Who is shown what the bot does; None for each that the settings do not name."""

    metrics_server: MetricsServer | None
    trace_sender: "TraceSender | None"

    def start(self) -> None:
        """Open the port of the metrics."""
        if self.metrics_server:
            self.metrics_server.start()

    def stop(self) -> None:
        """Close the port, and send the last spans."""
        if self.metrics_server:
            self.metrics_server.stop()
        if self.trace_sender:
            self.trace_sender.stop()


def build_observers(outside: Outside, lag: OutboxLag, leadership: LeaderElection) -> Observers:
    """Return those that the settings name."""
    return Observers(build_metrics_server(outside, lag, leadership), build_trace_sender(outside))


def build_trace_sender(outside: Outside) -> "TraceSender | None":
    """Return what sends traces; None if the settings name no collector."""
    settings = outside.settings
    if not settings.traces_address:
        return None
    # OpenTelemetry, its protocol and a client of HTTP are 8 MB.
    from bot.adapters.opentelemetry.trace_sender import TraceSender  # noqa: PLC0415

    sender = TraceSender(settings.traces_address, settings.traces_headers)
    outside.telemetry.recorders.append(sender.record)
    log.info("traces go to %s", settings.traces_address)
    return sender


def build_metrics_server(outside: Outside, lag: OutboxLag, leadership: LeaderElection) -> MetricsServer | None:
    """Return the server that Prometheus asks; None if the settings have no port for it."""
    settings = outside.settings
    if settings.metrics_port is None:
        return None
    exporter = PrometheusExporter(
        Gauges(
            read_state=OperatingStateReader(outside.store, outside.clock.now).read,
            tick_age=lambda: process_health.read_age_seconds(settings.data_dir),
            outbox_lag=lag.measure_seconds,
            is_leader=lambda: bool(leadership.leads),
            masked_texts=lambda: outside.secrets.masked_texts,
        )
    )
    outside.telemetry.recorders.append(exporter.record)
    log.info("Prometheus asks at %s port %d, /metrics", settings.metrics_host, settings.metrics_port)
    return MetricsServer(exporter.render, settings.metrics_host, settings.metrics_port, build_port_limits(settings))
