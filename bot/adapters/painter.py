"""Has figures drawn in a process of its own, which ends when none was wanted for a while: drawing takes 60 MB.

The process is `python -m bot.adapters.painter FD`; the bot holds the other end of its socket, so that it ends with
the bot too, however that ends.
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
"""Without a figure to draw, before the process ends."""

START_SECONDS, DRAW_SECONDS = 60.0, 15.0
"""The most that the first figure of a process may take, whose fonts may have to be looked for; and any other."""

NOT_DRAWN = mark("The chart could not be drawn as a picture.")


class Painting(msgspec.Struct):
    """What is wanted of the process."""

    figure: Figure
    language: str


class Painter:
    """Draws one figure at a time.

    Args:
        folder: where matplotlib keeps what it knows of this machine's fonts.
        environment: all that the process sees of it beside that; the bot's tokens are not in it.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], idle_seconds: float = IDLE_SECONDS) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._idle_seconds = idle_seconds
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Connection | None = None

    def paint(self, figure: Figure) -> bytes:
        """The figure as a PNG, in the language that is spoken where it is asked for.

        Raises:
            Unavailable: it could not be drawn, or not in time.
        """
        wanted = msgspec.json.encode(Painting(figure, spoken()))
        with self._lock:
            found = self._asked(wanted) or self._asked(wanted)  # it may just have ended for want of work
        if not found:
            raise Unavailable(say(NOT_DRAWN))
        return found

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _asked(self, wanted: bytes) -> bytes:
        """The PNG; empty where there is none, and then the process has ended."""
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
        ours, theirs = Pipe()
        self._folder.mkdir(parents=True, exist_ok=True)
        paths = {"MPLCONFIGDIR": str(self._folder), "PYTHONPATH": ":".join(filter(None, sys.path))}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own words, no person's
                [sys.executable, "-m", __name__, str(theirs.fileno()), str(self._idle_seconds)],
                env=self._environment | paths,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        return ours

    def _end(self) -> None:
        if self._link:
            self._link.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._link = self._process = None


def serve(link: Connection, idle_seconds: float) -> None:
    """The process's side: draw what comes, until nothing has come for a while or nobody is there."""
    from bot.adapters.charts import picture  # noqa: PLC0415  # the other side does without

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the bot's, whose end this one sees
    with suppress(EOFError, OSError):
        while link.poll(idle_seconds):
            wanted = msgspec.json.decode(link.recv_bytes(), type=Painting)
            link.send_bytes(picture(wanted.figure, wanted.language))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), float(sys.argv[2]))
