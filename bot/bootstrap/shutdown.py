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
"""Maximum seconds from the signal to the end: less than ten, after which Docker kills."""


def stop_in_time(bot: Bot) -> None:
    """Stop the bot, and return once none of its threads runs; end the process here if some still does."""
    deadline = time.monotonic() + STOP_SECONDS
    stopping = Thread(target=bot.stop, name="stop", daemon=True)
    stopping.start()
    stopping.join(STOP_SECONDS)
    is_stopped = not stopping.is_alive()
    if is_stopped:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join(max(deadline - time.monotonic(), 0))
    left = [
        thread.name
        for thread in threading.enumerate()
        if thread is not threading.current_thread() and not thread.daemon and thread.is_alive()
    ]
    if is_stopped and not left:
        return
    log.warning(
        "%s took longer than %.0f s to stop, and is abandoned", ", ".join(sorted(left)) or "a part", STOP_SECONDS
    )
    if bot.valkey and not is_stopped:
        bot.valkey.stop()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
