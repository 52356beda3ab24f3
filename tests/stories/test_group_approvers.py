"""Approvers whom the policy names by a user group read and may do what those read and may do whom it names by id."""

from dataclasses import replace

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.people import Grants, Role
from bot.core.model.policy import Caps, Policy
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, RANDOM, TRAINING, Bot

GROUP = "S0LEADS"
HOLDERS = {"by id": (LEA, BEN), "by user group": (GROUP,)}


@pytest.fixture(params=list(HOLDERS))
def grants(request: pytest.FixtureRequest) -> Grants:
    return approvers(*HOLDERS[request.param])


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient, grants: Grants) -> Bot:
    playground._slack.workspace.groups[GROUP] = [LEA, BEN]
    return Bot(store, playground, slack, policy=Policy(grants=grants))


def name_approvers(grants: Grants, *people: str) -> str:
    """The people whom a refusal names, as Slack shows them: those of these ids, or the group."""
    holders = grants.holders_by_role[Role.APPROVER]
    return "<!subteam^S0LEADS>" if holders == (GROUP,) else ", ".join(f"<@{person}>" for person in people)


def use_up_month(bot: Bot) -> None:
    """Two runs that cost four dollars, in a channel that may spend three from now on."""
    bot.running("launch smoke nodes=2 lease=4 budget=12")
    bot.tick(3600)
    bot.policy = replace(bot.policy, team=Caps(dollars_per_month=3))


def test_an_approver_reads_that_she_can_raise_the_used_up_month_of_her_own_launch(bot: Bot) -> None:
    use_up_month(bot)
    refused = bot.say("launch smoke budget=5", user=LEA)
    assert "You can raise it: `/verl budget team 17` in <#C0TRAIN>." in refused
    assert "Ask <" not in refused
    bot.say("launch smoke budget=5 --dry-run", user=LEA)
    assert "You can raise it: `/verl budget team 17` in <#C0TRAIN>." in bot.told(LEA)
    bot.say("budget team 17", user=LEA)
    assert "Launching" in bot.say("launch smoke budget=5", user=LEA)


def test_an_approver_reads_that_she_can_raise_the_month_of_a_run_to_which_she_gives_more(bot: Bot) -> None:
    use_up_month(bot)
    refused = bot.say("budget smoke-0001 20", user=LEA)
    assert "You can raise it: `/verl budget team 20` in <#C0TRAIN>." in refused
    assert "Ask <" not in refused
    bot.say("budget team 20", user=LEA)
    assert "is now $20.00" in bot.say("budget smoke-0001 20", user=LEA)


def test_a_smaller_raise_is_advised_only_where_the_month_has_room_for_one(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 lease=4 budget=4")
    bot.policy = replace(bot.policy, team=Caps(dollars_per_month=10))
    refused = bot.say("budget smoke-0001 20")
    assert "Its budget can be $10.00 at most: `/verl budget smoke-0001 10.00`." in refused
    assert "is now $10.00" in bot.say("budget smoke-0001 10.00")
    assert "An approver can raise it: `/verl budget team 20` in <#C0TRAIN>." in bot.say("budget smoke-0001 20")


def test_a_launcher_reads_which_approvers_can_raise_the_used_up_month(bot: Bot, grants: Grants) -> None:
    use_up_month(bot)
    refused = bot.say("launch smoke budget=5")
    assert "An approver can raise it: `/verl budget team 17` in <#C0TRAIN>." in refused
    assert f"Ask {name_approvers(grants, LEA, BEN)}." in refused


def test_an_approver_in_a_channel_where_she_is_launcher_reads_that_an_approver_can_raise_it(bot: Bot) -> None:
    use_up_month(bot)
    limited = replace(bot.policy.grants, highest_by_channel={TRAINING: Role.LAUNCHER})
    bot.policy = replace(bot.policy, grants=limited)
    assert "An approver can raise it: " in bot.say("launch smoke budget=5", user=LEA)
    assert "you need the role `approver`" in bot.say("budget team 17", user=LEA)


def test_an_approver_lifts_the_end_by_a_used_up_month_with_the_commands_of_its_notice(bot: Bot) -> None:
    use_up_month(bot)
    bot.check_monthly_budgets()
    assert "unless an approver raises the limit: /verl budget team 12" in bot.reads().replace("`", "")
    assert "you need the role `approver`" in bot.say("budget team 12")
    assert "This channel can now spend $12.00 a month." in bot.say("budget team 12", user=LEA)
    bot.check_monthly_budgets()
    assert "The limit was raised at" in bot.reads()
    assert bot.run().reason is None


def test_home_shows_what_waits_for_an_approver_and_her_buttons_work(bot: Bot, grants: Grants) -> None:
    bot.policy = replace(bot.policy, approve_above_dollars=5.0)
    assert f"needs approval from {name_approvers(grants, LEA, BEN)}" in bot.say("launch smoke budget=9")
    bot.say("launch smoke budget=9", user=BEN)
    bot.ticks(2)
    for user in (LEA, BEN):
        waiting = (
            bot.opens_page(user)
            .partition("Waiting for your approval")[2]
            .partition("Needs attention")[0]
            .partition("Your runs")[0]
        )
        assert "smoke-0001" in waiting
        assert ("smoke-0002" in waiting) == (user == LEA), "not one's own"
    assert "Waiting for your approval" not in bot.opens_page(ANA)
    digest = bot.run().approval.digest  # type: ignore[union-attr]  # it waits for an approver
    bot.click_on_page("approve", f"smoke-0001 {digest}", LEA)
    assert bot.run().approval.by == LEA  # type: ignore[union-attr]  # it is there
    bot.say("decline smoke-0002", user=LEA, channel=RANDOM)
    assert not bot.run("smoke-0002").approval.granted  # type: ignore[union-attr]  # it is there


def test_an_approver_of_her_own_launch_is_sent_to_the_others(bot: Bot, grants: Grants) -> None:
    bot.policy = replace(bot.policy, approve_above_dollars=5.0)
    bot.say("launch smoke budget=9", user=LEA)
    bot.ticks(2)
    refused = bot.say("approve smoke-0001", user=LEA)
    assert f"You can't approve or decline your own launch. Ask {name_approvers(grants, BEN)}." in refused
    assert f"needs another approver. Ask {name_approvers(grants, BEN)}." in bot.say("budget smoke-0001 12", user=LEA)


def test_the_overview_of_the_budgets_names_who_can_raise_them(bot: Bot, grants: Grants) -> None:
    assert f"{name_approvers(grants, LEA, BEN)} can raise these limits." in bot.say("budget")
