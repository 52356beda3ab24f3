"""From a lost connection to the next acknowledged command, against the 2 s that are promised."""

import time
from collections.abc import Callable
from random import random
from statistics import median

from benchmarks.world import Slack, a_bot, a_slack
from bot.slack.inbound.socket_mode import CHECK_PERIOD
from slack_playground.client import Person
from tests.proxy import Proxy
from tests.waiting import eventually

ROUNDS = 10
PROMISED_SECONDS = 2.0
SETTLED_SECONDS = 1.0
"""After which the bot has seen that it is connected. One that is lost before is tried again a little later, so that a
Slack that sends the bot away is not asked all the time."""


def measure() -> None:
    print(f"{'':28}{'median':>10}{'slowest':>10}   over {PROMISED_SECONDS:g} s")
    with a_slack() as slack:
        proxy = Proxy(int(slack.playground.address.rsplit(":", 1)[1]))
        slack.playground._slack.address = f"http://127.0.0.1:{proxy.port}"
        with a_bot(slack, "quick", SLACK_API_URL=f"http://127.0.0.1:{proxy.port}/api/"):
            report("closed by Slack", slack, lambda: slack.client.post("link", do="drop"))
            report("cut on the way", slack, proxy.cut)
            proxy.stop()


def report(name: str, slack: Slack, lose: Callable[[], object]) -> None:
    times = [back_after(slack, lose) for _ in range(ROUNDS)]
    late = sum(seconds > PROMISED_SECONDS for seconds in times)
    print(f"{name:28}{median(times):8.2f} s{max(times):8.2f} s{late:7} of {ROUNDS}")


def back_after(slack: Slack, lose: Callable[[], object]) -> float:
    """Seconds. No person types before the bot asks for a new connection: what Slack sent down the old one is lost."""
    eventually(lambda: acknowledges(slack))
    time.sleep(SETTLED_SECONDS + random() * CHECK_PERIOD.total_seconds())  # wherever between two of its checks
    before = opened(slack)
    start = time.monotonic()
    lose()
    eventually(lambda: opened(slack) > before and acknowledges(slack))
    return time.monotonic() - start


def opened(slack: Slack) -> int:
    return sum(entry["name"] == "apps.connections.open" for entry in slack.client.record("call"))


def acknowledges(slack: Slack) -> bool:
    return "error" not in Person(slack.client).says("/verl help")
