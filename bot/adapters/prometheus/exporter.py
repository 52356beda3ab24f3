"""Prometheus' metrics: operations as they end, and the rest as it is when Prometheus asks.

No label has a value from outside: jobs, methods, calls, states, severities and outcomes are all named in the code.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bot import __version__
from bot.core.rules.operating_state import OperatingState
from bot.runtime.telemetry import OperationKind, OperationRecord

SECONDS_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""A delivery takes 10 ms, a call to Slack 0.1 s, one to SkyPilot seconds, a launch minutes."""

LABELS = {
    OperationKind.JOB: "name",
    OperationKind.SLACK: "method",
    OperationKind.CLOUD: "call",
    OperationKind.DELIVERY: "type",
}
"""What the name of an operation is, by its kind. Prometheus has a label `job` of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What is read when Prometheus asks.

    Attributes:
        read_state: the runs, counted; None while the store does not answer.
        tick_age: seconds since the last tick; None before the first.
        outbox_lag: seconds for which the oldest message has not been sent.
        is_leader: whether this process is the one that ticks and posts.
        masked_texts: in how many texts this process has masked a secret.
    """

    read_state: Callable[[], OperatingState | None]
    tick_age: Callable[[], float | None]
    outbox_lag: Callable[[], float]
    is_leader: Callable[[], bool]
    masked_texts: Callable[[], int]


class GaugeCollector(Collector):
    """Makes metrics of the gauges at each scrape."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        gauges = self._gauges
        info = GaugeMetricFamily("verlbot_info", "The version of verlbot; always 1.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield GaugeMetricFamily(
            "verlbot_leader", "1 if this process ticks and posts, 0 if it only answers people.", gauges.is_leader()
        )
        age = gauges.tick_age()
        if age is not None:
            yield GaugeMetricFamily("verlbot_tick_age_seconds", "Seconds since the last tick.", age)
        yield GaugeMetricFamily(
            "verlbot_outbox_lag_seconds",
            "For how long the oldest message, or edit of one, has not been sent to Slack; 0 if none waits.",
            gauges.outbox_lag(),
        )
        yield CounterMetricFamily(
            "verlbot_masked_texts", "Texts in which a secret was masked; a text that is read again counts again.",
            gauges.masked_texts(),
        )  # fmt: skip
        state = gauges.read_state()
        yield GaugeMetricFamily("verlbot_store_up", "1 if the database answers, 0 if not.", state is not None)
        if state is not None:
            yield from build_state_metrics(state)


def build_state_metrics(state: OperatingState) -> Iterator[Metric]:
    """Yield what is counted of the runs."""
    runs = GaugeMetricFamily("verlbot_runs", "Open runs, by state.", labels=["state"])
    for name, count in state.runs.items():
        runs.add_metric([name], count)
    yield runs
    yield GaugeMetricFamily(
        "verlbot_dollars_per_hour",
        "Dollars an hour of all clusters of runs with a known price.",
        state.dollars_per_hour,
    )
    yield GaugeMetricFamily(
        "verlbot_unpriced_runs", "Runs that may have a cluster, and whose price is not known.", state.unpriced_runs
    )
    findings = GaugeMetricFamily("verlbot_findings", "Open findings of running trainings.", labels=["severity"])
    for severity, count in state.findings.items():
        findings.add_metric([severity], count)
    yield findings
    yield GaugeMetricFamily("verlbot_unreadable_runs", "Open runs whose record cannot be read.", state.unreadable_runs)
    yield GaugeMetricFamily("verlbot_orphan_clusters", "Clusters that no run owns.", state.orphans)


class PrometheusExporter:
    """The metrics of one bot."""

    def __init__(self, gauges: Gauges) -> None:
        self._registry = CollectorRegistry()
        self._seconds = {
            kind: Histogram(
                f"verlbot_{kind}_seconds", f"Seconds of each {kind} operation.", [label],
                registry=self._registry, buckets=SECONDS_BUCKETS,
            )
            for kind, label in LABELS.items()
        }  # fmt: skip
        self._outcomes = {
            kind: Counter(
                f"verlbot_{kind}_operations", f"Ended {kind} operations, by outcome.", [label, "outcome"],
                registry=self._registry,
            )
            for kind, label in LABELS.items()
        }  # fmt: skip
        self._registry.register(GaugeCollector(gauges))
        ProcessCollector(registry=self._registry)

    def record(self, operation: OperationRecord) -> None:
        """Count an operation that has ended."""
        self._seconds[operation.kind].labels(operation.name).observe(operation.seconds)
        self._outcomes[operation.kind].labels(operation.name, operation.outcome.value).inc()

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
