"""A SkyPilot that has forgotten: nothing is concluded, it is said, what people and leases want is asked for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.connection import RESERVATIONS, RUN_RECORD
from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import CloudMemory, Ending, JobState
from bot.core.model.policy import Caps, Policy
from bot.core.model.run_state import Reason
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import NOON, change_run
from tests.story import RANDOM, TRAINING, Bot, shown

OPS = RANDOM
RUN_ID, CLUSTER = "smoke-0001", "verl-smoke-0001"
FORGOTTEN = "SkyPilot's server no longer knows smoke-0001*"
UNKNOWN = "SkyPilot no longer knows it"
REAPPEARED = (
    "is running again. I had ended its run because SkyPilot did not show the cluster.* I will not delete it by myself"
)
WAITS_FOR_MODEL = (
    "the only copy of its model may be there. I ask for the deletion once the time to download the model is over"
)


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack, ops_channel=OPS, policy=Policy(person=Caps(runs=1)))


def launching(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke lease=1")
    bot.ticks(3)
    assert bot.run().status == "launching"


def running(bot: Bot) -> None:
    bot.running("launch smoke lease=1")


def stopping(bot: Bot) -> None:
    bot.running("launch smoke lease=1")
    bot.cloud.removes = False
    bot.say(f"stop {RUN_ID} save=no")
    bot.ticks(3)
    assert bot.run().status == "stopping"
    bot.cloud.removes = True


BEFORE: dict[str, Callable[[Bot], None]] = {"launching": launching, "running": running, "stopping": stopping}


@pytest.mark.long
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("restarts", [False, True], ids=["in use", "while the bot was down"])
def test_nothing_ends_and_no_place_is_freed_while_it_is_said_once(
    bot: Bot, redis: Redis, before: str, restarts: bool
) -> None:
    BEFORE[before](bot)
    bot.cloud.forget()
    later = bot.later() if restarts else bot
    later.ticks(12, seconds=20)
    assert later.run().status == before
    assert redis.hexists(RESERVATIONS, RUN_ID)
    assert "limit of runs at once is" in bot.say("launch smoke")  # its place is taken
    assert later.reads().count(FORGOTTEN) == 2  # in its thread, and so that the channel sees it
    assert UNKNOWN in later.card()
    assert len(later.cloud.launches) == 1


def test_the_ops_channel_hears_of_all_runs_at_once_and_when_they_are_remembered(bot: Bot) -> None:
    bot.policy = Policy()
    for _ in range(3):
        bot.say("launch smoke")
    bot.ticks(3)
    bot.cloud.forget()
    bot.ticks(20, seconds=10)
    named = "`smoke-0001`, `smoke-0002`, `smoke-0003`"
    assert bot.reads(channel=OPS).count(f"no longer knows the clusters of {named}.*") == 1
    bot.cloud.remember()
    bot.ticks(20, seconds=10)
    assert bot.reads(channel=OPS).count(f"remembers the clusters of {named} again.") == 1


@pytest.mark.parametrize("before", ["launching", "running"])
def test_a_run_goes_on_with_its_card_when_the_right_server_is_back(bot: Bot, before: str) -> None:
    BEFORE[before](bot)
    card = bot.run().messages.sent["card"].ts
    bot.cloud.forget()
    bot.ticks(12, seconds=20)
    bot.cloud.remember()
    bot.ticks(12)
    assert "SkyPilot's server found smoke-0001 again at " in bot.reads()
    assert UNKNOWN not in bot.card()
    bot.sweep()
    assert bot.store.get_orphans() == {}
    bot.cloud.come_up(CLUSTER)
    bot.ticks(2)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12, seconds=10)
    assert (bot.run().status, bot.run().reason) == ("ended", Reason.SUCCEEDED)
    assert (bot.run().messages.sent["card"].ts, bot.cloud.launches) == (card, [CLUSTER])


@pytest.mark.long
@pytest.mark.parametrize("ends_it", ["stop", "lease", "budget"])
def test_what_ends_it_asks_for_its_removal_again_and_again_and_does_not_call_it_gone(bot: Bot, ends_it: str) -> None:
    """Its model is in a volume, so that no removal waits for it."""
    limits = "budget=1 lease=9" if ends_it == "budget" else "lease=1"
    bot.running(f"launch smoke volume=models {limits}")
    bot.cloud.forget()
    bot.ticks(3, seconds=10)
    if ends_it == "stop":
        assert "nothing confirms the deletion: check the machines yourself" in bot.say(f"stop {RUN_ID}")
    else:
        bot.tick(3600)
    bot.ticks(30, seconds=20)
    assert bot.run().status == "stopping"
    assert 5 < len(bot.cloud.downs) < 15
    assert set(bot.cloud.downs) == {CLUSTER}
    assert "SkyPilot no longer knows it, so I cannot confirm that it is gone." in bot.reads()
    assert "is still up" not in bot.reads()  # that is known only of what is seen
    bot.cloud.remember()
    bot.ticks(12, seconds=10)
    assert bot.run().status == "ended"
    assert bot.cloud.seen[CLUSTER].ending is Ending.DOWNED


def test_a_person_who_has_looked_by_hand_closes_it(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke")
    bot.cloud.forget()
    bot.ticks(3, seconds=10)
    assert "type `/verl stop smoke-0001 gone=yes`" in bot.reads()
    assert "Closing smoke-0001: you confirmed that its machines are gone." in shown(bot.say(f"stop {RUN_ID} gone=yes"))
    bot.ticks(3)
    assert bot.run().status == "ended"
    assert "machines gone according to @ana; SkyPilot cannot confirm it" in bot.reads()
    assert not redis.hexists(RESERVATIONS, RUN_ID)


def test_what_skypilot_shows_is_not_gone_by_a_persons_word(bot: Bot) -> None:
    bot.running("launch smoke")
    assert "so I can check its machines" in bot.say(f"stop {RUN_ID} gone=yes")
    bot.ticks(3)
    assert bot.run().status == "running"


def test_of_an_ended_run_that_skypilot_has_shown_a_person_need_confirm_nothing(bot: Bot) -> None:
    bot.running("launch smoke")
    bot.cloud.removes = False
    bot.say(f"stop {RUN_ID}")
    bot.ticks(2)
    assert "has already ended, and its cluster is being deleted" in bot.say(f"stop {RUN_ID} gone=yes")
    bot.ticks(2)
    assert bot.run().status == "stopping", "a person's word deletes no machine that SkyPilot shows"
    bot.cloud.removes = True
    bot.ticks(5, seconds=120)
    assert "No machine of it is running." in bot.say(f"stop {RUN_ID} gone=yes")


def without_an_id(bot: Bot) -> None:
    """As a record of an older version, which lost its run to a server that had forgotten."""

    def change(memory: CloudMemory) -> CloudMemory:
        return replace(memory, cluster_id="")

    bot.store.update(
        RUN_ID, lambda run: change_run(run, memory=change(run.observed.memory)).close(Reason.CLUSTER_LOST, bot.moment)
    )


def called_gone(bot: Bot) -> None:
    bot.cloud.forget()
    bot.ticks(3, seconds=10)
    bot.say(f"stop {RUN_ID} gone=yes")
    bot.ticks(3)
    bot.cloud.remember()


@pytest.mark.parametrize("ended", [without_an_id, called_gone])
def test_a_healthy_cluster_whose_run_ended_unseen_is_told_of_and_never_removed(
    bot: Bot, ended: Callable[[Bot], None]
) -> None:
    bot.running("launch smoke")
    ended(bot)
    for _ in range(4):
        bot.sweep()
    assert bot.cloud.downs == []
    assert REAPPEARED in bot.reads(channel=OPS)


def test_a_model_that_is_on_its_cluster_alone_is_not_given_up_meanwhile(bot: Bot) -> None:
    bot.running("launch ppo lease=1")
    run_id, cluster = "ppo-0001", "verl-ppo-0001"
    bot.store.update(
        run_id,
        lambda run: change_run(
            run,
            checkpoints_ephemeral=True,
            checkpoint_folder="~/models",
            progress=replace(
                run.training.progress, step=20, checkpoint=f"~/models/{run_id}/global_step_20", checkpoint_step=20
            ),
        ),
    )
    bot.cloud.forget()
    bot.ticks(3, seconds=10)
    bot.ticks(40, seconds=600)
    assert (bot.run(run_id).status, bot.run(run_id).checkpoint_rescue.abandoned_at) == ("stopping", None)
    bot.cloud.remember()
    bot.ticks(30, seconds=5)
    assert bot.run(run_id).checkpoint_rescue.is_downloaded
    assert (bot.run(run_id).status, bot.cloud.downs[-1]) == ("ended", cluster)


@pytest.mark.long
@pytest.mark.parametrize("ends_it", ["stop", "lease", "budget"])
def test_a_model_that_no_log_line_has_named_is_looked_for_once_its_cluster_is_remembered(
    bot: Bot, ends_it: str
) -> None:
    limits = "budget=1 lease=9" if ends_it == "budget" else "lease=1"
    bot.running(f"launch smoke {limits}")
    bot.cloud.forget()
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) step:20 - critic/rewards/mean:0.4 - timing_s/step:1.0")
    bot.cloud.saved[CLUSTER] = 20
    bot.ticks(3, seconds=10)
    if ends_it == "stop":
        assert WAITS_FOR_MODEL in bot.say(f"stop {RUN_ID}")
    else:
        bot.tick(3600)
    bot.ticks(30, seconds=20)
    assert (bot.run().status, bot.cloud.downs) == ("stopping", [])
    assert f"`/verl stop {RUN_ID} save=no` does so at once. I cannot confirm that it is gone." in bot.reads()
    bot.cloud.remember()
    bot.ticks(30, seconds=5)
    assert bot.run().checkpoint_rescue.is_downloaded
    assert (bot.run().status, bot.cloud.downs[-1]) == ("ended", CLUSTER)


def test_a_search_for_a_model_that_nobody_has_named_holds_no_removal_beyond_its_time(bot: Bot) -> None:
    bot.running("launch smoke lease=9")
    bot.cloud.forget()
    bot.ticks(3, seconds=10)
    bot.say(f"stop {RUN_ID}")
    bot.ticks(3)
    bot.tick(3500)
    assert bot.cloud.downs == []
    bot.tick(100)  # the grace for fetching: of this run no step is known
    bot.ticks(10, seconds=30)
    assert 3 < len(bot.cloud.downs) < 8
    assert bot.run().status == "stopping"


def test_who_lets_a_model_go_that_nobody_has_named_has_the_removal_asked_for_at_once(bot: Bot) -> None:
    bot.running("launch smoke lease=9")
    bot.cloud.forget()
    bot.ticks(3, seconds=10)
    assert "nothing confirms the deletion: check the machines yourself" in bot.say(f"stop {RUN_ID} save=no")
    bot.ticks(3)
    assert bot.cloud.downs == [CLUSTER]


def test_a_launch_whose_reply_was_lost_is_not_sent_to_another_server(bot: Bot) -> None:
    bot.cloud.loses_replies = True
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke")
    bot.tick()
    assert bot.cloud.launches == [CLUSTER]
    bot.cloud.forget()
    bot.ticks(20, seconds=10)
    assert bot.cloud.launches == [CLUSTER]
    assert bot.run().observed.memory.is_lost


def test_a_run_whose_record_cannot_be_read_keeps_its_place_too(bot: Bot, redis: Redis) -> None:
    bot.running("launch smoke lease=1")
    redis.set(RUN_RECORD.format(RUN_ID), b"{")
    bot.cloud.forget()
    bot.ticks(12, seconds=20)
    assert redis.hexists(RESERVATIONS, RUN_ID)
    assert "no longer knows the cluster of `smoke-0001`" in bot.reads(channel=TRAINING)
    bot.tick(3600)
    bot.ticks(3, seconds=120)
    assert len(bot.cloud.downs) > 1
    assert redis.hexists(RESERVATIONS, RUN_ID)
    bot.say(f"stop {RUN_ID} gone=yes")
    bot.ticks(2)
    assert not redis.hexists(RESERVATIONS, RUN_ID)


def test_a_loss_is_noted_at_the_second_look_and_ends_with_the_first_that_remembers(bot: Bot) -> None:
    bot.running("launch smoke")
    bot.cloud.forget()
    bot.tick()
    assert not bot.run().observed.memory.is_lost
    bot.ticks(6)
    assert bot.run().observed.memory.is_lost
    bot.cloud.remember()
    bot.tick()
    loss = bot.run().observed.memory.loss
    assert loss is not None
    assert loss.until == bot.moment
    assert loss.since - NOON < timedelta(seconds=20)
