"""A chart renderer in a separate process, which ends if no chart was requested for a while: rendering takes 60 MB.

The process is `python -m bot.adapters.painter FD`; the bot has the other end of its socket, so that the process ends
when the bot ends, for any reason.
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

from bot.core.figure import Figure
from bot.errors import Unavailable
from bot.language import mark, say, spoken

IDLE_SECONDS = 60.0
"""Seconds without a request after which the process ends."""

START_SECONDS, DRAW_SECONDS = 60.0, 15.0
"""Maximum seconds for the first chart of a process, which may have to search for fonts; and for any other chart."""

NOT_DRAWN = mark("The chart could not be drawn as a picture.")


class Painting(msgspec.Struct):
    """One request to the process."""

    figure: Figure
    language: str


class Painter:
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
        self._link: Connection | None = None

    def paint(self, figure: Figure) -> bytes:
        """Return the chart as a PNG, in the current language of the caller.

        Raises:
            Unavailable: the chart could not be rendered, or not in time.
        """
        wanted = msgspec.json.encode(Painting(figure, spoken()))
        with self._lock:
            # The idle process may have ended just now, so a second attempt starts a new one.
            found = self._asked(wanted) or self._asked(wanted)
        if not found:
            raise Unavailable(say(NOT_DRAWN))
        return found

    def stop(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _asked(self, wanted: bytes) -> bytes:
        """Return the PNG; empty if there is none, and then the process has ended."""
        seconds = DRAW_SECONDS
        with suppress(OSError, EOFError):
            if self._link is None or self._process is None or self._process.poll() is not None:
                self._end()
                self._link, seconds = self._begin(), START_SECONDS
            self._link.send_bytes(wanted)
            if self._link.poll(seconds) and (found := self._link.recv_bytes()):
                return found
        self._end()
        return b""

    def _begin(self) -> Connection:
        """Start the process and return the connection to it."""
        ours, theirs = Pipe()
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = {"MPLCONFIGDIR": str(self._folder), "PYTHONPATH": ":".join(filter(None, sys.path))}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # all arguments are the bot's own
                [sys.executable, "-m", __name__, str(theirs.fileno()), str(self._idle_seconds)],
                env=self._environment | paths,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        return ours

    def _end(self) -> None:
        """Close the connection and kill the process."""
        if self._link:
            self._link.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._link = self._process = None


def serve(link: Connection, idle_seconds: float) -> None:
    """Render requested charts in the process, until none comes for a while or the bot has ended."""
    from bot.adapters.charts import picture  # noqa: PLC0415  # the bot's side does not load it

    # Ctrl-C is for the bot; this process notices when the bot ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while link.poll(idle_seconds):
            wanted = msgspec.json.decode(link.recv_bytes(), type=Painting)
            link.send_bytes(picture(wanted.figure, wanted.language))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), float(sys.argv[2]))
