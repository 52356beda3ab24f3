"""A run that is over is launched once more, by a button or a line: once, with its settings, from its checkpoint."""

from typing import Any

import pytest

from bot.core.model.cluster import JobState
from bot.slack.views.approval_views import build_relaunch_buttons
from bot.slack.views.launch_form import OVERRIDES_BLOCK
from tests.story import ANA, BEN, RANDOM, TRAINING, Bot

RUN, CLUSTER = "smoke-0001", "verl-smoke-0001"
HEAD = "(head, rank=0, pid=7) "
ERROR = "RuntimeError: asked to fail"
SAVED = [
    f"{HEAD}(TaskRunner pid=7) step:20 - critic/rewards/mean:0.41",
    f"{HEAD}(TaskRunner pid=7) local_global_step_folder: /checkpoints/{RUN}/global_step_20",
    f"{HEAD}(TaskRunner pid=7) step:29 - critic/rewards/mean:0.41",
]


def failed(bot: Bot, line: str = "launch smoke nodes=2", *printed: str) -> str:
    """A run that has failed, and whose cluster is gone."""
    run_id = bot.running(line)
    bot.cloud.print(f"verl-{run_id}", *printed, f"{HEAD}Traceback (most recent call last):", f"{HEAD}{ERROR}")
    bot.ticks(2)
    bot.cloud.finish(f"verl-{run_id}", JobState.FAILED, "`run` failed on node 0 with exit code 1.")
    bot.ticks(12)
    assert bot.run(run_id).status == "ended"
    return run_id


def question(bot: Bot, action: str) -> str:
    """What a button of the run asks before it acts."""
    button: dict[str, Any] = next(one for one in build_relaunch_buttons(bot.run(RUN)) if one["action_id"] == action)
    return str(button["confirm"]["text"]["text"])


def test_a_click_launches_the_very_same_line_where_it_was_made(bot: Bot) -> None:
    failed(bot, "launch smoke nodes=2 steps=7")
    assert question(bot, "retry") == "This launches `/verl launch smoke nodes=2 steps=7` again, at $4.00/h."
    bot.click("retry", RUN, user=BEN, channel=RANDOM)
    found = bot.run("smoke-0002")
    assert (found.command_line, found.requester, found.channel) == ("launch smoke nodes=2 steps=7", BEN, RANDOM)
    assert "Launching `smoke-0002`" in bot.told(BEN, RANDOM)
    bot.ticks(2)
    assert bot.cloud.launches == [CLUSTER, "verl-smoke-0002"]


def test_a_double_click_launches_one_run_and_so_does_a_click_while_that_runs(bot: Bot) -> None:
    failed(bot)
    bot.click("retry", RUN)
    bot.click("retry", RUN, user=BEN)
    bot.ticks(3)
    bot.click("retry", RUN)
    assert "|smoke-0002> is already launched." in bot.told()
    bot.ticks(60, seconds=2)
    bot.cloud.finish("verl-smoke-0002", JobState.FAILED)
    bot.ticks(12)
    bot.click("retry", RUN)
    assert len(bot.service.queries.list_active()) == 1
    assert bot.cloud.launches == [CLUSTER, "verl-smoke-0002"]


def test_a_run_that_failed_at_once_is_not_launched_again_by_the_same_double_click(bot: Bot) -> None:
    failed(bot)
    bot.click("retry", RUN)
    bot.ticks(2)
    bot.cloud.finish("verl-smoke-0002", JobState.FAILED)
    bot.ticks(12)
    bot.click("retry", RUN)
    assert bot.service.queries.list_active() == []


def test_a_typed_retry_takes_other_settings_and_is_one_wish_a_line(bot: Bot) -> None:
    failed(bot, "launch smoke nodes=2 steps=7 learning_rate=0.2")
    for _ in range(2):  # Slack delivers twice
        assert "`smoke-0002`" in bot.say(f"retry {RUN} steps=9 learning-rate=0.3 batch_size=64", trigger="once")
    bot.say(f"retry {RUN}")
    lines = {run.id: run.command_line for run in bot.service.queries.list_active()}
    assert lines["smoke-0002"] == "launch smoke nodes=2 steps=9 learning_rate=0.3 batch_size=64"
    assert len(lines) == 2


def test_overrides_that_follow_take_the_place_of_their_like(bot: Bot) -> None:
    failed(bot, "launch ppo trainer.total_epochs=3 +a.b=1 'data.prompt_key=a b'")
    bot.say("retry ppo-0001 trainer.total_epochs=5 ++a.b=2")
    assert bot.run("ppo-0002").command_line == 'launch ppo trainer.total_epochs=5 ++a.b=2 "data.prompt_key=a b"'


def test_a_run_is_resumed_from_its_checkpoint_by_the_button(bot: Bot) -> None:
    failed(bot, "launch smoke steps=60 volume=models", *SAVED)
    end = bot.reads().split("(also in the channel)")[0]
    assert f"Model: step 20, in `volume models › {RUN}/global_step_20`." in end, end
    assert "9 steps (under $0.01) since then are lost." in end, end
    assert "[Resume from checkpoint]" in end
    assert "checkpoint of `smoke-0001` (step 20 in the log), at $2.00/h." in question(bot, "resume")
    bot.click("resume", RUN)
    bot.click("resume", RUN)
    assert [run.command_line for run in bot.service.queries.list_active()] == [
        f"launch smoke steps=60 volume=models resume_from={RUN}",
    ]
    assert bot.store.get_task("smoke-0002")["envs"]["RESUME_FROM"] == RUN


def test_what_was_resumed_and_failed_is_resumed_from_its_own_checkpoint(bot: Bot) -> None:
    run_id = failed(bot, "launch smoke volume=models resume_from=smoke-7777", *SAVED)
    bot.say(f"resume {run_id} steps=90")
    assert bot.run("smoke-0002").command_line == f"launch smoke volume=models resume_from={run_id} steps=90"


def test_without_a_checkpoint_that_is_left_no_button_offers_it(bot: Bot) -> None:
    failed(bot, "launch smoke", *SAVED)
    assert "[Retry with changes…] [Retry] [Full log]\n" in bot.reads()
    assert "Resume from checkpoint" not in bot.reads()


@pytest.mark.parametrize(
    ("line", "typed", "said"),
    [
        pytest.param(
            "launch smoke",
            f"resume {RUN}",
            "`smoke-0001` can't be resumed: its log shows no checkpoint.",
            id="no checkpoint",
        ),
        pytest.param("launch smoke volume=m", f"resume {RUN}", "`/verl retry smoke-0001` starts it over", id="none"),
        pytest.param("launch smoke", f"retry {RUN} stepz=3", "no parameter `stepz`", id="an unknown parameter"),
        pytest.param("launch smoke", f"retry {RUN} a.b=3", "no Hydra override", id="an override where none is taken"),
        pytest.param("launch smoke", "retry nothing-1", "There is no run", id="no such run"),
        pytest.param("launch smoke", "launch smoke resume_from=a", "the earlier run too", id="no place to go on from"),
    ],
)
def test_what_cannot_be_launched_again_is_refused_to_the_person_alone(
    bot: Bot, line: str, typed: str, said: str
) -> None:
    failed(bot, line)
    assert said in bot.say(typed)
    assert bot.service.queries.list_active() == []


@pytest.mark.parametrize("flags", ["", " --yes", " --dry-run"])
@pytest.mark.parametrize("place", ["", "volume=models "])
def test_a_run_that_never_ran_has_no_checkpoint_to_resume_from(bot: Bot, place: str, flags: str) -> None:
    bot.say("launch smoke")
    bot.say(f"stop {RUN}")
    bot.ticks(2)
    typed = f"launch smoke {place}resume_from=0001{flags}"
    answer = bot.say(typed) or bot.told()
    assert f"`{RUN}` can't be resumed: it never ran, so it has no checkpoint." in answer
    assert f"`/verl retry {RUN}` launches it." in answer
    assert "Give the `volume=`" not in answer
    assert bot.service.queries.list_active() == []


def test_a_run_that_is_not_over_is_not_launched_again(bot: Bot) -> None:
    bot.running()
    assert "has not ended" in bot.say(f"retry {RUN}")
    bot.click("retry", RUN)
    assert f"Stop it first: `/verl stop {RUN}`" in bot.told()
    assert len(bot.service.queries.list_active()) == 1


def test_a_place_that_may_still_be_written_is_not_gone_on_from(bot: Bot) -> None:
    bot.running("launch smoke volume=models")
    bot.cloud.print(CLUSTER, *SAVED)
    bot.ticks(2)
    bot.cloud.finish(CLUSTER, JobState.FAILED)
    bot.tick()
    assert bot.run().status == "stopping"
    assert "can't be resumed: its cluster is not gone yet" in bot.say(f"resume {RUN}")


def test_in_a_thread_the_run_can_be_left_out_and_only_the_person_is_answered(bot: Bot) -> None:
    failed(bot)
    bot.mention("retry steps=5", user=BEN, thread_ts=bot.run().messages.sent["card"].ts)
    assert bot.run("smoke-0002").command_line == "launch smoke nodes=2 steps=5"
    assert "Launching `smoke-0002`" in bot.told(BEN)
    assert "Launching" not in bot.reads(ANA)


def test_from_the_bots_page_the_new_run_is_told_of_where_the_first_was(bot: Bot) -> None:
    failed(bot)
    bot.click_on_page("retry", RUN)
    assert bot.run("smoke-0002").channel == TRAINING


def test_the_first_error_is_told_though_what_followed_it_pushed_it_out_of_what_is_kept(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, f"{HEAD}Traceback (most recent call last):", f"{HEAD}{ERROR}")
    bot.cloud.print(CLUSTER, *(f"(worker1, rank=1, pid=9) OSError: {number} {'x' * 1000}" for number in range(150)))
    bot.cloud.finish(CLUSTER, JobState.FAILED, "`run` failed on node 0 with exit code 1.")
    bot.ticks(12)
    assert ERROR not in bot.store.get_log(RUN)
    end = bot.reads().split("(also in the channel)")[1]
    assert f"`{ERROR}` · node 0" in end
    assert "exit code 1" not in end


def test_where_the_end_of_a_log_cannot_be_read_what_was_kept_tells(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, f"{HEAD}Traceback (most recent call last):", f"{HEAD}{ERROR}", "(head, rank=0, pid=7) bye")
    bot.ticks(3, seconds=30)
    bot.cloud.breaks_logs = True
    bot.cloud.finish(CLUSTER, JobState.FAILED)
    bot.ticks(30)
    assert bot.run().failure is None
    assert f"`{ERROR}`" in bot.reads().split("(also in the channel)")[1]


TOO_LONG = "RuntimeError: Prompt length 700 is longer than 512."
LOST = "(raylet) The node with node id: ff has been marked dead because it is silent."


def end_with(bot: Bot, *printed: str) -> list[str]:
    """Let a run of PPO fail with these lines; return the actions of the buttons that launch it again."""
    run_id = bot.running("launch ppo nodes=2 data.truncation=error")
    bot.cloud.print(f"verl-{run_id}", *(f"{HEAD}{line}" for line in printed))
    bot.ticks(2)
    bot.cloud.finish(f"verl-{run_id}", JobState.FAILED, "`run` failed on node 0 with exit code 1.")
    bot.ticks(12)
    return [str(block["action_id"]) for block in build_relaunch_buttons(bot.run(run_id))]


@pytest.mark.parametrize(
    ("line", "actions"),
    [
        pytest.param(TOO_LONG, ["form", "retry"], id="a setting has to change"),
        pytest.param(LOST, ["retry", "form"], id="a retry helps"),
    ],
)
def test_the_first_button_follows_from_the_failure(bot: Bot, line: str, actions: list[str]) -> None:
    assert end_with(bot, line) == actions


def test_a_retry_with_changes_has_what_remedies_the_failure(bot: Bot) -> None:
    end_with(bot, TOO_LONG)
    bot.click("form", "ppo-0001")
    typed = next(block for block in bot.view()["blocks"] if block.get("block_id") == OVERRIDES_BLOCK)
    assert typed["element"]["initial_value"] == "data.truncation=error data.filter_overlong_prompts=True"
