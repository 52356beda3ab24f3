"""What nobody owns is told of, and what guards is mended: stories through Bolt, a store and a cloud in memory."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.audit import BOT
from bot.core.model.cluster import ClusterState, Ending, JobState, Observation, RequestState
from bot.core.model.policy import ExternalLaunchPolicy
from bot.core.model.sent_message import SentMessage
from bot.errors import BeingStopped
from bot.slack.outbound.cluster_notifier import OrphanMessageRecord
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import NOON
from tests.doubles.cloud import FakeCloud
from tests.story import ANA, BEN, LEA, RANDOM, TRAINING, Bot, changed, read

OPS = RANDOM
BOX = "dev-box"
WARNING = "@ben :alarm_clock: *`dev-box` will be deleted at "


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack, ops_channel=OPS)


def told(bot: Bot, channel: str = OPS) -> str:
    """The one message about a cluster that no run owns; empty for none."""
    found = [message for message in bot.slack.get("messages", user=ANA, channel=channel)["messages"] if orphan(message)]
    assert len(found) <= 1, "said twice"
    return read(found[0]) if found else ""


def orphan(message: dict[str, object]) -> bool:
    metadata = message["metadata"]
    return isinstance(metadata, dict) and metadata["event_payload"].get("keys") == "orphan"


def times(bot: Bot, text: str) -> int:
    """How many messages of the runs' channel hold it."""
    return sum(text in read(message) for message in bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"])


def by_hand(bot: Bot, name: str = BOX, user: str = "ana") -> None:
    """Somebody launches a cluster without the bot."""
    bot.cloud.seen[name] = Observation(request=RequestState.SUCCEEDED, cluster=ClusterState.UP, infra="slurm/testbed")
    bot.cloud.users[name] = user


def press(bot: Bot, action: str, user: str = BEN) -> None:
    (orphan_id,) = bot.store.get_orphans()
    bot.click(action, orphan_id, user, OPS)


# autostop


def test_an_autostop_that_is_cancelled_is_set_again_and_who_did_it_is_told_once(bot: Bot) -> None:
    run_id = bot.running()
    bot.cloud.autostop_by = "ben"
    changed(bot.cloud, f"verl-{run_id}", autostop_minutes=None)
    bot.ticks(2)
    assert bot.cloud.autostops == [5]
    bot.ticks(3, seconds=120)
    assert bot.cloud.autostops == [5]
    assert times(bot, "was cancelled outside verlbot.") == 1
    assert times(bot, "According to SkyPilot, `ben` did this. I set it to 5 idle min. <@U0ANA>") == 1
    assert "autostop after 5 idle min" in bot.card(run_id)

    changed(bot.cloud, f"verl-{run_id}", autostop_minutes=600)
    bot.ticks(2, seconds=70)
    assert bot.cloud.autostops == [5, 5]
    assert (
        f"The autostop of {run_id} was changed outside verlbot, to 600 idle min. SkyPilot does not say who did this"
        in bot.reads()
    )


def test_where_there_can_be_no_autostop_it_is_tried_once_and_the_card_says_that_the_lease_alone_guards(
    bot: Bot,
) -> None:
    run_id = bot.running()
    bot.cloud.refuses_autostop = "Autodown is not supported on Hyperbolic."
    changed(bot.cloud, f"verl-{run_id}", autostop_minutes=None)
    bot.ticks(5, seconds=70)
    assert bot.cloud.autostops == []
    assert (
        times(
            bot,
            "I cannot set it here, so SkyPilot will not remove the cluster if I am down. Reason: Autodown is not "
            "supported on Hyperbolic.",
        )
        == 1
    )
    assert "no autostop, so SkyPilot will not remove the cluster if I am down" in bot.card(run_id)


def test_a_cloud_that_does_not_answer_is_asked_for_the_autostop_again(bot: Bot) -> None:
    run_id = bot.running()
    changed(bot.cloud, f"verl-{run_id}", autostop_minutes=None)
    bot.cloud.silent_on_autostop = True
    bot.ticks(2)
    assert "I am setting it to 5 idle min." in bot.reads()
    bot.cloud.silent_on_autostop = False
    bot.ticks(2, seconds=61)
    assert bot.cloud.autostops == [5]
    assert "I set it to 5 idle min." in bot.reads()


# a cluster that does not go


def test_a_cluster_that_does_not_go_is_told_of_once_with_what_to_type(bot: Bot) -> None:
    run_id = bot.running()
    bot.cloud.removes = False
    bot.say(f"stop {run_id}")
    bot.ticks(8, seconds=60)
    assert "is still up" not in bot.reads()
    bot.ticks(5, seconds=60)
    assert times(bot, f"*`verl-{run_id}` is still up*") == 1
    assert f"after {run_id} ended, and costs $4.00/h" in bot.reads()
    assert f"To delete it by hand: `rm verl-{run_id}`" in bot.reads()
    bot.cloud.removes = True
    bot.ticks(8, seconds=20)
    assert bot.run(run_id).status == "ended"


def test_a_launch_that_fails_after_it_has_provisioned_leaves_nothing(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke")
    bot.ticks(2)
    (name,) = bot.cloud.seen
    bot.cloud.seen[name] = Observation(
        request=RequestState.FAILED, cluster=ClusterState.UP, error="The setup of the runtime failed."
    )
    bot.ticks(8, seconds=6)
    assert bot.run().status == "ended"
    assert bot.cloud.list_clusters() == []
    assert bot.sweep() is None
    assert told(bot) == ""


# clusters that no run owns


def test_a_cluster_that_somebody_launched_by_hand_is_told_of_at_the_first_sweep_and_goes_on_in_one_message(
    bot: Bot,
) -> None:
    by_hand(bot)
    bot.sweep()
    assert "`dev-box` was launched outside verlbot.*" in told(bot)
    assert "by SkyPilot user `ana`" in told(bot)
    assert "$0.00 so far at $2.00/h" in told(bot)
    bot.sweep(minutes=60)
    assert "$2.00 so far at $2.00/h" in told(bot)
    assert bot.cloud.downs == []

    bot.cloud.vanish(BOX, Ending.DOWNED)
    assert bot.sweep() == timedelta(seconds=30)
    assert "confirmed gone" not in told(bot)  # one look is no proof
    bot.sweep(minutes=0.5)
    assert "`dev-box`: machines confirmed gone.*" in told(bot)
    bot.sweep()
    assert bot.store.get_orphans() == {}


def test_a_runs_own_cluster_is_nobodys_orphan_from_its_launch_to_its_end(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke")
    bot.tick()
    bot.sweep(minutes=0)
    bot.cloud.come_up("verl-smoke-0001")
    bot.ticks(2)
    bot.sweep(minutes=0)
    bot.say("stop smoke-0001")
    bot.tick()
    bot.sweep(minutes=0)
    bot.ticks(6, seconds=6)
    assert bot.run().status == "ended"
    bot.sweep(minutes=0)
    assert (bot.store.get_orphans(), told(bot)) == ({}, "")


def test_one_that_is_left_is_not_removed_and_says_who_left_it(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    press(bot, "leave_orphan")
    bot.sweep()
    assert "<@U0BEN> chose to keep it." in told(bot)
    assert "Keep it" not in told(bot)
    assert bot.cloud.downs == []


def adopt(bot: Bot, user: str = BEN) -> None:
    (orphan,) = bot.store.get_orphans().values()
    end = orphan.adopted_until.timestamp() if orphan.adopted_until else 0
    bot.click("adopt_orphan", f"{orphan.id} {end:.0f}", user, OPS)


@pytest.mark.parametrize("action", ["remove_orphan", "leave_orphan", "adopt_orphan"])
def test_who_is_no_approver_decides_about_no_cluster(bot: Bot, action: str) -> None:
    by_hand(bot)
    bot.sweep()
    (orphan,) = before = list(bot.store.get_orphans().values())
    bot.click(action, f"{orphan.id} 0" if action == "adopt_orphan" else orphan.id, ANA, OPS)
    assert "To remove, keep or adopt a cluster you need the role `approver`" in bot.told(ANA, OPS)
    assert list(bot.store.get_orphans().values()) == before
    bot.sweep()
    assert bot.cloud.downs == []


@pytest.mark.parametrize(("owner", "may"), [("ana", True), ("max", False), ("", False)])
def test_whose_cluster_it_is_by_skypilots_word_decides_about_it(bot: Bot, owner: str, may: bool) -> None:
    bot.policy = replace(bot.policy, external_launches=ExternalLaunchPolicy(people={"ana": ANA}))
    by_hand(bot, user=owner)
    bot.sweep()
    press(bot, "remove_orphan", ANA)
    bot.sweep()
    assert bot.cloud.downs == ([BOX] if may else [])


def test_one_that_is_adopted_has_an_end_which_its_owner_hears_of_and_may_put_off(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    adopt(bot)
    bot.sweep()
    assert "<@U0BEN> adopted it: I keep it until " in told(bot)
    assert told(bot).endswith("Delete it\nKeep 8 h longer")
    assert bot.sweep(minutes=10) == timedelta(minutes=400), "until the warning"
    assert bot.sweep(minutes=400) == timedelta(hours=1), "until the end"
    bot.sweep(minutes=1)
    assert bot.reads(channel=OPS).count(WARNING) == 2  # in the channel too
    adopt(bot, LEA)
    bot.sweep(minutes=60)
    assert bot.cloud.downs == []
    assert "<@U0LEA> adopted it" in told(bot)
    bot.sweep(minutes=8 * 60)
    assert bot.cloud.downs == [BOX]
    assert "that time is over" in told(bot)
    for _ in range(4):
        bot.sweep(minutes=1)
    assert "confirmed gone" in told(bot)


def adopted_where_it_reads(bot: Bot) -> Bot:
    """Adopted an instant ago, in a channel that the bot is a member of, so that it sees what has arrived."""
    found = Bot(bot.store, bot.playground, bot.slack, ops_channel=TRAINING)
    by_hand(found)
    found.sweep()
    adopt(found)
    found.sweep()
    return found


@pytest.mark.parametrize("trouble", ["limited", "broken", "lost", "broken_after"])
def test_a_warning_is_said_once_whatever_slack_does(bot: Bot, trouble: str) -> None:
    bot = adopted_where_it_reads(bot)
    bot.slack.faults({"method": "chat.postMessage", "trouble": trouble, "times": 2})
    bot.sweep(minutes=7 * 60)
    for _ in range(20):
        bot.sweep(minutes=2)
    assert bot.reads().count(WARNING) == 2  # in its thread, and in the channel


def test_where_nobody_may_look_a_warning_is_not_said_again_and_again(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    adopt(bot)
    bot.sweep()
    bot.slack.faults({"method": "chat.postMessage", "trouble": "broken_after", "times": None})
    bot.sweep(minutes=7 * 60)
    for _ in range(20):
        bot.sweep(minutes=2)
    assert bot.reads(channel=OPS).count(WARNING) == 2


def test_a_warning_does_not_wait_for_the_next_edit_of_what_the_cluster_costs(bot: Bot) -> None:
    bot = adopted_where_it_reads(bot)
    bot.sweep(minutes=7 * 60 - 11)
    cost = told(bot, TRAINING)
    assert WARNING not in bot.reads()
    bot.sweep(minutes=1)
    assert WARNING in bot.reads()
    assert told(bot, TRAINING) == cost, "the edit is not due yet"


def test_one_that_is_kept_longer_at_the_last_moment_is_not_warned_of(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = adopted_where_it_reads(bot)
    known = bot.store.get_orphans()
    adopt(bot, LEA)
    bot.moment += timedelta(hours=7)
    monkeypatch.setattr(
        RedisStore, "get_orphans", lambda _: known
    )  # as the cluster_notifier has read them a moment before
    bot.cluster_notifier.sync()
    assert WARNING not in bot.reads()


def test_a_bot_that_dies_after_a_warning_says_it_no_second_time(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = adopted_where_it_reads(bot)

    def dies(record: OrphanMessageRecord, sent: Mapping[str, SentMessage], channel: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(OrphanMessageRecord, "confirm", dies)
        with pytest.raises(KeyboardInterrupt):
            bot.sweep(minutes=7 * 60)
    later = Bot(bot.store, bot.playground, bot.slack, bot.cloud, bot.moment, ops_channel=TRAINING)
    for _ in range(5):
        later.sweep(minutes=2)
    assert bot.reads().count(WARNING) == 2
    assert later.store.get_orphans()[f"{BOX}-0"].current_warning.ts, "no doubt is left"  # type: ignore[union-attr]  # it is there


def test_however_many_a_first_sweep_finds_each_is_told_of_a_second_apart(bot: Bot) -> None:
    for number in range(30):
        by_hand(bot, f"box-{number}")
    bot.sweeper.sweep()
    told_after: list[timedelta] = []
    began = bot.moment
    while bot.moment < began + timedelta(minutes=1):
        wait = bot.cluster_notifier.sync()
        messages = bot.slack.get("messages", user=ANA, channel=OPS)["messages"]
        told_after += [bot.moment - began] * (sum(map(orphan, messages)) - len(told_after))
        bot.moment += wait or timedelta()
    assert told_after == [timedelta(seconds=max(number - 2, 0)) for number in range(30)], "three, then one a second"


def test_one_is_removed_when_a_person_says_so_whatever_fails_on_the_way(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    bot.cloud.removes = False
    press(bot, "remove_orphan")
    press(bot, "leave_orphan", ANA)  # too late
    bot.sweep(minutes=0)
    bot.sweep(minutes=3)
    assert bot.cloud.downs == [BOX, BOX]
    assert "<@U0BEN> asked me to delete it." in told(bot)
    bot.cloud.removes = True
    for _ in range(5):
        bot.sweep(minutes=1)
    assert "confirmed gone" in told(bot)
    assert "<@U0BEN> asked me to delete it." in told(bot)


def test_a_removal_that_the_end_of_the_bot_cuts_off_is_no_failure(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    press(bot, "remove_orphan")
    bot.cloud.cuts_off_removals = True
    with pytest.raises(BeingStopped):
        bot.sweep(minutes=0)
    (orphan,) = bot.store.get_orphans().values()
    assert (orphan.teardown_requested_at, orphan.last_error) == (None, None)
    bot.cloud.cuts_off_removals = False
    bot.sweep(minutes=0)
    assert bot.cloud.downs == [BOX]


def test_a_button_of_a_cluster_that_is_gone_removes_no_later_one_of_its_name(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    (orphan_id,) = bot.store.get_orphans()
    bot.cloud.launches.append(BOX)  # another one of the name: the cloud gives it another id
    bot.click("remove_orphan", orphan_id, BEN, OPS)
    bot.sweep(minutes=0)
    assert bot.cloud.downs == []


def test_what_an_ended_run_has_left_is_removed_at_the_second_sight_and_said(bot: Bot) -> None:
    """A worker of a dead server launches after the removal."""
    run_id = bot.running()
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(8, seconds=6)
    assert bot.run(run_id).status == "ended"
    downs = len(bot.cloud.downs)
    bot.cloud.come_up(f"verl-{run_id}", job=None)
    assert bot.sweep() == timedelta(seconds=30)
    assert (len(bot.cloud.downs), told(bot)) == (downs, "")
    bot.sweep(minutes=0.5)
    assert len(bot.cloud.downs) == downs + 1
    assert f"`verl-{run_id}` is still up, although its run has ended.* I am deleting it." in told(bot)
    bot.sweep(minutes=1)
    bot.sweep(minutes=1)
    assert "confirmed gone" in told(bot)


def test_without_a_channel_of_its_own_what_a_run_has_left_is_told_where_the_run_was_and_the_rest_in_the_log(
    store: RedisStore, playground: Playground, slack: PlaygroundClient, caplog: pytest.LogCaptureFixture
) -> None:
    bot = Bot(store, playground, slack)
    run_id = bot.running()
    bot.say(f"stop {run_id}")
    bot.ticks(6, seconds=6)
    bot.cloud.come_up(f"verl-{run_id}", job=None)
    by_hand(bot)
    bot.sweep()
    bot.sweep(minutes=1)
    assert "its run has ended" in told(bot, TRAINING)
    assert "cluster dev-box is up, and no run owns it (unclaimed)" in caplog.text


def test_a_cluster_of_our_name_that_nobody_recorded_is_told_of_and_left_standing(bot: Bot) -> None:
    """Another bot's, perhaps."""
    by_hand(bot, "verl-ppo-7f3a", user="another-bot")
    bot.sweep()
    bot.sweep()
    assert "Its name looks like one of mine, but I have no record of it." in told(bot)
    assert bot.cloud.downs == []


def test_what_two_lists_leave_out_is_gone(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    bot.cloud.vanish(BOX, Ending.LOST)
    bot.sweep()
    assert "confirmed gone" not in told(bot)
    bot.sweep()
    assert "confirmed gone" in told(bot)


@pytest.mark.parametrize("forgets", [False, True], ids=["a record that is dropped", "a server that has forgotten"])
def test_what_lists_leave_out_without_a_record_of_its_end_is_told_of_once_and_not_called_gone(
    bot: Bot, forgets: bool
) -> None:
    by_hand(bot)
    bot.sweep()
    if forgets:
        bot.cloud.forget()
    else:
        bot.cloud.unlisted.add(BOX)
    for _ in range(4):
        bot.sweep()
    bot.notices.send_due()
    assert "confirmed gone" not in bot.reads(channel=OPS)
    assert bot.reads(channel=OPS).count("*SkyPilot no longer lists `dev-box`*") == 1


def test_a_bot_that_dies_says_nothing_twice(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> None:
    cloud = FakeCloud()
    for minutes in range(0, 30, 10):
        bot = Bot(store, playground, slack, cloud, NOON + timedelta(minutes=minutes), ops_channel=OPS)
        by_hand(bot)
        bot.sweep()
        assert "`dev-box` was launched outside verlbot.*" in told(bot)


@pytest.mark.parametrize(
    ("most", "says"),
    [
        pytest.param(1000.0, "<@U0ANA> adopted it: I keep it until ", id="cheap"),
        pytest.param(50.0, "Adopting it may cost $96.00; more than $50.00 needs an approver.", id="dear"),
    ],
)
def test_its_owner_adopts_it_where_a_launch_of_that_price_would_wait_for_nobody(
    bot: Bot, most: float, says: str
) -> None:
    bot.policy = replace(
        bot.policy, external_launches=ExternalLaunchPolicy(people={"ana": ANA}), approve_above_dollars=most
    )
    bot.cloud.dollars_per_node_hour = 12.0
    by_hand(bot, user="ana")
    bot.sweep()
    adopt(bot, ANA)
    bot.sweep()
    assert says in told(bot) + bot.reads(ANA, OPS)


def test_what_the_sweep_removes_by_itself_is_written_down_with_its_rule(bot: Bot) -> None:
    by_hand(bot)
    bot.sweep()
    press(bot, "remove_orphan")
    bot.sweep()
    found = [(event.who, event.what, event.on, event.rule) for event in bot.audit.iterate_events(timedelta(days=1))]
    assert (BOT, "ask for removal", BOX, "remove_asked") in found
    assert any(who == BEN and what == "remove cluster" for who, what, _, _ in found)
