"""The runs are counted at most once in a few seconds, and not at all while the store does not answer."""

from datetime import timedelta

from redis import Redis

from bot.adapters.redis.connection import create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.app.operating_state_reader import REUSE_FOR, OperatingStateReader
from bot.core.model.run_state import RunStatus
from tests.builders import a_run, at


class Seconds:
    now = 0.0


def test_an_answer_is_given_again_for_a_while(store: RedisStore) -> None:
    time = Seconds()
    reader = OperatingStateReader(store, lambda: at(time.now))
    before = reader.read()
    store.add(a_run(), {})
    assert reader.read() is before
    time.now = REUSE_FOR / timedelta(seconds=1)
    after = reader.read()
    assert after is not None
    assert after.runs[RunStatus.PENDING] == 1


def test_a_store_that_does_not_answer_is_no_state() -> None:
    with create_client("redis://127.0.0.1:9/0", 0.1) as nowhere:
        assert isinstance(nowhere, Redis)
        assert OperatingStateReader(RedisStore(nowhere), lambda: at(0)).read() is None
