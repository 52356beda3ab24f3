"""`code=`: a run gets the commit that a branch had at its launch, and keeps it whatever becomes of the branch."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model.cluster import JobState
from bot.core.model.people import Role
from bot.core.model.policy import SAFE_BOUNDS, Bounds
from bot.core.model.recipe import CODE
from tests.doubles.repositories import FIRST, SECOND
from tests.story import ANA, BEN, OPEN, TRAINING, Bot

LAUNCH = "launch ppo code=acme/rl@main volume=models budget=5 --yes"
RUN, CLUSTER = "ppo-0001", "verl-ppo-0001"
PAGE = f"<https://github.com/acme/rl/commit/{FIRST}|acme/rl@4f3c2a1>"


def ended(bot: Bot, run_id: str = RUN) -> None:
    """The run has failed after a checkpoint, and its cluster is gone."""
    bot.ticks(3)
    bot.cloud.print(
        f"verl-{run_id}",
        "step:20 - critic/rewards/mean:0.41",
        f"local_global_step_folder: /checkpoints/{run_id}/global_step_20",
    )
    bot.ticks(2)
    bot.cloud.finish(f"verl-{run_id}", JobState.FAILED)
    bot.ticks(12)
    assert bot.run(run_id).status == "ended"


def commit_of(bot: Bot, run_id: str) -> str:
    """The commit that SkyPilot is told to fetch for a run."""
    task = bot.store.get_task(run_id)
    assert task["workdir"] == {"url": "https://github.com/acme/rl.git", "ref": task["envs"]["GIT_COMMIT_HASH"]}
    return str(task["workdir"]["ref"])


def test_a_launch_gets_the_commit_of_the_branch_and_the_card_links_it(bot: Bot) -> None:
    assert bot.say(LAUNCH) == ""
    assert "Launching `ppo-0001`" in bot.told()
    assert bot.run(RUN).command_line == f"launch ppo code=acme/rl@{FIRST} volume=models budget=5"
    assert commit_of(bot, RUN) == FIRST
    assert "GIT_TOKEN" in bot.run(RUN).plan.secrets
    bot.ticks(3)
    assert f"code {PAGE}" in bot.card(RUN)
    ended(bot)
    assert f"code {PAGE}" in bot.card(RUN)


@pytest.mark.parametrize(("command", "settings"), [("retry", ""), ("resume", " resume_from=ppo-0001")])
def test_a_retry_and_a_resume_keep_the_commit_of_a_branch_that_has_moved(bot: Bot, command: str, settings: str) -> None:
    bot.say(LAUNCH)
    ended(bot)
    bot.repositories.commits["acme/rl@main"] = SECOND
    bot.say(f"{command} {RUN}")
    assert bot.run("ppo-0002").command_line == f"launch ppo code=acme/rl@{FIRST} volume=models budget=5{settings}"
    assert commit_of(bot, "ppo-0002") == FIRST
    assert bot.repositories.asked == ["acme/rl@main"]


def test_a_retry_with_another_version_gets_that_one_and_the_comparison_says_so(bot: Bot) -> None:
    bot.say(LAUNCH)
    ended(bot)
    bot.repositories.commits["acme/rl@main"] = SECOND
    bot.say(f"retry {RUN} code=acme/rl@main")
    assert commit_of(bot, "ppo-0002") == SECOND
    ended(bot, "ppo-0002")
    bot.say(f"compare {RUN} ppo-0002")
    assert "`code`: `acme/rl@4f3c2a1`, `acme/rl@b2f4add`" in bot.told()


def test_a_click_on_retry_asks_no_host(bot: Bot) -> None:
    bot.say(LAUNCH)
    ended(bot)
    bot.repositories.answers = False
    bot.click("retry", RUN, user=BEN)
    assert commit_of(bot, "ppo-0002") == FIRST


def test_a_dry_run_and_the_question_before_an_expensive_launch_name_the_commit(bot: Bot) -> None:
    bot.say("launch ppo code=acme/rl --dry-run")
    assert f"/verl launch ppo code=acme/rl@{FIRST}" in bot.told()
    bot.say("launch ppo code=acme/rl@main budget=500")
    assert f"launch ppo code=acme/rl@{FIRST} budget=500" in bot.told()
    bot.repositories.commits["acme/rl@main"] = SECOND
    bot.click("launch-sure", f"launch ppo code=acme/rl@{FIRST} budget=500")
    assert commit_of(bot, RUN) == FIRST


def test_the_form_has_a_field_for_it_and_launches_the_commit(bot: Bot) -> None:
    bot.say("launch")
    bot.chooses("ppo")
    assert f"code=acme/rl@{FIRST}" in bot.previews(code="acme/rl@main")
    assert bot.submits(code="acme/rl@main") == {}
    assert "Launching `ppo-0001`" in bot.told()
    assert commit_of(bot, RUN) == FIRST


@pytest.mark.parametrize(
    ("bounds", "text", "said"),
    [
        pytest.param(SAFE_BOUNDS, "acme/rl@main", "Allowed: none. An admin allows it", id="none is named"),
        pytest.param(Bounds(code=("acme/*",)), "evil/rl@main", "Allowed: `acme/*`.", id="another owner"),
        pytest.param(Bounds(code=("acme/*",)), "acme-evil/rl@main", "Allowed: `acme/*`.", id="an owner that begins so"),
        pytest.param(Bounds(code=("recipe",)), "evil/rl@main", "is not allowed", id="the recipe's own, which has none"),
        pytest.param(Bounds(code=("acme/*",)), f"evil/rl@{FIRST}", "is not allowed", id="a commit"),
    ],
)
def test_a_repository_that_the_policy_does_not_allow_is_refused_and_not_asked_for(
    bot: Bot, bounds: Bounds, text: str, said: str
) -> None:
    bot.policy = replace(OPEN, bounds_by_role={Role.LAUNCHER: bounds})
    assert said in bot.say(f"launch ppo code={text} gpus=H100:1 budget=5")
    bot.say(f"launch ppo code={text} --dry-run")
    bot.say("launch")
    bot.chooses("ppo")
    assert said.replace("`", "") in str(bot.submits(code=text))
    assert bot.repositories.asked == []
    assert bot.service.queries.list_active() == []


def test_a_repository_that_the_policy_allows_is_launched(bot: Bot) -> None:
    bot.policy = replace(OPEN, bounds_by_role={Role.LAUNCHER: Bounds(code=("ACME/*",))})
    bot.say(LAUNCH)
    assert commit_of(bot, RUN) == FIRST


def test_what_cannot_be_resolved_is_told_and_nothing_is_launched(bot: Bot) -> None:
    bot.say("launch ppo code=acme/rl@mian")
    assert "There is no acme/rl@mian." in bot.told()
    bot.repositories.answers = False
    bot.say(LAUNCH)
    assert "The host does not answer." in bot.told()
    bot.say("launch")
    bot.chooses("ppo")
    assert bot.submits(code="acme/rl@main") == {}
    assert "The host does not answer." in bot.told()
    assert bot.service.queries.list_active() == []


NOWHERE = "acme/rl@" + 20 * "ab"


def test_a_commit_that_is_typed_is_looked_up_before_anything_is_launched(bot: Bot) -> None:
    assert bot.say(f"launch ppo code={NOWHERE} budget=5 --yes") == ""
    assert f"There is no {NOWHERE}." in bot.told()
    bot.say(f"launch ppo code={NOWHERE} --dry-run")
    bot.say("launch")
    bot.chooses("ppo")
    assert bot.submits(code=NOWHERE) == {}
    assert bot.repositories.asked.count(NOWHERE) >= 3
    assert bot.service.queries.list_active() == []
    bot.say(f"launch ppo code=acme/rl@{FIRST} volume=models budget=5 --yes")
    assert commit_of(bot, RUN) == FIRST


def dies_while_it_asks(bot: Bot, line: str) -> None:
    """The person's command is acknowledged, and the bot ends before the host has answered."""
    bot.repositories.bot_ends = True
    bot.say(line)
    assert bot.service.queries.list_active() == []
    bot.repositories.bot_ends = False


@pytest.mark.parametrize("version", ["main", FIRST], ids=["a branch", "a commit"])
def test_a_launch_survives_a_bot_that_ends_while_the_host_is_asked(bot: Bot, version: str) -> None:
    dies_while_it_asks(bot, LAUNCH.replace("main", version))
    bot.pending_launches.resume_lost()
    assert bot.service.queries.list_active() == [], "its process may still be at it"
    bot.moment += timedelta(seconds=61)
    for _ in range(2):
        bot.pending_launches.resume_lost()
    (run,) = bot.service.queries.list_active()
    assert (run.requester, run.channel, commit_of(bot, run.id)) == (ANA, TRAINING, FIRST)
    assert bot.store.list_deliveries() == []


def test_a_form_survives_too_and_a_launch_that_was_recorded_is_not_made_twice(bot: Bot) -> None:
    bot.say("launch")
    bot.chooses("ppo")
    bot.repositories.bot_ends = True
    assert bot.submits(code="acme/rl@main") == {}
    bot.repositories.bot_ends = False
    (left,) = bot.store.list_deliveries()
    bot.moment += timedelta(seconds=61)
    bot.pending_launches.resume_lost()
    bot.store.save_delivery("launch again", left)
    bot.pending_launches.resume_lost()
    assert len(bot.service.queries.list_active()) == 1


def test_a_launch_that_cannot_be_made_after_all_is_told_to_its_person(bot: Bot) -> None:
    dies_while_it_asks(bot, LAUNCH)
    bot.repositories.answers = False
    bot.moment += timedelta(minutes=2)
    bot.pending_launches.resume_lost()
    assert len(bot.store.list_deliveries()) == 1, "the host may answer later"
    bot.moment += timedelta(minutes=14)
    bot.pending_launches.resume_lost()
    assert (bot.store.list_deliveries(), bot.service.queries.list_active()) == ([], [])
    (notice,) = bot.store.list_notices()
    assert notice.channel == ANA
    assert "it is more than 15 minutes old. Type it again." in str(notice.text)


def test_a_recipe_that_does_not_say_so_takes_no_code(bot: Bot) -> None:
    assert "code" in bot.say("launch smoke code=acme/rl@main")
    assert bot.repositories.asked == []


def test_an_approver_sees_the_whole_commit(bot: Bot) -> None:
    bot.policy = replace(OPEN, approve_above_dollars=1.0)
    bot.say(LAUNCH)
    bot.ticks(2)
    assert f"<https://github.com/acme/rl/commit/{FIRST}|acme/rl@{FIRST}>" in bot.card(RUN)
    assert CODE.name in bot.card(RUN)
    bot.click("approve", RUN, user=BEN)
    bot.ticks(2)
    assert bot.cloud.launches == [CLUSTER]


def test_a_shared_command_served_twice_is_one_run(bot: Bot) -> None:
    bot.say(LAUNCH, user=ANA, trigger="t1")
    bot.repositories.commits["acme/rl@main"] = SECOND
    bot.say(LAUNCH, user=ANA, trigger="t1")
    assert [run.id for run in bot.service.queries.list_active()] == [RUN]
    assert commit_of(bot, RUN) == FIRST
