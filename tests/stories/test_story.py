"""Runs from the line that was typed to the end that was said, through every real part but the cloud and the clock."""

from dataclasses import replace
from datetime import timedelta

import pytest
from slack_bolt import BoltRequest

from bot.core.model.cluster import Ambiguity, Ending, JobState, Observation, PendingConfirmation
from bot.core.model.launch_plan import ClusterRef, LaunchOrder
from bot.errors import Unavailable
from bot.slack.outbound.left_messages import KEEP_TRYING
from tests.doubles.cloud import FakeCloud
from tests.story import ANA, BEN, LEA, RANDOM, SECRET, TRAINING, Bot

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"
STEPS = [
    "(head, rank=0, pid=7) (TaskRunner pid=7) Total training steps: 60",
    "(head, rank=0, pid=7) (TaskRunner pid=7) step:12 - critic/rewards/mean:0.41 - val-core/cipher/reward/mean@1:0.38",
]


def test_a_run_from_the_line_to_the_end(bot: Bot) -> None:
    assert "Launching `smoke-0001`" in bot.say("launch smoke nodes=2")
    assert bot.run().status == "pending"
    bot.tick()
    assert "launching" in bot.card()
    bot.tick()
    assert "is running*" in bot.card()
    bot.cloud.print(CLUSTER, *STEPS)
    bot.ticks(2, seconds=30)
    assert "step 12 of 60" in bot.card()
    assert "*Reward*\n0.41" in bot.card()
    assert "*Validation*\n0.38 (step 12)" in bot.card()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(10)
    assert bot.run().status == "ended"
    assert "smoke-0001 finished*" in bot.card()
    assert bot.cloud.launches == bot.cloud.downs == [CLUSTER]
    assert bot.store.list_open_runs() == []


def test_the_thread_tells_each_change_of_state_once_and_the_channel_the_end(bot: Bot) -> None:
    bot.running()
    bot.ticks(5)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(20)
    read = bot.reads()
    for told in ("Requested 2 nodes", "started on 2 nodes", "Deleting the cluster", " finished*"):
        assert read.count(told) == (3 if told == " finished*" else 1), (
            read
        )  # on the card, in the thread, in the channel
    assert read.count("(also in the channel)") == 2  # the one message, in the thread and in the channel


def test_stopped_before_it_was_asked_for(bot: Bot) -> None:
    bot.say("launch smoke")
    bot.say(f"stop {RUN}")
    bot.ticks(3)
    assert (bot.run().status, bot.run().reason) == ("ended", "stopped")
    assert bot.cloud.launches == []
    assert "no machines were requested" in bot.reads()


def test_stopped_while_launching(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke")
    bot.tick()
    bot.click("stop", RUN, user=BEN)
    bot.speak()
    assert "stop requested by <@U0BEN>" in bot.card()
    bot.ticks(10)
    assert (bot.run().status, bot.run().reason, bot.cloud.downs) == ("ended", "stopped", [CLUSTER])
    assert "was stopped by @ben*" in bot.reads()


def test_stopped_while_running_by_the_button(bot: Bot) -> None:
    bot.running()
    bot.click("stop", RUN)
    bot.ticks(12)
    assert (bot.run().status, bot.run().reason) == ("ended", "stopped")


def test_the_person_who_launched_it_is_called_at_its_end_unless_he_ended_it(bot: Bot) -> None:
    bot.running()
    bot.say(f"stop {RUN}", user=ANA)
    bot.ticks(12)
    assert "· @ana" not in bot.reads().split("was stopped by @ana*")[1].splitlines()[0]


def test_a_failed_run_shows_why_and_its_last_lines(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, *(f"(head, rank=0, pid=7) line {number}" for number in range(30)))
    bot.cloud.finish(CLUSTER, JobState.FAILED, "`run` failed on node 0 with exit code 1.")
    bot.ticks(12)
    card = bot.card()
    assert "`run` failed on node 0 with exit code 1." in card
    assert "line 29" in card
    assert "line 24\n" not in card
    assert "line 25" in card
    assert "line 2" not in bot.reads().split("(also in the channel)")[1]


def test_a_failed_setup_is_called_so(bot: Bot) -> None:
    bot.say("launch smoke fail_setup=true")
    bot.tick()
    bot.cloud.finish(CLUSTER, JobState.FAILED_SETUP, "`setup` failed on node 0 with exit code 7.")
    bot.ticks(12)
    assert "smoke-0001 failed during setup*" in bot.reads()


def test_a_cluster_removed_behind_its_back_is_not_called_a_failure_of_the_run(bot: Bot) -> None:
    bot.running()
    bot.cloud.vanish(CLUSTER, Ending.DOWNED)
    bot.ticks(20)
    assert bot.run().reason == "downed_outside"
    assert "was deleted outside verlbot" in bot.reads()


def test_a_record_that_is_dropped_and_back_is_no_end(bot: Bot) -> None:
    bot.running()
    there = bot.cloud.seen.pop(CLUSTER)
    bot.ticks(5)
    bot.cloud.seen[CLUSTER] = there
    bot.ticks(60)
    assert bot.run().status == "running"
    assert bot.run().observed.pending_confirmation is None


def test_a_launch_whose_reply_was_lost_is_found_by_its_name(bot: Bot) -> None:
    bot.cloud.loses_replies = True
    bot.say("launch smoke")
    bot.ticks(4)
    assert bot.run().status == "running"
    assert bot.cloud.launches == [CLUSTER]


def test_a_refused_launch_ends_with_the_refusal(bot: Bot) -> None:
    bot.say("launch smoke")
    bot.cloud.refuses = "There is no H100."
    bot.ticks(40)
    assert (bot.run().status, bot.run().reason) == ("ended", "launch_failed")
    assert "There is no H100." in bot.reads()


def test_a_cluster_of_the_same_name_that_is_another_bots_is_neither_taken_nor_removed(bot: Bot) -> None:
    bot.cloud.foreign = {"verl-smoke-0001"}
    bot.say("launch smoke")
    bot.ticks(4)
    assert (bot.run().status, bot.run().reason) == ("ended", "launch_failed")
    assert bot.cloud.downs == []
    assert "of another bot exists" in bot.reads()


def test_a_log_that_cannot_be_kept_holds_up_no_removal(bot: Bot) -> None:
    run = bot.run(bot.running())
    bot.cloud.breaks_logs = True
    bot.cloud.finish(run.cluster, JobState.FAILED)
    bot.ticks(60)
    assert bot.cloud.downs == [run.cluster]
    assert bot.run().status == "ended"


def test_an_outside_that_does_not_answer_changes_nothing_and_is_said_once(bot: Bot) -> None:
    bot.running()
    bot.cloud.answers = False
    bot.ticks(10, seconds=30)
    assert bot.run().status == "running"
    assert "No status since " in bot.card()
    bot.cloud.answers = True
    bot.ticks(5, seconds=30)
    assert bot.reads().count(": no status since ") == 1
    assert bot.reads().count(": status came back at ") == 1
    assert "No status since" not in bot.card()


def test_a_stop_asked_for_while_nobody_answers_is_done_when_somebody_does(bot: Bot) -> None:
    bot.running()
    bot.cloud.answers = False
    bot.say(f"stop {RUN}")
    bot.ticks(5)
    assert bot.run().status == "stopping"
    bot.cloud.answers = True
    bot.ticks(12)
    assert bot.run().status == "ended"


def test_a_run_over_its_budget_is_ended(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=1")
    bot.ticks(20, seconds=60)
    assert bot.run().reason == "over_budget"


def test_a_run_whose_lease_is_over_is_ended(bot: Bot) -> None:
    bot.running("launch smoke lease=0.5")
    bot.ticks(35, seconds=60)
    assert bot.run().reason == "lease_over"


def test_the_same_delivery_twice_is_one_run(bot: Bot) -> None:
    bot.say("launch smoke", trigger="T1")
    bot.say("launch smoke", trigger="T1")
    assert len(bot.store.list_open_runs()) == 1


def test_one_bad_run_never_stops_the_others(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bot.say("launch smoke")
    bot.say("launch smoke")
    bad, good = sorted(run.id for run in bot.store.list_open_runs())
    launch = bot.cloud.launch

    def breaks(order: object) -> str:
        if getattr(order, "cluster", "") == f"verl-{bad}":
            raise ZeroDivisionError
        return launch(order)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(bot.cloud, "launch", breaks)
    bot.ticks(3)
    assert bot.run(good).status == "running"
    assert "the tick failed" in caplog.text


def test_a_card_in_a_channel_that_the_bot_may_not_write_in_comes_as_a_direct_message(bot: Bot) -> None:
    bot.say("launch smoke", channel=SECRET)
    bot.ticks(3)
    direct = bot.run().messages.thread_channel
    assert direct is not None
    assert direct.startswith("D")
    assert "I'm not in #secret, so I'm posting here." in bot.reads(channel=direct)
    assert "smoke" not in bot.reads(channel=SECRET)


def test_a_card_is_posted_in_a_public_channel_without_an_invitation(bot: Bot) -> None:
    bot.say("launch smoke", channel=RANDOM)
    bot.ticks(3)
    assert "*smoke-0001 is running*" in bot.reads(channel=RANDOM)


def test_a_bot_that_is_put_out_of_its_channel_goes_on_in_a_direct_message(bot: Bot) -> None:
    bot.running()
    bot.slack.post("channel", channel="C0TRAIN", is_archived=True)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(30)
    direct = bot.run().messages.thread_channel
    assert direct is not None
    assert "*smoke-0001 finished*" in bot.reads(channel=direct)
    bot.moment += KEEP_TRYING  # until then the card in the channel may still be corrected
    bot.ticks(3, 60)
    assert bot.store.list_open_runs() == []


def test_unpriced_is_said_and_is_not_free(bot: Bot) -> None:
    bot.cloud.dollars_per_node_hour = None
    bot.running()
    assert "price unknown" in bot.card()
    assert "$" not in bot.card()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("launch smok", "Did you mean `smoke`? Valid: `smoke`, `dapo`, `grpo`", id="recipe"),
        pytest.param("launch smoke nodse=2", "Did you mean `nodes`?", id="parameter"),
        pytest.param("launch smoke nodes=99", "a whole number from 1 to 8", id="range"),
        pytest.param("launch smoke trainer.x=1", "takes no Hydra override", id="override"),
        pytest.param("stop smoke-9999", "There is no run `smoke-9999`.", id="run"),
        pytest.param("describe nothing", "There is no recipe `nothing`.", id="description"),
        pytest.param("sotp x", "Did you mean `stop`?", id="command"),
    ],
)
def test_what_cannot_be_done_is_said_to_the_person_alone_and_changes_nothing(bot: Bot, line: str, said: str) -> None:
    assert said in bot.say(line)
    bot.ticks(2)
    assert bot.store.list_open_runs() == []
    assert bot.reads(user=LEA) == ""


def test_a_mistake_of_ours_gets_a_reference_to_the_log(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(type(bot.cloud), "explain_refusal", lambda *_: 1 / 0)
    said = bot.say("launch smoke")
    reference = said.split("`")[1]
    assert "Something went wrong on my side" in said
    assert reference in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_store_that_is_away_is_said_to_the_person(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.exceptions import ConnectionError as RedisConnectionError

    def away(*_: object, **__: object) -> None:
        raise RedisConnectionError("refused")

    monkeypatch.setattr(type(bot.store._redis), "execute_command", away)
    assert "I can't reach my database" in bot.say("list")


def test_a_restarted_bot_takes_up_everything(bot: Bot) -> None:
    bot.running()
    later = bot.later()
    later.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    later.ticks(12)
    assert later.run().status == "ended"
    assert later.reads().count(" finished*") == 3  # on the card, in the thread, in the channel
    assert isinstance(later.cloud, FakeCloud)
    assert later.cloud.launches == [CLUSTER]


def test_of_two_bots_on_one_store_one_acts_and_speaks_and_both_answer(bot: Bot) -> None:
    second = Bot(bot.store, bot.playground, bot.slack, bot.cloud, owner="another")
    bot.tick()
    assert "Launching `smoke-0001`" in second.say("launch smoke")
    second.ticks(3)
    assert (bot.cloud.launches, bot.reads(user=LEA)) == ([], "")
    bot.ticks(3)
    assert bot.cloud.launches == [CLUSTER]
    bot.store._redis.delete("verl:leader")  # what its expiry does once the first has died
    second.say("stop smoke-0001")
    second.ticks(20)
    assert second.run().status == "ended"
    assert [second.reads().count(words) for words in ("Requested", "was stopped by", "machines confirmed gone")] == [
        1,
        3,
        3,
    ]  # the end, and what is left of it, are on the card, in the thread and the channel


def test_a_launch_that_arrives_after_its_stop_is_removed(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reply is lost, and it is under way for longer than anybody wonders."""
    arrives = bot.cloud.launch

    def lost(order: LaunchOrder) -> str:
        raise Unavailable("The reply was lost.")

    monkeypatch.setattr(bot.cloud, "launch", lost)
    bot.say("launch smoke")
    bot.tick()
    bot.say("stop smoke-0001")
    for _ in range(20):
        if bot.cloud.downs:
            break
        bot.tick()
    assert bot.run().status == "stopping"
    assert bot.cloud.downs == [CLUSTER]
    bot.cloud.seen.pop(CLUSTER)
    arrives(LaunchOrder(CLUSTER, {}))
    bot.ticks(90)
    assert bot.cloud.seen[CLUSTER].ending is not None
    assert bot.run().status == "ended"


def breaks(*_: object) -> str:
    raise ValueError("a mistake of ours")


def test_a_look_that_breaks_stops_nobody_from_stopping(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.running()
    bot.say("stop smoke-0001")
    monkeypatch.setattr(bot.cloud, "observe", breaks)
    bot.ticks(3)
    assert (bot.run().reason, bot.cloud.downs) == ("stopped", [CLUSTER])


def test_a_log_that_cannot_be_read_stops_nobody_else(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.running()
    bot.say("launch smoke")
    bot.ticks(3)
    tail = bot.cloud.tail_log

    def breaks_for_one(watched: ClusterRef, lines: int) -> str:
        return breaks() if watched.cluster == CLUSTER else tail(watched, lines)

    monkeypatch.setattr(bot.cloud, "tail_log", breaks_for_one)
    bot.say("stop smoke-0002")
    bot.ticks(20)
    assert (bot.run("smoke-0002").status, bot.run().status) == ("ended", "running")


def test_a_document_of_a_newer_bot_concerns_its_own_run_alone(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    bot.running()
    bot.say("launch smoke")
    bot.store._redis.set("verl:run:smoke-0002", b'{"schema": 99, "run": {}}')
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(20)
    assert bot.run().status == "ended"
    listed = bot.say("list all") or bot.told()
    assert ":rotating_light: `smoke-0002` · its record cannot be read" in listed
    assert "smoke-0001\n succeeded\n$0.01 / $1.00\nana\n0 min" in listed
    assert "newer verlbot" in caplog.text


def test_lines_that_come_late_write_over_no_last_lines(bot: Bot) -> None:
    bot.running()
    before = bot.run()
    bot.cloud.print(CLUSTER, "(job, pid=1) the error")
    bot.cloud.finish(CLUSTER, JobState.FAILED)
    bot.ticks(3)
    assert bot.run().teardown.log_saved_at is not None
    bot.reconciler._record_news(before, Observation(), "(job, pid=1) older lines")
    assert "the error" in bot.store.get_log("smoke-0001")


def test_new_lines_beside_an_absence_do_not_bring_back_what_an_earlier_bot_doubted(bot: Bot) -> None:
    bot.running()
    doubt = PendingConfirmation(Ambiguity.ABSENT, bot.moment, bot.moment)
    bot.store.update("smoke-0001", lambda run: replace(run, observed=run.observed.await_confirmation(doubt)))
    bot.moment += timedelta(seconds=35)
    later = bot.later()
    later.moment += timedelta(seconds=1)
    snapshot = later.reconciler._discard_stale(later.run())
    later.reconciler._reconcile_run(snapshot, Observation(), "(job, pid=1) step:3 - critic/rewards/mean:0.5")
    assert later.run().status == "running"


@pytest.mark.parametrize("name", ["smoke-0001:log", "smoke-0001:task", "*", "../x"])
def test_what_cannot_be_a_name_of_a_run_is_refused_in_words(bot: Bot, name: str) -> None:
    bot.running()
    for command in ("status", "stop", "logs"):
        assert "There is no run" in bot.say(f"{command} '{name}'")


def test_of_several_runs_that_a_short_name_fits_the_only_active_one_is_meant(bot: Bot) -> None:
    bot.running()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(20)
    bot.say("launch smoke")
    bot.ticks(3)
    assert "smoke-0002" in bot.say("status smoke")


@pytest.mark.parametrize("sender", [{"bot_id": "B1"}, {"bot_id": "B1", "user": "U0BOT"}], ids=["old", "new"])
def test_a_mention_by_an_app_is_left_alone(bot: Bot, sender: dict[str, str]) -> None:
    event = {"type": "app_mention", **sender, "text": "<@U0VERLBOT> stop x", "channel": TRAINING, "ts": "1.0"}
    body = {"type": "event_callback", "team_id": "T0PLAY", "event_id": "Ev9", "event": event}
    assert bot.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200
    assert bot.reads() == ""


@pytest.mark.parametrize("name", ["", "s", "smoke", "0001"])
def test_a_shortened_name_ends_no_run_of_somebody_else(bot: Bot, name: str) -> None:
    bot.running()
    said = bot.say(f"stop '{name}'", user=BEN)
    assert "`smoke-0001`" in said
    assert bot.run().requests.stop_requested_by is None
    bot.say("stop smoke-0001", user=BEN)
    assert bot.run().requests.stop_requested_by == BEN


def test_a_mention_is_answered_while_logs_hang(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    bot.running()
    said: list[str] = []
    background_replies = bot.listeners.background
    monkeypatch.setattr(background_replies, "answer_later", lambda answer, reply: said.append("waits"))
    bot.mention("status")
    assert "is running*" in bot.reads().split("status")[-1]
    assert said == []


def test_what_a_bot_left_unsaid_is_said_by_the_one_that_takes_over(bot: Bot) -> None:
    second = Bot(bot.store, bot.playground, bot.slack, bot.cloud, owner="another")
    second.tick()
    bot.store._redis.delete("verl:leader")
    bot.tick()
    second.tick()
    bot.say("launch smoke")
    bot.reconciler.tick()  # and dies before it speaks
    bot.store._redis.delete("verl:leader")
    second.speak()
    assert "smoke-0001 is launching" in second.reads()
