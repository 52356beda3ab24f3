"""A chart renderer in a separate process, which ends if no chart was requested for a while: rendering takes 60 MB.

The process is `python -m bot.adapters.charts.render_worker FD`; the bot has the other end of its socket, so that the
process ends when the bot ends, for any reason.
"""

import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock

import msgspec

from bot.core.rules.chart_data import Chart
from bot.errors import Unavailable
from bot.phrase import N_, Phrase

IDLE_SECONDS = 60.0
"""Seconds without a request after which the process ends."""

MAX_FIRST_CHART_SECONDS, MAX_CHART_SECONDS = 60.0, 15.0
"""Maximum seconds for the first chart of a process, which may have to search for fonts; and for any other chart."""

CHART_NOT_RENDERED = N_("I could not draw the chart as a picture.")


class RenderRequest(msgspec.Struct):
    """One request to the process."""

    chart: Chart
    fallback: Chart | None = None


class ProcessChartRenderer:
    """Renders one chart at a time in a separate process.

    Args:
        folder: where matplotlib stores its list of this machine's fonts.
        environment: the only variables that the process gets besides; the bot's tokens are not among them.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], idle_seconds: float = IDLE_SECONDS) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._idle_seconds = idle_seconds
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def render(self, chart: Chart, fallback: Chart | None = None) -> bytes:
        """Return the chart as a PNG; see `ChartRenderer.render`.

        Raises:
            Unavailable: the chart could not be rendered, or not in time.
        """
        request = msgspec.json.encode(RenderRequest(chart, fallback))
        with self._lock:
            # The idle process may have ended just now, so a second attempt starts a new one.
            image = self._request_png(request) or self._request_png(request)
        if not image:
            raise Unavailable(Phrase(CHART_NOT_RENDERED))
        return image

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._end_process()

    def _request_png(self, request: bytes) -> bytes:
        """Return the PNG; empty if there is none, and then the process has ended."""
        seconds = MAX_CHART_SECONDS
        with suppress(OSError, EOFError):
            if self._connection is None or self._process is None or self._process.poll() is not None:
                self._end_process()
                self._connection, seconds = self._start_process(), MAX_FIRST_CHART_SECONDS
            self._connection.send_bytes(request)
            if self._connection.poll(seconds) and (image := self._connection.recv_bytes()):
                return image
        self._end_process()
        return b""

    def _start_process(self) -> Connection:
        """Start the process and return the connection to it."""
        own_end, child_end = Pipe()
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = {"MPLCONFIGDIR": str(self._folder), "PYTHONPATH": ":".join(filter(None, sys.path))}
        with child_end:
            self._process = subprocess.Popen(  # noqa: S603  # all arguments are the bot's own
                [sys.executable, "-m", __name__, str(child_end.fileno()), str(self._idle_seconds)],
                env=self._environment | paths,
                pass_fds=[child_end.fileno()],
                stdin=subprocess.DEVNULL,
            )
        return own_end

    def _end_process(self) -> None:
        """Close the connection and kill the process."""
        if self._connection:
            self._connection.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._connection = self._process = None


def serve_requests(connection: Connection, idle_seconds: float) -> None:
    """Render requested charts in the process, until none comes for a while or the bot has ended."""
    from bot.adapters.charts.chart_renderer import render_chart  # noqa: PLC0415  # the bot's side does not load it

    # Ctrl-C is for the bot; this process notices when the bot ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while connection.poll(idle_seconds):
            request = msgspec.json.decode(connection.recv_bytes(), type=RenderRequest)
            connection.send_bytes(render_chart(request.chart, request.fallback))


if __name__ == "__main__":
    serve_requests(Connection(int(sys.argv[1])), float(sys.argv[2]))
