"""Slack on its bad days: nothing is lost, nothing is said twice, and nothing is said too fast."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from slack_sdk import WebClient

from bot.core.model.cluster import JobState
from bot.core.model.policy import Policy
from bot.slack.outbound.conversation import Conversation
from bot.slack.outbound.message_calls import BlockRenderer, send_message
from bot.slack.outbound.web_client import build_permalink
from bot.slack.views.message import Message
from tests.builders import approvers
from tests.story import ANA, LEA, TRAINING, Bot

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"


def notices(bot: Bot) -> Counter[str]:
    """How often each message of each run stands in the channel, by its metadata."""
    found: Counter[str] = Counter()
    for message in bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]:
        payload = (message["metadata"] or {}).get("event_payload", {})
        for key in payload.get("keys", "").split(",") if payload else []:
            found[f"{payload['run']} {key}"] += 1
    return found


ONE_OF_EACH = Counter(f"{RUN} {key}" for key in ("card", "launching", "running", "stopping", "ended"))


def a_whole_run(bot: Bot) -> None:
    bot.running()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(60, seconds=2)


@pytest.mark.parametrize("trouble", ["limited", "broken", "lost", "broken_after"])
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.long
def test_a_run_is_told_of_whole_and_once_whatever_slack_does(bot: Bot, trouble: str, method: str, every: int) -> None:
    bot.slack.faults({"method": method, "trouble": trouble, "times": 6, "every": every})
    bot.say("launch smoke nodes=2")
    bot.ticks(40, seconds=10)  # six failures in a row make waits of five minutes together
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(60, seconds=12)  # what was sent again is looked for ten minutes
    assert notices(bot) == ONE_OF_EACH
    assert "finished*" in bot.card()
    assert bot.store.list_open_runs() == []


def test_slack_failing_never_holds_up_a_run(bot: Bot) -> None:
    bot.slack.faults({"method": "chat.*", "trouble": "broken", "times": None})
    bot.say("launch smoke")
    bot.ticks(3)
    bot.say(f"stop {RUN}")
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert bot.cloud.downs == [CLUSTER]
    bot.slack.faults()
    bot.ticks(60)
    assert notices(bot)[f"{RUN} ended"] == 1


def test_what_was_never_said_and_is_no_longer_true_stays_unsaid(bot: Bot) -> None:
    bot.slack.faults({"method": "chat.*", "trouble": "broken", "times": None})
    a_whole_run(bot)
    bot.slack.faults()
    bot.ticks(60)
    assert notices(bot) == Counter([f"{RUN} card", f"{RUN} launching", f"{RUN} ended"])


def test_slack_is_asked_again_no_sooner_than_it_said(bot: Bot) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "limited", "times": 1, "retry_after_seconds": 30})
    bot.say("launch smoke")
    bot.ticks(29)
    posts = [entry for entry in bot.slack.record("call") if entry["name"] == "chat.postMessage"]
    assert len(posts) == 1
    bot.ticks(3)
    assert notices(bot)[f"{RUN} card"] == 1


def test_a_method_that_slack_limits_silences_no_other(bot: Bot) -> None:
    """Slack counts each method by itself: an edit that must wait an hour keeps no end from being said."""
    bot.running()
    bot.slack.faults({"method": "chat.update", "trouble": "limited", "times": None, "retry_after_seconds": 3600})
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(60)
    assert notices(bot)[f"{RUN} ended"] == 1
    updates = [entry for entry in bot.slack.record("call") if entry["name"] == "chat.update"]
    assert len([entry for entry in updates if entry["outcome"] == "limited"]) == 1


def test_of_two_runs_whose_cards_are_in_doubt_each_finds_its_own(bot: Bot) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "lost", "times": 2})
    bot.say("launch smoke")
    bot.say("launch smoke")
    bot.ticks(60)
    for run in ("smoke-0001", "smoke-0002"):
        assert notices(bot)[f"{run} card"] == notices(bot)[f"{run} running"] == 1
        assert f"*{run} is running*" in bot.card(run)


def test_a_card_in_doubt_is_found_though_the_clocks_differ(bot: Bot) -> None:
    bot.moment += timedelta(hours=1)
    bot.slack.faults({"method": "chat.postMessage", "trouble": "lost", "times": 1})
    bot.say("launch smoke")
    bot.ticks(30)
    assert notices(bot)[f"{RUN} card"] == 1


@pytest.mark.parametrize("key", ["card", "launching", "running", "ended"])
def test_a_bot_that_dies_between_posting_and_recording_neither_loses_nor_repeats(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The post goes out, and the record of it is never written: what a kill leaves behind."""

    def dies_after(
        client: WebClient, conversation: Conversation, messages: Sequence[Message], show: BlockRenderer
    ) -> tuple[str, str]:
        sent = send_message(client, conversation, messages, show)
        if key in {message.key for message in messages}:
            raise KeyboardInterrupt
        return sent

    with monkeypatch.context() as patch:
        patch.setattr("bot.slack.outbound.outbox.send_message", dies_after)
        with pytest.raises(KeyboardInterrupt):
            a_whole_run(bot)
    later = bot.later()
    later.ticks(5)
    later.cloud.finish(CLUSTER, JobState.SUCCEEDED) if not later.run().is_finished else None
    later.ticks(60)
    assert notices(later) == ONE_OF_EACH


def test_where_nobody_may_look_an_end_comes_rather_twice_than_not_at_all(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.running()
    workspace = bot.playground._slack.workspace
    workspace.channels[TRAINING].members.remove(workspace.bot)  # chat:write.public lets it post, not read
    bot.slack.faults({"method": "chat.postMessage", "trouble": "lost", "times": 1})
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(60)
    assert notices(bot)[f"{RUN} ended"] >= 1
    assert "it may come twice" in caplog.text


def test_a_card_that_somebody_deleted_comes_back(bot: Bot) -> None:
    bot.running()
    workspace = bot.playground._slack.workspace
    card = workspace.find(TRAINING, bot.run().messages.sent["card"].ts)
    assert card is not None
    workspace.remove(card)
    bot.say(f"stop {RUN}")
    bot.ticks(30)
    assert notices(bot)[f"{RUN} card"] == 1
    assert notices(bot)[f"{RUN} ended"] == 1


@pytest.mark.parametrize(
    ("times", "logged", "fact"),
    [
        pytest.param(1, "its blocks go without", "*Machines*", id="a card without its color, and with all its blocks"),
        pytest.param(2, "it goes without blocks", "is waiting", id="a card as text alone"),
    ],
)
@pytest.mark.parametrize("code", ["invalid_blocks", "invalid_attachments"])
def test_a_message_that_slack_takes_for_malformed_goes_without_its_shape(
    bot: Bot, caplog: pytest.LogCaptureFixture, code: str, times: int, logged: str, fact: str
) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "refused", "error": code, "times": times})
    bot.say("launch smoke")
    bot.speak()
    assert logged in caplog.text
    assert notices(bot)[f"{RUN} card"] == 1
    assert fact in bot.card()


def test_a_bot_without_its_rights_says_so_in_its_log_and_goes_on_when_it_has_them(
    bot: Bot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "refused", "error": "missing_scope", "times": 3})
    bot.say("launch smoke")
    bot.ticks(150)
    assert "`verlbot manifest` prints the permissions it needs" in caplog.text
    assert notices(bot)[f"{RUN} card"] == 1


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
def test_the_task_of_a_run_that_needs_approval_comes_once_though_slack_limits_files(bot: Bot, method: str) -> None:
    bot.policy = Policy(grants=approvers(LEA), approve_above_dollars=5.0)
    bot.slack.faults({"method": method, "trouble": "limited", "times": 1, "retry_after_seconds": 10})
    bot.say("launch smoke nodes=2 budget=9")
    bot.ticks(5)
    assert files(bot) == []
    bot.ticks(20)
    assert files(bot) == [f"{RUN}.yaml"]


def files(bot: Bot) -> list[str]:
    """The names of the files in the channel."""
    workspace = bot.playground._slack.workspace
    return [workspace.files[file].name for message in workspace.messages[TRAINING] for file in message.files]


def test_several_missed_notices_come_as_one_message(bot: Bot) -> None:
    bot.slack.faults({"method": "chat.postMessage", "trouble": "limited", "times": None})
    bot.say("launch smoke")
    bot.ticks(5)
    bot.slack.faults()
    bot.ticks(5)
    posted = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    keys = [message["metadata"]["event_payload"]["keys"] for message in posted if message["metadata"]]
    assert keys == ["card", "launching,running"]


def test_a_card_is_edited_at_leisure_unless_its_state_changes(bot: Bot) -> None:
    bot.running()

    def edits() -> int:
        return sum(entry["name"] == "chat.update" for entry in bot.slack.record("call"))

    bot.ticks(31)
    before = edits()
    for step in range(60):
        bot.cloud.print(CLUSTER, f"(job, pid=1) step:{step} - critic/rewards/mean:0.5")
        bot.tick()
    assert edits() - before == 2
    assert "step " in bot.card()
    bot.click("stop", RUN)
    bot.speak()
    assert edits() - before == 3


@pytest.mark.slow
@pytest.mark.thorough
def test_slacks_rates_are_kept_by_coalescing_and_every_end_is_said(bot: Bot) -> None:
    """Thirty runs at once: a minute holds 50 edits and 60 posts and no more, beside a short burst."""
    for _ in range(30):
        bot.say("launch smoke")
    calls: list[Counter[str]] = []
    for minute in range(8):
        if minute == 3:
            for cluster in bot.cloud.launches:
                bot.cloud.finish(cluster, JobState.SUCCEEDED)
        before = Counter(entry["name"] for entry in bot.slack.record("call"))
        for second in range(0, 60, 2):
            for cluster in bot.cloud.launches:
                bot.cloud.print(cluster, f"(job, pid=1) step:{60 * minute + second} - critic/rewards/mean:0.5")
            bot.tick(seconds=2)
        calls.append(Counter(entry["name"] for entry in bot.slack.record("call")) - before)
    assert all(minute["chat.update"] <= 50 for minute in calls), calls
    assert all(minute["chat.postMessage"] <= 60 + 3 for minute in calls), calls
    assert sum(minute["chat.update"] for minute in calls) > 100
    found = notices(bot)
    assert [found[f"{run.id} ended"] for run in bot.store.list_recent_runs(30)] == [1] * 30
    assert bot.store.list_open_runs() == []


def test_a_message_that_slack_has_confirmed_has_an_address_that_leads_to_it(bot: Bot) -> None:
    bot.running()
    sent = bot.run().messages.sent
    for message in sent.values():
        thread_ts = None if message is sent["card"] else sent["card"].ts
        assert message.permalink == build_permalink(f"{bot.playground.address}/", TRAINING, message.ts or "", thread_ts)
    assert (
        bot.run().card_url
        == bot.client.chat_getPermalink(channel=TRAINING, message_ts=sent["card"].ts or "")["permalink"]
    )
