"""Who is who in a channel, and who may read of which run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.app.access_control import AccessControl
from bot.app.report_service import ReportService, new_report
from bot.core.commands.report_command import AddReport, ReportOptions
from bot.core.model.people import APP_HOME, Channel, ChannelKind, Grants, Person, PersonKind, Role
from bot.core.model.policy import Policy
from bot.core.model.run import Run
from bot.core.model.run_state import RunStatus
from bot.core.model.schedule import Daily
from bot.errors import Unavailable
from tests.builders import NOON, a_run, approvers, refusal_of
from tests.story import ANA, BEN, LEA, RANDOM, SECRET, TRAINING, Bot

EVE = "U0EVE"
CHANNELS = {
    TRAINING: ChannelKind.PUBLIC,
    RANDOM: ChannelKind.PUBLIC,
    SECRET: ChannelKind.PRIVATE,
    "C0THEM": ChannelKind.SHARED,
}
POLICY = Policy(grants=approvers(BEN, admins=(LEA,)))


@dataclass
class FakeDirectory:
    """Slack, in which Eve is of another company, and Ana alone is in the private channel."""

    answers: bool = True
    members: dict[str, set[str]] = field(default_factory=lambda: {SECRET: {ANA}, "C0THEM": {ANA, EVE}})

    def get_person(self, user: str, team: str, groups: frozenset[str], workspaces: frozenset[str]) -> Person:
        self._answer()
        return Person(user, PersonKind.STRANGER if user == EVE else PersonKind.MEMBER)

    def get_channel(self, channel_id: str) -> Channel:
        self._answer()
        return Channel(channel_id, CHANNELS[channel_id])

    def is_in(self, user: str, channel_id: str) -> bool:
        self._answer()
        return user in self.members.get(channel_id, ())

    def _answer(self) -> None:
        if not self.answers:
            raise Unavailable("Slack does not answer.")


def test_where_slack_does_not_answer_nobody_has_a_role() -> None:
    directory = FakeDirectory(answers=False)
    actor = AccessControl(directory, lambda: POLICY).find_actor(LEA, "", TRAINING)
    assert (actor.role, actor.own_role, actor.is_known) == (Role.NONE, Role.NONE, False)


def sees(user: str, run: Run, here: str = RANDOM, directory: FakeDirectory | None = None) -> bool:
    found = AccessControl(FakeDirectory(), lambda: POLICY)
    actor = found.find_actor(user, "", here)
    return AccessControl(directory or FakeDirectory(), lambda: POLICY).can_see(actor, run)


EVERYWHERE = AddReport(Daily(time()), ReportOptions(everywhere=True))
PRIVATE = a_run(requester="U0ZOE", channel=SECRET, thread_channel=SECRET)
WAITING = a_run(requester="U0ZOE", channel=SECRET, status=RunStatus.AWAITING_APPROVAL)


@pytest.mark.parametrize(
    ("user", "run", "here", "may"),
    [
        pytest.param(ANA, PRIVATE, RANDOM, True, id="who is in its channel"),
        pytest.param("U0ZOE", PRIVATE, RANDOM, True, id="its owner"),
        pytest.param(LEA, PRIVATE, RANDOM, True, id="an admin"),
        pytest.param(BEN, PRIVATE, RANDOM, False, id="an approver"),
        pytest.param(BEN, WAITING, RANDOM, True, id="an approver, of what waits for one"),
        pytest.param("U0MAX", WAITING, RANDOM, False, id="a member, of what waits"),
        pytest.param("U0MAX", PRIVATE, RANDOM, False, id="a member"),
        pytest.param("U0MAX", PRIVATE, SECRET, True, id="who types in its channel"),
        pytest.param("U0MAX", a_run(channel=TRAINING), RANDOM, True, id="a member, of a public channel's"),
        pytest.param(EVE, a_run(channel=TRAINING), "C0THEM", False, id="a stranger, of a public channel's"),
        pytest.param(EVE, a_run(channel="C0THEM"), RANDOM, True, id="a stranger, of the shared channel that she is in"),
        pytest.param("U0MAX", a_run(channel="C0THEM"), RANDOM, False, id="a member, of another shared channel's"),
    ],
)
def test_what_is_private_is_read_by_who_is_there(user: str, run: Run, here: str, may: bool) -> None:
    assert sees(user, run, here) == may


def test_where_slack_does_not_say_what_a_channel_is_it_is_private() -> None:
    silent = FakeDirectory(answers=False)
    assert not sees("U0MAX", a_run(channel=TRAINING), RANDOM, silent)
    assert not AccessControl(silent, lambda: POLICY).can_channel_see(RANDOM, a_run(channel=TRAINING))


def test_a_channel_is_told_of_its_own_runs_and_of_public_ones() -> None:
    access = AccessControl(FakeDirectory(), lambda: POLICY)
    assert access.can_channel_see(SECRET, PRIVATE)
    assert access.can_channel_see(RANDOM, a_run(channel=TRAINING))
    assert not access.can_channel_see(RANDOM, PRIVATE)


def test_nobody_has_the_bot_post_where_that_person_is_not() -> None:
    access, silent = (AccessControl(FakeDirectory(answers), lambda: POLICY) for answers in (True, False))
    assert refusal_of(lambda: access.refuse_non_member(BEN, TRAINING)) is None
    assert refusal_of(lambda: access.refuse_non_member(ANA, SECRET)) is None
    assert refusal_of(lambda: access.refuse_non_member(BEN, SECRET)) is not None
    assert refusal_of(lambda: silent.refuse_non_member(ANA, SECRET)) is not None


def test_on_the_bots_page_the_persons_own_role_counts() -> None:
    actor = AccessControl(FakeDirectory(), lambda: POLICY).find_actor(BEN, "", "")
    assert (actor.channel, actor.role) == (APP_HOME, Role.APPROVER)


# through Bolt


def by_command(bot: Bot) -> str:
    return bot.say("launch smoke", user=BEN)


def by_the_form_of_a_command(bot: Bot) -> str:
    return bot.say("launch", user=BEN)


def by_mention(bot: Bot) -> str:
    bot.mention("launch smoke", user=BEN)
    return bot.told(BEN)


def by_page(bot: Bot) -> str:
    return bot.opens_page(BEN)


def by(action: str, value: str) -> Callable[[Bot], str]:
    def press(bot: Bot) -> str:
        bot.click(action, value, user=BEN)
        return bot.told(BEN)

    return press


DELIVERIES: dict[str, Callable[[Bot], str]] = {
    "command": by_command,
    "question": lambda bot: bot.say("list", user=BEN),
    "form": by_the_form_of_a_command,
    "mention": by_mention,
    "page": by_page,
    "button that launches": by("launch-sure", "launch smoke"),
    "button that retries": by("retry", "smoke-0001"),
    "button that ends": by("stop", "smoke-0001"),
    "button that loses the model": by("lose_model", "smoke-0001"),
    "button that extends": by("extend-2", "smoke-0001 2 0"),
    "button that mutes": by("mute", "smoke-0001 reward-flat"),
    "logs": by("logs", "smoke-0001"),
    "task": by("task", "smoke-0001"),
    "form of a retry": by("form", "smoke-0001"),
}


@pytest.mark.parametrize("deliver", DELIVERIES.values(), ids=DELIVERIES)
def test_without_a_role_every_delivery_is_refused_and_changes_nothing(bot: Bot, deliver: Callable[[Bot], str]) -> None:
    bot.running()
    before = bot.run()
    bot.policy = Policy(grants=Grants(holders_by_role={Role.LAUNCHER: (ANA,), Role.ADMIN: (LEA,)}))
    assert "You have no role here." in deliver(bot)
    bot.tick(0)
    assert [run.id for run in bot.store.list_open_runs()] == ["smoke-0001"]
    assert (bot.run().requests.stop_requested_at, bot.run().limits.changes) == (None, before.limits.changes)
    assert bot.view(BEN) == {}


def test_a_private_run_is_no_more_than_a_line_elsewhere(bot: Bot) -> None:
    bot.say("launch smoke steps=7", channel=SECRET)
    for line in ("status smoke-0001", "logs smoke-0001", "artifacts smoke-0001", "plot smoke-0001", "retry smoke-0001"):
        assert "belongs to a private channel that you are not in" in bot.say(line, user=BEN), line
    for line in ("list all", "cost smoke-0001"):
        said = bot.say(line, user=BEN) or bot.told(BEN)
        assert "smoke-0001" in said
        assert "private" in said
        assert "steps" not in said
    assert "steps=7" not in bot.opens_page(BEN)
    assert "belongs to a private channel" not in bot.say("status smoke-0001", channel=SECRET)


def test_a_board_elsewhere_shows_no_more_of_a_private_run(store: RedisStore) -> None:
    access = AccessControl(FakeDirectory(), lambda: POLICY)
    reports = ReportService(store, lambda: NOON, lambda: None, channel_may_read=access.can_channel_see)
    store.add(PRIVATE, {"run": "true"})
    told = {here: new_report(EVERYWHERE, ANA, here, "UTC", NOON) for here in (RANDOM, SECRET)}
    shown = {here: reports.build_digest(report, NOON).active for here, report in told.items()}
    assert [run.is_redacted for run in shown[RANDOM]] == [True]
    assert [run.is_redacted for run in shown[SECRET]] == [False]
