"""A bot in a process of its own for a measurement: `python -m benchmarks.serve bare|quick|hanging|skypilot`.

`bare` is Bolt with one listener that only acknowledges; the machines of `quick` and `hanging` are in memory,
and those of `hanging` never answer; those of `skypilot` are where the settings say. Set up by the environment; ends
with its standard input.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from threading import Event

from slack_bolt import Ack, App

from benchmarks.world import many_runs
from bot.adapters.redis.redis_store import RedisStore
from bot.app.process_health import Clock
from bot.app.rate_limits import InteractivePriority
from bot.bootstrap.container import build
from bot.config.settings import Settings
from bot.core.model.cluster import Observation
from bot.core.model.launch_plan import ClusterRef
from bot.slack.inbound.socket_mode import SocketConnection
from bot.slack.outbound.web_client import BotIdentity, build_web_client
from tests.doubles.cloud import FakeCloud

ACTIVE = 20
"""Runs that are active, and of which people ask."""


class HangingCloud(FakeCloud):
    """Machines that never answer."""

    def observe(self, watched: Sequence[ClusterRef]) -> Mapping[str, Observation]:
        Event().wait()
        return {}

    def tail_log(self, watched: ClusterRef, lines: int) -> str:
        Event().wait()
        return ""


def serve_bare(settings: Settings) -> None:
    client = build_web_client(settings.slack_bot_token, settings.slack_api_url)
    identity = BotIdentity(client)
    app = App(
        name="bare",
        process_before_response=True,
        client=client,
        authorize=lambda **_: identity.resolve(),
        signing_secret="unused",
    )

    def only_acknowledge(ack: Ack) -> None:
        ack("ok")

    app.command("/verl")(only_acknowledge)
    SocketConnection(
        app, identity, settings.slack_app_token, settings.slack_api_url, Clock().now, InteractivePriority()
    ).check()


def serve(settings: Settings, cloud: FakeCloud | None) -> None:
    bot = build(settings, cloud)
    assert isinstance(bot.run_service.store, RedisStore)
    many_runs(bot.run_service.store, cloud or FakeCloud(), ACTIVE)
    bot.start()


if __name__ == "__main__":
    settings = Settings.read(os.environ)
    match sys.argv[1]:
        case "bare":
            serve_bare(settings)
        case "quick":
            serve(settings, FakeCloud())
        case "hanging":
            serve(settings, HangingCloud())
        case "skypilot":
            serve(settings, None)
    sys.stdin.read()
    os._exit(0)  # its threads may wait for machines that never answer
