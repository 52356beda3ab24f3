"""The port at which Prometheus asks for the bot's metrics. They hold numbers alone: no name, no id, no text."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from bot.app.web_server import Endpoint, PortLimits, WebServer

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Of Prometheus' text format, which every version of it reads."""


class MetricsServer(WebServer):
    """The metrics behind a web server.

    Args:
        render: returns the metrics; it may wait for the store.
    """

    def __init__(self, render: Callable[[], bytes], host: str, port: int, limits: PortLimits) -> None:
        async def answer(_: Headers, __: bytes) -> Response:
            return Response(await run_in_threadpool(render), media_type=CONTENT_TYPE)

        endpoint = Endpoint(lambda rest, headers: None, answer, method="GET")
        super().__init__(
            "metrics", host, port, {PATH: endpoint}, limits, "VERLBOT_METRICS_HOST and VERLBOT_METRICS_PORT"
        )
