"""The metrics as Prometheus reads them; the alerts and the dashboard ask for metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.adapters.prometheus.exporter import Gauges, PrometheusExporter
from bot.core.rules.operating_state import OperatingState, count_state
from bot.runtime.telemetry import OperationKind, OperationRecord, Outcome, Span

DEPLOY = Path(__file__).parents[3] / "deploy"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="Debian's package `prometheus` is missing: `make prometheus`"
)

EMPTY = count_state([], 0, 0)


def an_exporter(state: OperatingState | None = EMPTY, tick_age: float | None = 3.0) -> PrometheusExporter:
    return PrometheusExporter(
        Gauges(
            read_state=lambda: state,
            tick_age=lambda: tick_age,
            outbox_lag=lambda: 12.5,
            is_leader=lambda: True,
            masked_texts=lambda: 7,
        )
    )


def ended(kind: OperationKind, name: str, outcome: Outcome = Outcome.SUCCEEDED) -> OperationRecord:
    return OperationRecord(kind, name, 0.0, 0.2, outcome, Span("0" * 32, "0" * 16))


def samples(exporter: PrometheusExporter) -> dict[str, float]:
    """Return every sample by its name and labels."""
    families = text_string_to_metric_families(exporter.render().decode())
    return {
        f"{sample.name}{sorted(sample.labels.items())}" if sample.labels else sample.name: sample.value
        for family in families
        for sample in family.samples
    }


def test_gauges_are_read_at_each_scrape() -> None:
    found = samples(an_exporter())
    assert found["verlbot_leader"] == 1
    assert found["verlbot_tick_age_seconds"] == 3
    assert found["verlbot_outbox_lag_seconds"] == 12.5
    assert found["verlbot_masked_texts_total"] == 7
    assert found["verlbot_store_up"] == 1
    assert found["verlbot_runs[('state', 'running')]"] == 0


def test_a_store_that_does_not_answer_shows_no_numbers_of_runs() -> None:
    found = samples(an_exporter(None, tick_age=None))
    assert found["verlbot_store_up"] == 0
    assert not [name for name in found if name.startswith(("verlbot_runs", "verlbot_dollars", "verlbot_tick"))]


@pytest.mark.parametrize("kind", OperationKind)
def test_an_operation_counts_by_name_and_outcome(kind: OperationKind) -> None:
    exporter = an_exporter()
    exporter.record(ended(kind, "one"))
    exporter.record(ended(kind, "one", Outcome.UNANSWERED))
    found = samples(exporter)
    counts = [value for name, value in found.items() if name.startswith(f"verlbot_{kind}_operations_total")]
    assert counts == [1, 1]
    assert sum(value for name, value in found.items() if name.startswith(f"verlbot_{kind}_seconds_count")) == 2


@needs_promtool
def test_promtool_finds_no_fault_in_the_metrics() -> None:
    exporter = an_exporter()
    for kind in OperationKind:
        exporter.record(ended(kind, "one"))
    ran = subprocess.run([str(PROMTOOL), "check", "metrics"], input=exporter.render(), capture_output=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, b"")


@needs_promtool
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")], id="configuration"),
        pytest.param(["test", "rules", str(Path(__file__).parent / "alert_cases.yml")], id="which alert fires when"),
    ],
)
def test_promtool_accepts_the_alerts(words: list[str]) -> None:
    ran = subprocess.run([str(PROMTOOL), *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def list_expressions() -> Iterator[str]:
    """Yield every expression of the alerts and of the dashboard."""
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((DEPLOY / "grafana" / "verlbot.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("expression", list(list_expressions()))
def test_what_alerts_and_dashboard_ask_for_is_a_metric_with_such_labels(expression: str) -> None:
    exporter = an_exporter()
    for kind in OperationKind:
        exporter.record(ended(kind, "one"))
    families = list(text_string_to_metric_families(exporter.render().decode()))
    known = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    for name, matched in re.findall(r"((?:verlbot|process)_\w+)(?:\{([^}]*)\})?", expression):
        assert name in known
        labels = set(re.findall(r"(\w+)=", matched)) - {"job"}
        assert labels <= known[name]


def test_panels_are_told_apart_and_do_not_overlap() -> None:
    panels = json.loads((DEPLOY / "grafana" / "verlbot.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
