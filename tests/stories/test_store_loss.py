"""A store that is lost or set back while runs train: nothing goes on unseen. Stories through Bolt and a real server."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from bot.adapters.redis.redis_store import RedisStore
from bot.adapters.redis.store_backup import iterate_entries, renew_identity, restore_entries, write_backup
from bot.app.store_watch import StoreMemory
from bot.core.model.cluster import JobState
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.story import ANA, BEN, TRAINING, Bot, read

RESTORED = "My database was restored from a backup"
LOST, SET_BACK, REPLACED = "My database is empty", "My database was set back to an older state", "Another database"


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient, tmp_path: Path) -> Bot:
    """A bot without an ops channel, which remembers its store in a file."""
    return Bot(store, playground, slack, memory=StoreMemory(tmp_path / "store-identity"))


def copy_of(redis: Redis) -> Callable[[], None]:
    """What puts the store back as it is now."""
    kept = {key: redis.dump(key) or b"" for key in redis.keys("*")}

    def put_back() -> None:
        redis.flushall()
        for key, value in kept.items():
            redis.restore(key, 0, value)

    return put_back


def times(bot: Bot, text: str) -> int:
    """How many messages of the runs' channel hold it."""
    return sum(text in read(message) for message in bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"])


def stamps(bot: Bot) -> set[str]:
    """The messages of the runs' channel, by Slack's ids."""
    return {message["ts"] for message in bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]}


def restarted(bot: Bot) -> Bot:
    bot.moment += timedelta(seconds=60)
    return bot.later()


@pytest.mark.parametrize("restart", [True, False], ids=["with a restart", "under the bot"])
def test_an_empty_store_gets_its_runs_back_from_their_clusters(bot: Bot, redis: Redis, restart: bool) -> None:
    run_id = bot.running("launch smoke nodes=2 budget=7 lease=3")
    bot.cloud.print(f"verl-{run_id}", "step:7 - critic/rewards/mean:0.5")
    redis.flushall()
    bot = restarted(bot) if restart else bot
    bot.tick()
    bot.sweep(minutes=0.5)
    bot.ticks(4)
    run = bot.run(run_id)
    assert (run.status, run.requester, run.channel, run.recipe) == ("running", ANA, TRAINING, "smoke")
    assert (run.limits.budget_dollars, run.limits.lease) == (7.0, timedelta(hours=3))
    assert times(bot, f"My database had lost `{run_id}`") == 1
    assert times(bot, "Running") + times(bot, "running") >= 1
    assert bot.cloud.launches == [f"verl-{run_id}"]
    assert bot.store.get_orphans() == {}
    bot.say(f"stop {run_id} save=no", user=ANA)
    bot.ticks(12, seconds=10)
    assert (bot.run(run_id).status, bot.cloud.downs) == ("ended", [f"verl-{run_id}"])


def test_its_budget_and_its_lease_end_a_run_that_was_taken_back(bot: Bot, redis: Redis) -> None:
    run_id = bot.running("launch smoke nodes=2 budget=7 lease=9")
    redis.flushall()
    bot = restarted(bot)
    bot.sweep(minutes=0.5)
    bot.ticks(2)
    bot.moment += timedelta(hours=4)  # $8 at the $2/h that the list shows
    bot.ticks(12, seconds=10)
    assert (bot.run(run_id).reason, bot.run(run_id).status) == ("over_budget", "ended")


def test_an_older_store_is_noticed_and_what_it_forgot_is_taken_back(bot: Bot, redis: Redis) -> None:
    first = bot.running()
    put_back = copy_of(redis)
    bot.say("launch smoke", user=BEN)
    bot.ticks(3)
    put_back()
    bot = restarted(bot)
    bot.tick()
    assert times(bot, SET_BACK) == 1
    bot.sweep(minutes=0.5)
    bot.ticks(5, seconds=20)
    assert sorted(run.id for run in bot.store.list_open_runs()) == [first, "smoke-0002"]
    assert bot.run("smoke-0002").requester == BEN
    assert bot.cloud.launches == [f"verl-{first}", "verl-smoke-0002"]


@pytest.mark.parametrize("is_stopped", [False, True], ids=["it goes on", "it is stopped"])
def test_a_run_whose_launch_an_older_store_lacks_has_its_cluster(bot: Bot, redis: Redis, is_stopped: bool) -> None:
    bot.say("launch smoke nodes=2 budget=7 lease=3")
    (run_id,) = [run.id for run in bot.store.list_open_runs()]
    put_back = copy_of(redis)
    bot.ticks(3)
    assert bot.run(run_id).status == "running"
    put_back()
    if is_stopped:
        bot.say(f"stop {run_id} save=no", user=ANA)
    bot = restarted(bot)
    bot.ticks(12, seconds=10)
    assert bot.cloud.launches == [f"verl-{run_id}"]
    assert bot.run(run_id).status == ("ended" if is_stopped else "running")
    assert bot.cloud.downs == ([f"verl-{run_id}"] if is_stopped else [])
    assert (bot.run(run_id).cost(bot.moment) or 0.0) > 0.05
    assert bot.store.get_orphans() == {}


@pytest.mark.parametrize("is_fresh", [True, False], ids=["on a fresh machine", "beside the same data directory"])
@pytest.mark.parametrize("hours", [0, 2], ids=["at once", "started hours later"])
def test_a_restored_store_is_announced_and_what_it_forgot_is_taken_back(
    bot: Bot, redis: Redis, tmp_path: Path, is_fresh: bool, hours: int
) -> None:
    first = bot.running("launch smoke nodes=2 budget=50 lease=9")
    write_backup(redis, tmp_path / "backup", "0.1.0")
    bot.say("launch smoke budget=50 lease=9", user=BEN)
    bot.ticks(3)
    redis.flushall()
    restore_entries(redis, renew_identity(iterate_entries(tmp_path / "backup"), bot.moment))
    bot.moment += timedelta(hours=hours)
    if is_fresh:
        bot.memory = StoreMemory(tmp_path / "another-machine")
    bot = restarted(bot)
    bot.tick()
    assert times(bot, RESTORED) == 1
    bot.sweep(minutes=0.5)
    bot.ticks(5, seconds=20)
    assert sorted(run.id for run in bot.store.list_open_runs()) == [first, "smoke-0002"]
    assert bot.run("smoke-0002").requester == BEN
    bot = restarted(bot)
    bot.ticks(2)
    assert [times(bot, text) for text in (LOST, SET_BACK, REPLACED, RESTORED)] == [0, 0, 0, 1]
    assert times(bot, "My database had lost `smoke-0002`") == 1


def test_a_restart_and_a_new_store_are_no_news(bot: Bot) -> None:
    bot.running()
    bot = restarted(bot)
    bot.sweep(minutes=0.5)
    bot.ticks(3)
    assert [times(bot, text) for text in (LOST, SET_BACK, REPLACED)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("key", "value"),
    [("bot", "t0play-u0other"), ("bot", ""), ("run", "smoke-9999"), ("asked", "soon"), ("recipe", "gone")],
)
def test_a_cluster_that_its_tags_do_not_show_to_be_a_run_of_this_bot_is_left_to_people(
    bot: Bot, redis: Redis, key: str, value: str
) -> None:
    run_id = bot.running()
    name = f"verl-{run_id}"
    bot.cloud.tags[name] = {**bot.cloud.tags[name], key: value}
    redis.flushall()
    bot = restarted(bot)
    bot.sweep(minutes=0.5)
    bot.ticks(2)
    assert bot.store.list_open_runs() == []
    assert [orphan.cluster.name for orphan in bot.store.get_orphans().values()] == [name]
    assert bot.cloud.downs == []


def test_without_an_ops_channel_a_cluster_whose_recipe_is_gone_is_told_of_in_the_channel_of_its_run(
    bot: Bot, redis: Redis
) -> None:
    run_id = bot.running()
    name = f"verl-{run_id}"
    bot.cloud.tags[name] = {**bot.cloud.tags[name], "recipe": "gone"}
    redis.flushall()
    bot = restarted(bot)
    bot.sweep(minutes=0.5)
    assert times(bot, f"`{name}`") == 1


def test_tags_alone_take_nothing_back_from_a_store_that_has_lost_nothing(bot: Bot) -> None:
    """A person may write any label on a cluster."""
    run_id = bot.running()
    bot.cloud.seen["verl-smoke-beef"] = bot.cloud.seen[f"verl-{run_id}"]
    asked = f"{(bot.moment + timedelta(minutes=1)).timestamp() * 1000:.0f}"
    bot.cloud.tags["verl-smoke-beef"] = {**bot.cloud.tags[f"verl-{run_id}"], "run": "smoke-beef", "asked": asked}
    bot.sweep(minutes=5)
    assert bot.store.get("smoke-beef") is None
    assert [orphan.cluster.name for orphan in bot.store.get_orphans().values()] == ["verl-smoke-beef"]


def test_an_older_store_sends_no_message_again(bot: Bot, redis: Redis) -> None:
    run_id = bot.running()
    put_back = copy_of(redis)
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(12, seconds=10)
    assert bot.run(run_id).status == "ended"
    before = stamps(bot)
    put_back()
    bot = restarted(bot)
    bot.ticks(12, seconds=10)
    assert bot.run(run_id).status == "ended"
    assert times(bot, SET_BACK) == 1
    assert len(stamps(bot) - before) == 1


def test_a_store_that_is_set_back_twice_to_one_state_sends_no_message_again(bot: Bot, redis: Redis) -> None:
    """The second time it has lost what was sent after the first, for which the bot had looked in vain before."""
    run_id = bot.running()
    put_back = copy_of(redis)
    bot.ticks(2, seconds=10)
    put_back()
    bot.ticks(3, seconds=10)
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(12, seconds=10)
    assert bot.run(run_id).status == "ended"
    before = stamps(bot)
    put_back()
    bot.ticks(12, seconds=10)
    assert bot.run(run_id).status == "ended"
    assert times(bot, SET_BACK) == 2
    assert len(stamps(bot) - before) == 1


def test_a_card_is_edited_again_after_its_store_was_lost(bot: Bot, redis: Redis) -> None:
    run_id = bot.running()
    card = bot.run(run_id).messages.sent["card"].ts
    redis.flushall()
    bot = restarted(bot)
    bot.sweep(minutes=0.5)
    bot.ticks(4)
    assert bot.run(run_id).messages.sent["card"].ts == card
