"""The port of the metrics answers one question, and takes nothing."""

from collections.abc import Iterator

import httpx
import pytest

from bot.app.metrics_server import MetricsServer
from bot.app.web_server import PortLimits


@pytest.fixture(scope="module")
def server() -> Iterator[MetricsServer]:
    found = MetricsServer(lambda: b"verlbot_leader 1\n", "127.0.0.1", 0, PortLimits())
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/metrics", 200, id="what Prometheus asks"),
        pytest.param("GET", "/metrics/", 404, id="another path"),
        pytest.param("GET", "/", 404, id="the root"),
        pytest.param("POST", "/metrics", 405, id="what changes something elsewhere"),
        pytest.param("GET", "/health", 200, id="health"),
    ],
)
def test_only_the_metrics_are_read(server: MetricsServer, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, server.address + path, trust_env=False)
    assert answer.status_code == status
    if path == "/metrics" and status == 200:
        assert answer.text == "verlbot_leader 1\n"
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
