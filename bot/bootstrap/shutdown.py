"""The end of the bot's process in bounded time: what hangs is abandoned, and the next start continues from the records.

Docker and Kubernetes kill a process 10 and 30 seconds after they have asked it to end. A call to Slack may hang for 10,
and there may be several in a row.
"""

import logging
import os
import sys
import threading
import time
from threading import Thread

from bot.bootstrap.bot import Bot

log = logging.getLogger(__name__)

STOP_SECONDS = 8.0
"""Maximum seconds from the signal to the end of all parts: less than ten, after which Docker kills."""

STORE_STOP_SECONDS = 1.5
"""Seconds more for an embedded store. One that does not end has all that was recorded on the disk, and serves the next
bot.
"""


def stop_in_time(bot: Bot, failure: BaseException | None = None) -> None:
    """Stop the bot, and return once none of its threads runs; end the process here if some still does.

    Args:
        failure: why the bot stops, if not by a signal: the process ends with code 1 then.

    Raises:
        Exception: what a part has raised that was to stop; all others were stopped.
    """
    deadline = time.monotonic() + STOP_SECONDS
    stopping = Stopping(bot)
    stopping.start()
    stopping.join(STOP_SECONDS)
    is_stopped = not stopping.is_alive()
    if is_stopped:
        for thread in list_threads():
            thread.join(max(deadline - time.monotonic(), 0))
    left = [thread.name for thread in list_threads() if thread.is_alive()]
    if is_stopped and not left:
        if stopping.failure:
            raise stopping.failure
        return
    try:
        parts = ", ".join(sorted(left)) or "a part"
        log.warning("%s took longer than %.0f s to stop, and is abandoned", parts, STOP_SECONDS)
        for error in filter(None, (failure, stopping.failure)):
            log.error("the bot ends after an error", exc_info=error)
        if bot.valkey and not is_stopped:
            store = Thread(target=bot.valkey.stop, name="stop the store", daemon=True)
            store.start()
            store.join(STORE_STOP_SECONDS)
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(1 if failure or stopping.failure else 0)


class Stopping(Thread):
    """The thread that stops a bot.

    Attributes:
        failure: what a part has raised that was to stop.
    """

    def __init__(self, bot: Bot) -> None:
        super().__init__(name="stop", daemon=True)
        self._bot = bot
        self.failure: Exception | None = None

    def run(self) -> None:
        """Stop the bot, and keep what that raises for the main thread."""
        try:
            self._bot.stop()
        except Exception as error:
            self.failure = error


def list_threads() -> list[Thread]:
    """Return the threads that Python would wait for, except this one."""
    current = threading.current_thread()
    return [thread for thread in threading.enumerate() if thread is not current and not thread.daemon]
