"""A real Prometheus scrapes a real bot while a run runs, and its alerts are evaluated on that."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live import ENDLESS, Live
from tests.waiting import eventually, free_port

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROMETHEUS = shutil.which("prometheus")
ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"


class Prometheus:
    """Debian's Prometheus on loopback."""

    def __init__(self, folder: Path, target: int) -> None:
        self.port = free_port()
        folder.mkdir()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "verlbot", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
            "rule_files": [str(ALERTS)],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    str(PROMETHEUS),
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=5) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> dict[str, float]:
        """Return the values of an expression now, by their labels as one text."""
        with suppress(OSError):  # it is starting
            found = self.get(f"query?query={urllib.parse.quote(expression)}")["result"]
            return {json.dumps(one["metric"], sort_keys=True): float(one["value"][1]) for one in found}
        return {}

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path, VERLBOT_METRICS_PORT=str(free_port()))
    yield found
    found.stop()


@pytest.mark.skipif(PROMETHEUS is None, reason="Debian's package `prometheus` is missing: `make prometheus`")
def test_a_prometheus_sees_what_runs_costs_and_fails(live: Live, tmp_path: Path) -> None:
    live.start()
    prometheus = Prometheus(tmp_path / "prometheus", int(live.settings["VERLBOT_METRICS_PORT"]))
    try:
        run_id = live.launch(f"nodes=2 {ENDLESS}")
        live.sees_card("running")

        def sees(expression: str) -> float:
            found = eventually(
                lambda: prometheus.query(expression), lambda: f"{expression}\n{live.log()}", pause_seconds=0.2
            )
            return next(iter(found.values()))

        assert sees('verlbot_runs{state="running"} == 1') == 1
        assert sees("verlbot_dollars_per_hour > 0") == 4  # two nodes at two dollars
        assert sees("verlbot_leader == 1") == 1
        assert sees("verlbot_store_up == 1") == 1
        assert sees("verlbot_tick_age_seconds") < 30
        assert sees('verlbot_job_operations_total{name="tick", outcome="ok"} > 0')
        assert sees('verlbot_cloud_operations_total{call="launch", outcome="ok"}') == 1
        assert sees('verlbot_slack_operations_total{method="chat.postMessage", outcome="ok"} > 0')
        assert sees('verlbot_delivery_seconds_count{type="command"} > 0')
        labels = " ".join(prometheus.query('{__name__=~"verlbot_.*"}'))
        assert run_id not in labels
        assert "U0ANA" not in labels

        alerts = {rule["name"] for group in prometheus.get("rules")["groups"] for rule in group["rules"]}
        assert "VerlbotTickLate" in alerts
        unhealthy = [
            rule for group in prometheus.get("rules")["groups"] for rule in group["rules"] if rule["health"] == "err"
        ]
        assert unhealthy == []

        live.ana.says(f"/verl stop {run_id} save=no")
        live.sees_end("stopped")
        assert sees('verlbot_runs{state="running"} == 0') == 0
        live.kill()
        assert sees('up{job="verlbot"} == 0') == 0
        assert eventually(lambda: prometheus.query('ALERTS{alertname="VerlbotDown", alertstate="pending"}'))
    finally:
        prometheus.stop()
