"""`verlbot run`, which ends itself by kill -9 at one point: `python -m tests.killed`, with KILL_AT in the environment.

KILL_AT is a point's name and which time it is reached, such as `before LocalCloud.launch 1`.
"""

import os
import signal

from slack_sdk import WebClient

from bot.__main__ import main
from bot.adapters.local.local_cloud import LocalCloud
from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.sky.sky_cloud import SkyCloud
from tests.crashes import CLOUD, SLACK, STORE, Points


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Named(Points):
    """Dies at a point by its name, the so many-th time."""

    def __init__(self, at: str) -> None:
        super().__init__(kill)
        name, _, times = at.rpartition(" ")
        self._fatal_name = name
        self._left = int(times or 0)

    def _reach(self, name: str) -> None:
        if name == self._fatal_name:
            self._left -= 1
            if self._left == 0:
                kill()


if __name__ == "__main__":
    points = Named(os.environ.get("KILL_AT", ""))
    points.watch(RedisStore, STORE, "RedisStore")
    points.watch(LocalCloud, CLOUD, "LocalCloud")
    points.watch(SkyCloud, CLOUD, "SkyCloud")
    points.watch(WebClient, SLACK, "WebClient")
    raise SystemExit(main(["run"]))
