"""Who did what: each wish, refusal and act of the bot is an event, and a run's events put together are its record."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.audit import (
    BOT,
    AuditEvent,
    build_run_event,
    replay_events,
    snapshot_run,
)
from bot.core.model.cluster import JobState
from bot.core.model.people import MEMBERS, Grants, Role
from bot.core.model.policy import Caps, Policy
from bot.core.model.run_state import Approval, ApprovalCause, LaunchFacts
from bot.errors import Unavailable
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import NOON, a_run, approvers
from tests.story import ANA, BEN, LEA, TRAINING, Bot

RUN = "smoke-0001"

ADMIN_ANA = Policy(
    grants=Grants(holders_by_role={Role.LAUNCHER: (MEMBERS,), Role.APPROVER: (BEN, LEA), Role.ADMIN: (ANA,)})
)

Made = Callable[[Policy], Bot]


@pytest.fixture
def under(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Made:
    return lambda policy: Bot(store, playground, slack, policy=policy)


def told(bot: Bot, run_id: str = RUN) -> list[tuple[str, str]]:
    return [(event.who, event.what) for event in bot.audit.list_run_events(run_id)]


def everything(bot: Bot) -> list[AuditEvent]:
    return list(bot.audit.iterate_events(timedelta(days=1)))


def test_a_life_is_told_act_by_act_with_who_and_from_where(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=20 lease=5")
    bot.say(f"budget {RUN} 30")
    bot.click("stop", RUN)
    bot.ticks(8, seconds=10)
    assert bot.run().status == "ended"
    found = bot.audit.list_run_events(RUN)
    assert told(bot) == [
        (ANA, "launch"),
        (BOT, "ask for launch"),
        (BOT, "see it run"),
        (ANA, "set budget"),
        (ANA, "stop"),
        (BOT, "end"),
        (BOT, "ask for removal"),
        (BOT, "settle"),
    ]
    by_what = {event.what: event for event in found}
    assert (by_what["launch"].door, by_what["launch"].channel) == ("command", TRAINING)
    assert (by_what["stop"].door, by_what["stop"].channel) == ("button", TRAINING)
    budget = by_what["set budget"]
    assert (budget.before["budget_dollars"], budget.after["budget_dollars"]) == (20.0, 30.0)
    assert by_what["end"].rule == "stopped"
    assert (by_what["end"].door, by_what["end"].channel) == ("", "")


def live_and_stop(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=20 lease=5")
    bot.say(f"budget {RUN} 30")
    bot.say(f"extend {RUN} 2h")
    bot.say(f"logs {RUN} --follow")
    bot.say(f"report {RUN} every 20 steps")
    bot.say(f"stop {RUN} save=yes", user=BEN)
    bot.ticks(3, seconds=60)
    bot.say(f"stop {RUN} save=no")
    bot.ticks(8)


def wait_and_be_approved(bot: Bot) -> None:
    bot.say("launch smoke nodes=2 budget=90")
    bot.say(f"approve {RUN}", user=BEN)
    bot.ticks(4)
    bot.cloud.finish(f"verl-{RUN}", JobState.FAILED)
    bot.ticks(8, seconds=30)


def wait_and_be_refused(bot: Bot) -> None:
    bot.say("launch smoke nodes=2 budget=90")
    bot.say(f"refuse {RUN}", user=BEN)
    bot.ticks(4)


def outlive_its_lease(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 lease=1")
    bot.tick(3700)
    bot.ticks(8)


@pytest.mark.parametrize("live", [live_and_stop, wait_and_be_approved, wait_and_be_refused, outlive_its_lease])
def test_the_events_of_a_run_put_together_are_what_its_record_says(under: Made, live: Callable[[Bot], None]) -> None:
    bot = under(Policy(grants=approvers(BEN, LEA), approve_above_dollars=50))
    live(bot)
    run = bot.run()
    assert run.status == "ended"
    assert replay_events(bot.audit.list_run_events(RUN)) == snapshot_run(run)
    assert sum(event.on == RUN for event in everything(bot)) == len(bot.audit.list_run_events(RUN))


def test_what_a_record_says_is_of_it_alone_not_of_its_progress(bot: Bot) -> None:
    bot.running("launch smoke nodes=2")
    before = len(bot.audit.list_run_events(RUN))
    bot.cloud.print(f"verl-{RUN}", "(TaskRunner pid=7) step:20 - critic/rewards/mean:0.4 - timing_s/step:1.0")
    bot.ticks(3, seconds=60)
    assert bot.run().training.progress.step == 20
    assert len(bot.audit.list_run_events(RUN)) == before


def test_a_refusal_is_written_down_with_who_what_and_why(bot: Bot) -> None:
    bot.running("launch smoke nodes=2")
    bot.policy = ADMIN_ANA
    bot.say("audit", user=BEN)
    bot.click("extend-1", f"{RUN} 1 0", user="U0CLEO")
    refused, other = everything(bot)[:2]
    assert (refused.who, refused.what, refused.on, refused.door) == ("U0CLEO", "refused: extend", RUN, "button")
    assert "I only answer members of my own workspace" in str(refused.why)
    assert (other.who, other.what, other.channel) == (BEN, "refused: audit", TRAINING)
    assert "you need the role `admin`" in str(other.why)
    assert bot.store.get(RUN) == bot.run()


def test_that_a_line_held_a_secret_is_written_down_without_the_line(bot: Bot) -> None:
    bot.say(f"launch smoke trainer.token=hf_{'aB3' * 12}")
    (refused,) = everything(bot)
    assert (refused.who, refused.what, refused.door) == (ANA, "refused: type a secret", "command")
    assert "looks like a secret: `hf_…`" in str(refused.why)
    assert "aB3" not in str(refused)
    assert refused.on == ""


def test_what_makes_no_sense_is_no_refusal_of_the_audits(bot: Bot) -> None:
    bot.say("launch nosuch")
    bot.say("stop nosuch-1")
    assert everything(bot) == []


def test_reports_months_and_clusters_that_no_run_owns_are_written_down(bot: Bot) -> None:
    bot.say("report daily 09:00 tz=UTC")
    bot.say("report report-1 daily 10:00")
    bot.say("report off")
    bot.say("budget team 500", user=LEA)
    found = [(event.who, event.what, event.on) for event in reversed(everything(bot))]
    assert found == [
        (ANA, "schedule report", "report-1"),
        (ANA, "change report", "report-1"),
        (ANA, "end report", "report-1"),
        (LEA, "set monthly budget", f"team:{TRAINING}"),
    ]


def test_each_event_is_a_line_of_json_once_it_is_recorded(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="bot.audit")
    bot.say("launch smoke nodes=2")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "bot.audit"]
    shown = json.loads(line)
    assert (shown["who"], shown["what"], shown["on"], shown["channel"]) == (ANA, "launch", RUN, TRAINING)
    assert shown["after"]["line"] == "launch smoke nodes=2"


# what is asked of it


def test_a_runs_history_is_told_to_whoever_sees_it(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=20")
    bot.say(f"budget {RUN} 30")
    shown = bot.say(f"history {RUN}", user=BEN)
    assert "<@U0ANA> requested the launch" in shown
    assert "budget in dollars `20` → `30`" in shown
    assert "`verlbot` saw it run" in shown


def test_of_a_long_history_the_last_is_shown(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=20")
    for dollars in range(21, 50):
        bot.say(f"budget {RUN} {dollars}")
    shown = bot.say(f"history {RUN}")
    assert "12 earlier events are left out." in shown
    assert "`48` → `49`" in shown
    assert "requested the launch" not in shown


def test_the_audit_is_for_admins(bot: Bot, under: Made) -> None:
    assert "you need the role `admin`" in bot.say("audit", user=BEN)
    assert [event.what for event in everything(bot)] == ["refused: audit"]


def test_an_admin_asks_who_did_what_to_what_and_since_when(under: Made) -> None:
    bot = under(ADMIN_ANA)
    bot.say("launch smoke nodes=2")
    bot.say("launch smoke nodes=1", user=BEN)
    bot.say(f"stop {RUN}")
    assert "audit" not in bot.say("audit who=<@U0BEN|ben>")
    shown = bot.told()
    assert "<@U0BEN> requested the launch" in shown
    assert "<@U0ANA>" not in shown
    bot.say(f"audit 2d what={RUN}")
    assert "3 events" in bot.told() or "2 events" in bot.told()
    bot.say("audit what=approve")
    assert "No matching events." in bot.told()
    bot.moment += timedelta(hours=3)
    bot.say("audit 2h")
    assert "No matching events." in bot.told()
    assert "Give hours or days" in bot.say("audit yesterday")
    assert "Type `@` and choose the person" in bot.say("audit who=zoe")


def test_many_events_come_as_a_file_to_the_person_alone(under: Made) -> None:
    bot = under(ADMIN_ANA)
    bot.running("launch smoke nodes=2 budget=20")
    for dollars in range(21, 50):
        bot.say(f"budget {RUN} {dollars}")
    bot.say("audit")
    assert "I have sent you 32 events, as a file" in bot.told()
    assert "audit-" not in bot.reads(BEN)


# what is forgotten


def test_a_run_that_has_ended_is_forgotten_and_its_cost_stays(under: Made, redis: Redis) -> None:
    bot = under(ADMIN_ANA)
    bot.running("launch smoke nodes=2")
    bot.cloud.print(f"verl-{RUN}", "(TaskRunner pid=7) step:20 - critic/rewards/mean:0.4 - timing_s/step:1.0")
    bot.tick(1800)
    bot.say(f"stop {RUN}")
    bot.ticks(8, seconds=30)
    assert "has not ended" not in bot.say(f"status {RUN}")
    spent = bot.store.get_ledger().spent_dollars
    assert "I deleted the records of `smoke-0001`. Its messages in Slack, its model and its cost stay." in bot.say(
        f"forget {RUN}"
    )
    assert bot.store.get(RUN) is None
    assert [key for key in redis.keys("*") if RUN.encode() in key] == []
    assert bot.store.list_recent_runs(10) == []
    assert bot.store.get_ledger().spent_dollars == spent
    assert "There is no run" in bot.say(f"status {RUN}")
    newest = everything(bot)[0]
    assert (newest.who, newest.what, newest.on) == (ANA, "forget", RUN)


def test_no_other_run_gets_its_name(store: RedisStore) -> None:
    store.add(a_run(id=RUN), {"run": "true"})
    store.delete_run(RUN)
    assert store.add(a_run(id=RUN), {"run": "true"}) is None
    assert store.list_open_runs() == []


@pytest.mark.parametrize(
    ("line", "user", "refused"),
    [
        pytest.param(f"forget {RUN}", ANA, "has not ended", id="one that runs"),
        pytest.param("forget 0001", ANA, "Type its whole name", id="a short name"),
        pytest.param(f"forget {RUN}", LEA, "you need the role `admin`", id="somebody else's"),
        pytest.param("forget nosuch-1", ANA, "no run", id="none"),
    ],
)
def test_what_may_not_be_forgotten_stays(bot: Bot, line: str, user: str, refused: str) -> None:
    bot.running("launch smoke nodes=2")
    assert refused in bot.say(line, user=user)
    assert bot.store.get(RUN) is not None


def test_a_launch_that_is_sent_again_after_its_run_was_forgotten_is_a_new_one(store: RedisStore) -> None:
    store.add(a_run(id=RUN), {"run": "true"}, delivery_id="click", permanent=True)
    store.delete_run(RUN)
    again = store.add(a_run(id="smoke-0002"), {"run": "true"}, delivery_id="click", permanent=True)
    assert again is not None
    assert again.id == "smoke-0002"


# what must not be


def heard_by_all(bot: Bot, user: str = BEN) -> str:
    return bot.reads(user)


def test_the_audit_is_told_to_the_person_alone_though_the_bot_was_mentioned(under: Made) -> None:
    bot = under(ADMIN_ANA)
    bot.say("launch smoke nodes=2 steps=77")
    bot.mention("audit")
    assert "steps=77" in bot.told()
    assert "requested the launch" not in heard_by_all(bot)


def test_a_dear_retry_is_asked_about_alone_though_the_bot_was_mentioned(under: Made) -> None:
    bot = under(replace(ADMIN_ANA, confirm_above_dollars=5.0))
    bot.say("launch smoke nodes=2 budget=9 --yes")
    bot.say(f"stop {RUN}")
    bot.ticks(8, seconds=30)
    bot.mention(f"retry {RUN}")
    assert "Launch it?" in bot.told()
    assert "Launch it?" not in heard_by_all(bot)


def test_an_approval_that_covers_too_little_is_nobodys_refusal() -> None:
    facts = LaunchFacts(10.0, 0.0, False, 10.0)
    asked = Approval((LEA,), NOON, "hash", (ApprovalCause.DOLLARS,), facts)
    before = a_run(id=RUN, approval=asked.record_answer(LEA, True, NOON))
    after = replace(before, approval=replace(asked, facts=replace(facts, dollars=99.0)))
    event = build_run_event(before, after, NOON, None)
    assert event is not None
    assert (event.who, event.what, event.rule) == (BOT, "ask for approval", "approval: dollars")


def test_a_click_that_launched_again_is_forgotten_with_its_run(store: RedisStore, redis: Redis) -> None:
    store.add(a_run(id=RUN), {"run": "true"})
    store.add(a_run(id="smoke-0002"), {"run": "true"}, delivery_id=f"Retry {RUN} 0", permanent=True)
    assert 0 < (redis.ttl(f"verl:launch-request:Retry {RUN} 0") or 0) <= 365 * 86_400
    store.delete_run(RUN)
    assert redis.keys("verl:launch-request:*") == []


def test_a_refusal_of_a_cap_and_of_the_own_page_are_written_down(under: Made) -> None:
    bot = under(replace(ADMIN_ANA, person=Caps(runs=1)))
    bot.say("launch smoke")
    bot.say("launch smoke")
    assert next(event.what for event in everything(bot)) == "refused: person.runs"
    bot.policy = Policy(grants=Grants(holders_by_role={Role.ADMIN: (ANA,)}))
    bot.opens_page(BEN)
    assert next((event.who, event.what) for event in everything(bot)) == (BEN, "refused: read")


def test_the_refusal_of_something_done_to_a_run_is_in_its_history(under: Made) -> None:
    bot = under(Policy(grants=Grants(holders_by_role={Role.LAUNCHER: (MEMBERS,), Role.ADMIN: (ANA,)})))
    bot.say("launch smoke nodes=2")
    bot.say(f"budget {RUN} 9", user=BEN)
    assert "<@U0BEN> was not allowed to change its budget" in bot.say(f"history {RUN}")
    assert replay_events(bot.audit.list_run_events(RUN)) == snapshot_run(bot.run())


def test_a_refused_change_of_a_budget_is_found_as_that(under: Made) -> None:
    bot = under(replace(ADMIN_ANA, approve_above_dollars=50))
    bot.say("launch smoke nodes=2 budget=20", user=BEN)
    bot.say(f"budget {RUN} 90", user=BEN)
    bot.click("raise_budget", f"{RUN} 40 20", user="U0CLEO")
    found = [(event.who, event.what) for event in everything(bot) if event.what.startswith("refused")]
    assert found == [("U0CLEO", "refused: set budget"), (BEN, "refused: set budget")]
    bot.say("audit what=budget")
    assert "<@U0BEN> was not allowed to change its budget" in bot.told()


def test_a_run_that_ended_by_itself_is_not_said_to_have_been_stopped_by_the_bot(under: Made) -> None:
    bot = under(ADMIN_ANA)
    bot.running("launch smoke nodes=2")
    bot.cloud.finish(f"verl-{RUN}", JobState.FAILED)
    bot.ticks(8, seconds=30)
    shown = bot.say(f"history {RUN}")
    assert "`verlbot` saw that it failed" in shown
    assert "to stop it" not in shown
    assert "outcome: failed" in shown
    bot.say("audit what=stop")
    assert "No matching events." in bot.told()
    bot.say("audit what=failed")
    assert "`verlbot` saw that it failed" in bot.told()


def test_an_end_by_the_bot_is_found_as_a_stop(under: Made) -> None:
    bot = under(ADMIN_ANA)
    outlive_its_lease(bot)
    bot.say("audit what=stop")
    assert "`verlbot` began to stop it: lease ended" in bot.told()
    assert "`verlbot` began to stop it: lease ended" in bot.say(f"history {RUN}")


def test_a_decline_is_found_by_the_word_that_the_history_shows(under: Made) -> None:
    bot = under(replace(ADMIN_ANA, approve_above_dollars=50))
    wait_and_be_refused(bot)
    bot.say("audit what=decline")
    assert "<@U0BEN> declined the launch" in bot.told()


def test_a_store_that_is_away_hides_no_refusal(under: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = under(ADMIN_ANA)

    def away(event: AuditEvent) -> None:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(bot.audit, "record", away)
    assert "you need the role `admin`" in bot.say("audit", user=BEN)
