"""The bot unchanged on a Slack-compatible server that is not ours: npm's `emulate`, by SLACK_API_URL alone."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from slack_sdk import WebClient

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.slack.inbound.http_mode import EVENTS_PATH
from slack_playground.deliveries import encoded, signed
from tests.live import ENVIRONMENT, QUICK
from tests.slack_types import find_node
from tests.waiting import eventually

EMULATE = Path(__file__).parents[2] / "playground" / "web" / "node_modules" / ".bin" / "emulate"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not EMULATE.exists() or find_node() is None, reason="npm's emulate is not installed: `make page` brings it"
    ),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def process(folder: Path, *command: str, **environment: str) -> Iterator[Path]:
    """A program while it is needed; the file that it writes to."""
    out = folder / f"{Path(command[0]).name}.log"
    with out.open("w") as stream:
        running = subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        yield out
    finally:
        running.terminate()
        running.wait(20)


def answers(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(address, trust_env=False, timeout=2).status_code < 500
    return False


@pytest.mark.long
def test_a_run_is_launched_and_told_of_to_its_end(tmp_path: Path) -> None:
    slack_port, bot_port = free_port(), free_port()
    slack, bot = f"http://127.0.0.1:{slack_port}", f"http://127.0.0.1:{bot_port}"
    settings = ENVIRONMENT | {
        "SLACK_API_URL": f"{slack}/api/",
        "VERLBOT_SLACK_MODE": "http",
        "VERLBOT_HTTP_PORT": str(bot_port),
        "VERLBOT_DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": "",
    }
    with process(
        tmp_path, str(find_node()), str(EMULATE), "start", "--service", "slack", "--port", str(slack_port)
    ) as said:
        eventually(lambda: answers(slack), said.read_text)
        client = WebClient(token=settings["SLACK_BOT_TOKEN"], base_url=f"{slack}/api/")
        channel = client.conversations_list()["channels"][0]["id"]
        with process(tmp_path, sys.executable, "-m", "bot", "run", **settings) as log:
            eventually(lambda: answers(bot), log.read_text)
            answer = say(f"{bot}{EVENTS_PATH}", f"launch smoke {QUICK}", channel)
            assert "Launching" in answer.json()["text"]

            def told() -> str:
                """The run's card and thread, once both tell of its end."""
                messages = client.conversations_history(channel=channel)["messages"]
                cards = [one["ts"] for one in messages if "smoke-" in one["text"]]
                threads = [client.conversations_replies(channel=channel, ts=ts)["messages"] for ts in cards]
                text = "\n".join(one["text"] for thread in threads for one in thread)
                return text if text.count("finished") > 1 else ""

            found = eventually(told, log.read_text, 60)
            assert "Requested 1 node" in found
    store = EmbeddedValkey(tmp_path / "data" / "store", answer_seconds=5)
    store.start()
    store.stop()


def say(address: str, text: str, channel: str) -> httpx.Response:
    """Deliver a slash command as Slack would; what the bot answers."""
    command = {
        "command": "/verl",
        "text": text,
        "user_id": "U000000001",
        "channel_id": channel,
        "team_id": "T000000001",
        "trigger_id": "once",
        "response_url": "http://127.0.0.1:1/unused",
    }
    body, kind = encoded("slash_commands", command)
    headers = signed(body) | {"Content-Type": kind}
    return httpx.post(address, content=body, headers=headers, trust_env=False, timeout=10)
