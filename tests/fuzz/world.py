"""A bot in this process for each example, in an empty Slack and an empty store; and what may never come of one."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from bot.adapters.redis.embedded import EmbeddedValkey
from bot.adapters.redis.redis_store import RedisStore
from bot.runtime.failure_isolation import REPORTED_FAILURES
from bot.slack.outbound.refusals import MALFORMED_CODES
from bot.slack.outbound.web_client import SlackRejected, SlackUncertain
from slack_playground.client import PlaygroundClient
from slack_playground.record import Record
from slack_playground.server import Playground
from slack_playground.workspace import seeded
from tests.hostile import refuse_unsafe
from tests.story import Bot


class Tracebacks(logging.Handler):
    """Keeps what the log says of mistakes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(
            record.exc_info[1], SlackRejected | SlackUncertain
        ):  # Slack's, which the log names
            self.found.append(logging.Formatter().format(record))


class World:
    """What examples share: servers, emptied for each."""

    def __init__(self, redis: Redis, playground: Playground, slack: PlaygroundClient, log: Tracebacks) -> None:
        self.redis = redis
        self.playground = playground
        self.slack = slack
        self.log = log

    @contextmanager
    def bot(self) -> Iterator[Bot]:
        """A bot that finds everything empty; afterwards what was said is looked at."""
        REPORTED_FAILURES.forget()
        self.redis.flushall()
        self.playground._slack.workspace = seeded()
        self.playground._slack.modals.clear()
        self.playground._slack.record = Record()
        self.log.found.clear()
        bot = Bot(RedisStore(self.redis), self.playground, self.slack)
        try:
            yield bot
        finally:
            bot.pool.shutdown()
        self.refuse_mistakes()

    def refuse_mistakes(self) -> None:
        """Fail on a traceback in the log, on what Slack refused as malformed, and on what is live in what was said."""
        assert self.log.found == []
        slack = self.playground._slack
        outcomes = [entry.outcome for entry in slack.record.entries if entry.kind == "call"]
        assert not MALFORMED_CODES & set(outcomes)
        for message in (one for messages in slack.workspace.messages.values() for one in messages):
            if message.user == "U0VERLBOT":
                refuse_unsafe({"text": message.text, "blocks": message.blocks})
        for views in slack.modals.values():
            refuse_unsafe([view.body for view in views])


@contextmanager
def a_world() -> Iterator[World]:
    log = Tracebacks()
    logging.getLogger().addHandler(log)
    with TemporaryDirectory() as folder:
        server, playground = EmbeddedValkey(Path(folder), answer_seconds=60), Playground()
        redis = server.start()
        redis.config_set("appendonly", "no")
        playground.start()
        slack = PlaygroundClient(playground.address)
        yield World(redis, playground, slack, log)
        slack.close()
        playground.stop()
        server.stop()
    logging.getLogger().removeHandler(log)


def stored(redis: Redis) -> str:
    """All that the store holds, as one text; the same for the same content."""
    found = {}
    for key in redis.scan_iter(count=1_000):
        found[str(key)] = str(redis.dump(key))
    return json.dumps(found, sort_keys=True)
