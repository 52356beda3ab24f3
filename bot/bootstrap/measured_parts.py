"""The parts of a bot that are observed, and the port that shows what was observed."""

import logging
from typing import Any, cast

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
