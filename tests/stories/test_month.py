"""What is spent this month is the same everywhere: by open, ended and private runs, and by `sky launch`."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.redis.redis_store import RedisStore
from bot.core.model.cluster import JobState
from bot.core.model.policy import Caps, Policy
from bot.core.rules.external_clusters import ExternalCluster, ExternalLaunch
from bot.i18n import use_language
from bot.slack.views.approval_views import build_approval_facts
from slack_playground.client import PlaygroundClient
from slack_playground.server import Playground
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, RANDOM, SECRET, TRAINING, Bot

LINE = "launch smoke nodes=2 lease=4 budget=12"  # four dollars an hour
POLICY = Policy(
    grants=approvers(LEA, BEN),
    approve_above_dollars=50.0,
    person=Caps(dollars_per_month=100),
    workspace=Caps(dollars_per_month=1000),
)
BIG = replace(POLICY, person=Caps(dollars_per_month=3_000), workspace=Caps(dollars_per_month=9_000))
"""A policy under which a month passes a thousand dollars, whose amounts have a separator."""


AMOUNT = r"\$([\d,]+\.\d\d)\b"


@pytest.fixture
def bot(store: RedisStore, playground: Playground, slack: PlaygroundClient) -> Bot:
    return Bot(store, playground, slack, policy=POLICY)


def restart(bot: Bot) -> Bot:
    """The same bot after a restart, under the same policy."""
    later = bot.later()
    later.policy = bot.policy
    return later


def launch_outside(bot: Bot, hours: float, dollars_per_hour: float, is_over: bool = False) -> None:
    """Let Ana have a cluster of `sky launch`, which a list has shown until now; `is_over` ends it."""
    name = f"dev-{dollars_per_hour:g}"
    cluster = ExternalCluster(
        launch=ExternalLaunch(name, "ana", ANA, 8, dollars_per_hour),
        started_at=bot.moment - timedelta(hours=hours),
        admitted_at=None,
        last_seen_at=bot.moment,
        cluster_id="1",
    )
    bot.store.change_external_cluster(name, lambda *_: cluster, bot.moment)
    if is_over:
        bot.store.change_external_cluster(name, lambda *_: None, bot.moment)


def end(bot: Bot, run_id: str) -> None:
    bot.cloud.finish(f"verl-{run_id}", JobState.SUCCEEDED)
    bot.ticks(6, 10)
    assert bot.run(run_id).closed_at


def amount(pattern: str, text: str) -> float:
    match = re.search(pattern, text.replace("*", ""))
    assert match, f"{pattern} is not in:\n{text}"
    value = float(match[1].replace(",", ""))
    assert match[1] == f"{value:,.2f}"
    return value


def read_all_places(bot: Bot) -> dict[str, float]:
    """What each place says of Ana's month."""
    budget = bot.say("budget")
    bot.say("cost")
    cost = bot.told()
    direct = bot.playground._slack.workspace.direct(ANA).id
    bot.say("report now", channel=direct)
    board = bot.told(channel=direct)
    bot.check_monthly_budgets()
    allowed = bot.policy
    bot.policy = replace(allowed, person=Caps(dollars_per_month=1))
    refused = bot.say("approve smoke-0003", user=LEA)
    bot.policy = allowed
    return {
        "budget": amount(rf"You · .*?{AMOUNT} spent this month", budget),
        "cost": amount(rf"Your runs in 2026-01: {AMOUNT}", cost),
        "board": amount(rf"{AMOUNT} this month", board),
        "request": shown_month(bot.card("smoke-0003")),
        "request at home": shown_month(bot.opens_page(LEA)),
        "approval": amount(rf"is used up: {AMOUNT} of \$1.00", refused),
        "home": amount(rf"You · {AMOUNT} spent this month", bot.opens_page(ANA)),
    }


@pytest.mark.parametrize(
    ("policy", "outside_rate", "least"),
    [
        pytest.param(POLICY, 3.0, 10, id="tens of dollars"),
        pytest.param(BIG, 803.07, 1_000, id="more than a thousand dollars"),
    ],
)
def test_what_a_person_has_spent_this_month_is_the_same_in_every_place(
    bot: Bot, policy: Policy, outside_rate: float, least: float
) -> None:
    bot.policy = policy
    bot.running(LINE)
    bot.tick(3600)
    end(bot, "smoke-0001")
    bot.say(LINE, channel=SECRET)
    bot.ticks(2)
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.tick(1800)
    bot.moment += timedelta(minutes=1)  # a card is edited at most so often
    launch_outside(bot, hours=1.5, dollars_per_hour=outside_rate)
    launch_outside(bot, hours=0.5, dollars_per_hour=2.0, is_over=True)
    places = read_all_places(bot)
    assert len(set(places.values())) == 1, places
    assert places["budget"] > least
    outside = 1.5 * outside_rate + 0.5 * 2.0
    runs = sum(bot.run(f"smoke-000{number}").cost(bot.moment) or 0.0 for number in (1, 2))
    assert places["budget"] == pytest.approx(outside + runs, abs=0.005)
    assert read_all_places(restart(bot)) == places


def test_what_is_spent_and_what_is_reserved_never_count_a_dollar_twice(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(3600)
    spent = amount(rf"You · .*?{AMOUNT} spent this month", bot.say("budget"))
    reserved = amount(rf"You · .*?\+ {AMOUNT} reserved of \$100", bot.say("budget"))
    assert spent == pytest.approx(4.0, abs=0.01)
    assert spent + reserved == pytest.approx(12.0, abs=0.01)


def test_what_was_deleted_and_what_was_never_a_run_of_the_bots_stays_in_the_sum(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(3600)
    end(bot, "smoke-0001")
    before = amount(rf"You · .*?{AMOUNT} spent this month", bot.say("budget"))
    bot.store.archive("smoke-0001")
    bot.store.delete_run("smoke-0001")
    launch_outside(bot, hours=1.0, dollars_per_hour=3.0, is_over=True)
    bot.say("cost")
    assert amount(rf"Your runs in 2026-01: {AMOUNT}", bot.told()) == pytest.approx(before + 3.0, abs=0.005)
    assert f"${before + 3.0:.2f} of it was spent outside verlbot, or by runs that were deleted." in bot.told()


def test_an_approval_over_a_spent_month_names_the_amounts_and_how_to_raise_it(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(3600)
    end(bot, "smoke-0001")
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.policy = replace(POLICY, person=Caps(dollars_per_month=2))
    refused = bot.say("approve smoke-0002", user=LEA)
    assert "The monthly budget of <@U0ANA> is used up: $4.06 of $2.00." in refused
    assert "Type this first, then approve: `/verl budget` <@U0ANA> `65`." in refused
    assert bot.run("smoke-0002").status == "awaiting_approval"
    history = bot.say("history smoke-0002")
    assert f"<@{LEA}> was refused by a person's monthly budget" in history
    assert "was not allowed to approve" not in history
    bot.say(f"budget <@{ANA}|ana> 65", user=LEA)
    assert "is approved and launching" in bot.say("approve smoke-0002", user=LEA)


def test_home_shows_the_month_of_a_request_to_the_cent_at_any_time(bot: Bot) -> None:
    bot.policy = replace(POLICY, person=Caps(dollars_per_month=1000), approve_above_dollars=25)
    bot.running("launch smoke nodes=2 budget=20")
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    for _ in range(3):
        bot.tick(60)
        bot.check_monthly_budgets()
        waiting = bot.opens_page(LEA)
        assert amount(rf"has spent {AMOUNT} of \$1000", waiting.replace(",", "")) == amount(
            rf"Workspace · .*?{AMOUNT} spent", waiting
        )


@pytest.mark.parametrize(
    ("month", "advice"),
    [
        pytest.param(10, "Its budget can be $5.94 at most: `budget=5.94`.", id="some of the month is left"),
        pytest.param(
            4,
            "An approver can raise it: `/verl budget` <@U0ANA> `11`. Ask <@U0LEA>, <@U0BEN>.",
            id="it is spent",
        ),
    ],
)
def test_only_advice_that_can_help_is_given(bot: Bot, month: float, advice: str) -> None:
    bot.running(LINE)
    bot.tick(3600)
    end(bot, "smoke-0001")
    bot.policy = replace(POLICY, person=Caps(dollars_per_month=month))
    refused = bot.say(f"launch smoke budget={'5.95' if month == 4 else '7'}")
    assert advice in refused
    if month == 4:
        assert "budget=" not in refused
        return
    assert "Launching" in bot.say("launch smoke budget=5.94")


def type_advised_commands(bot: Bot, advice: str, *, user: str) -> list[str]:
    """Type the commands of an advice as it shows them, each in the channel that it names; return them."""
    found = re.findall(r"/verl (budget (?:<@\w+>|team|workspace) \d+)(?: in <#(\w+)>)?", advice.replace("`", ""))
    for command, channel in found:
        assert " a month." in bot.say(command, user=user, channel=channel or RANDOM)
    return [command.split()[1] for command, _ in found]


FULL_MONTHS = replace(
    POLICY,
    person=Caps(dollars_per_month=4),
    team=Caps(dollars_per_month=3),
    workspace=Caps(dollars_per_month=2),
)


@pytest.mark.parametrize(
    ("policy", "owners"),
    [
        pytest.param(FULL_MONTHS, [f"<@{ANA}>", "team", "workspace"], id="three months are used up"),
        pytest.param(
            replace(FULL_MONTHS, workspace=Caps(dollars_per_month=1000)), [f"<@{ANA}>", "team"], id="two of them"
        ),
        pytest.param(
            replace(FULL_MONTHS, person=Caps(dollars_per_month=8), workspace=Caps()),
            [f"<@{ANA}>", "team"],
            id="one is used up, and the other has too little left",
        ),
    ],
)
def test_the_advised_commands_lift_the_refusal_of_a_launch_and_of_an_approval(
    bot: Bot, policy: Policy, owners: list[str]
) -> None:
    bot.running(LINE)
    bot.tick(3600)
    end(bot, "smoke-0001")
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.policy = replace(policy, approve_above_dollars=None)
    refused = bot.say("launch smoke budget=5")
    assert "An approver can raise them: " in refused
    assert type_advised_commands(bot, refused, user=LEA) == owners
    assert "Launching" in bot.say("launch smoke budget=5")
    bot.policy = replace(policy, approve_above_dollars=50)
    for owner, channel in ((f"<@{ANA}>", TRAINING), ("team", TRAINING), ("workspace", TRAINING)):
        bot.say(f"budget {owner} 2", user=LEA, channel=channel)
    refused = bot.say("approve smoke-0002", user=LEA, channel=RANDOM)
    assert type_advised_commands(bot, refused, user=LEA) == [f"<@{ANA}>", "team", "workspace"]
    assert "is approved and launching" in bot.say("approve smoke-0002", user=LEA, channel=RANDOM)


def test_an_approver_who_raises_a_budget_hears_whose_caps_are_in_the_way(bot: Bot) -> None:
    bot.running(LINE)
    bot.policy = replace(
        POLICY, approve_above_dollars=None, person=Caps(dollars_per_month=12), team=Caps(dollars_per_month=12)
    )
    own = bot.say("budget smoke-0001 20")
    assert "This would bring your runs this month to $20.00; your limit is $12.00." in own
    assert "This would bring the runs of <#C0TRAIN> this month to $20.00; the limit is $12.00." in own
    refused = bot.say("budget smoke-0001 20", user=LEA, channel=RANDOM)
    assert "This would bring the runs of <@U0ANA> this month to $20.00; the limit is $12.00." in refused
    assert "This would bring the runs of <#C0TRAIN> this month to $20.00; the limit is $12.00." in refused
    assert "your" not in refused.lower()


def test_a_person_is_named_by_id_where_a_form_shows_no_mention_and_the_command_takes_that(bot: Bot) -> None:
    assert f"<@{ANA}> can now spend $65.00 a month." in bot.say(f"budget @{ANA} 65", user=LEA)


def test_no_run_is_to_be_stopped_for_a_launch_that_is_too_large_by_itself(bot: Bot) -> None:
    bot.policy = replace(POLICY, person=Caps(gpus=1))
    refused = bot.say("launch ppo nodes=2")
    assert "This run alone is over the limit" in refused
    assert "Stop a run" not in refused


def test_an_approver_over_a_full_channel_is_told_to_raise_it_herself(bot: Bot) -> None:
    bot.running(LINE)
    bot.tick(3600)
    end(bot, "smoke-0001")
    bot.policy = replace(POLICY, person=Caps(), team=Caps(dollars_per_month=3), approve_above_dollars=None)
    refused = bot.say("launch smoke budget=5", user=LEA)
    assert "You can raise it: `/verl budget team 10`" in refused
    assert "Ask <@" not in refused
    assert type_advised_commands(bot, refused, user=LEA) == ["team"]
    assert "Launching" in bot.say("launch smoke budget=5", user=LEA)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_card_of_a_request_follows_the_month_of_its_requester(bot: Bot, language: str) -> None:
    bot.running(LINE)
    bot.tick(1800)
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.ticks(2)
    for seconds in (0, 1800):
        bot.tick(seconds)
        bot.check_monthly_budgets()
        spent = amount(rf"You · .*?{AMOUNT} spent this month", bot.say("budget"))
        reserved = amount(rf"You · .*?\+ {AMOUNT} reserved", bot.say("budget")) - 60
        with use_language(language):
            facts = build_approval_facts(bot.run("smoke-0002"))
        (value,) = (value for _, value in facts if "$" in value and ANA in value)
        assert sorted(re.findall(AMOUNT, value)) == sorted([f"{spent:.2f}", "100.00", f"{reserved:.2f}"])
        assert shown_month(bot.card("smoke-0002")) == spent


def test_the_status_of_a_request_has_the_month_of_now_and_its_card_says_when_its_month_was_so(bot: Bot) -> None:
    bot.policy = replace(POLICY, person=Caps(dollars_per_month=1000), approve_above_dollars=25)
    bot.running("launch smoke nodes=2 budget=20")
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.ticks(2)
    bot.check_monthly_budgets()
    approval = bot.run("smoke-0002").approval
    assert approval
    assert approval.facts
    assert approval.facts.month
    assert approval.facts.month.at
    asked_at = int(approval.facts.month.at.timestamp())
    bot.tick(900)
    spent = amount(rf"You · .*?{AMOUNT} spent this month", bot.say("budget"))
    status, card = bot.say("status smoke-0002"), bot.card("smoke-0002")
    assert shown_month(status) == spent == 1.0
    assert shown_month(card) == 0.0
    assert f"as of <!date^{int(bot.moment.timestamp())}" in status
    assert f"as of <!date^{asked_at}" in card


def shown_month(text: str) -> float:
    """What a card or a page says of the month of the person who asks."""
    return amount(rf"<@{ANA}> has spent {AMOUNT} of", text)


def test_the_card_of_a_request_is_edited_for_a_hundredth_of_the_month_and_once_a_check(bot: Bot) -> None:
    bot.running(LINE)
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.ticks(2)
    bot.check_monthly_budgets()
    before = bot.run("smoke-0002")
    for _ in range(10):
        bot.tick(60)  # seven cents
        bot.check_monthly_budgets()
    assert bot.run("smoke-0002") == before, "a card that waits is not edited each minute"
    bot.tick(600)
    assert bot.run("smoke-0002") == before, "only a check changes it"
    bot.check_monthly_budgets()
    assert shown_month(bot.card("smoke-0002")) == pytest.approx(1.33, abs=0.02)


def test_the_card_of_a_request_drops_a_month_that_has_no_limit_any_more(bot: Bot) -> None:
    bot.say("launch smoke nodes=2 lease=24 budget=60")
    bot.ticks(2)
    assert "has spent" in bot.card()
    bot.moment += timedelta(minutes=1)
    bot.policy = replace(POLICY, person=Caps())
    bot.check_monthly_budgets()
    assert "has spent" not in bot.card()
    assert bot.run().approval.by is None  # type: ignore[union-attr]  # it waits for an approver


NOTICE = r"\*.*? monthly budget(?: (?:is|was) used)?\* \(\$([\d.]+) of .*? smoke-0001 (\w+) on it"


def test_the_notices_of_several_months_name_the_dollars_of_one_moment_and_those_of_the_end(bot: Bot) -> None:
    months = Caps(dollars_per_month=6)
    bot.policy = replace(POLICY, person=months, team=months, workspace=months)
    bot.running("launch smoke nodes=2 lease=12 budget=6")
    bot.tick(3600)
    for _ in range(3):
        bot.check_monthly_budgets()
        bot.tick(60)
    assert set(re.findall(NOTICE, bot.reads())) == {("4.00", "draws")}
    bot.tick(600)
    end(bot, "smoke-0001")
    assert {verb for _, verb in re.findall(NOTICE, bot.reads())} == {"drew"}
    bot.moment += timedelta(minutes=2)
    bot.check_monthly_budgets()
    spent = amount(rf"You · .*?{AMOUNT} spent this month", bot.say("budget"))
    notices = re.findall(NOTICE, bot.reads())
    assert len(notices) == 6  # of three budgets, in the thread and in the channel
    assert set(notices) == {(f"{spent:.2f}", "drew")}
    before = bot.run()
    launch_outside(bot, hours=1.0, dollars_per_hour=3.0)
    bot.check_monthly_budgets()
    assert bot.run() == before, "its notices are final"


@pytest.mark.parametrize(("reader", "is_warned"), [(LEA, True), (ANA, True), (BEN, False)])
def test_a_page_warns_those_who_can_raise_a_channels_month_before_it_stops_runs(
    bot: Bot, reader: str, is_warned: bool
) -> None:
    warning = "A monthly budget is used up, so the run will be stopped at"
    bot.policy = replace(POLICY, grants=approvers(LEA), team=Caps(dollars_per_month=100))
    bot.running("launch smoke nodes=2 lease=12 budget=40")
    bot.tick(3600)
    assert warning not in bot.opens_page(reader)
    bot.policy = replace(bot.policy, team=Caps(dollars_per_month=3))
    bot.check_monthly_budgets()
    page = bot.opens_page(reader)
    assert (warning in page) is is_warned
    assert (f"`▓▓▓▓▓▓▓▓▓▓` <#{TRAINING}> · $4.00 spent this month" in page) is is_warned
