"""Why a run is as it is, by a command and in its thread: of running, sick, failed, ended, waiting and new runs."""

import re
from dataclasses import replace

import pytest

from bot.core.model.cluster import JobState
from bot.core.model.policy import Caps, Policy
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, OPEN, Bot

RUN, CLUSTER = "smoke-0001", "verl-smoke-0001"
LINE = "launch smoke nodes=2 budget=100 lease=12"
MEMORY_ERROR = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"


def trains(bot: Bot, steps: range, run_id: str = RUN, reward: float = 0.5, gradient: float = 1.0) -> None:
    """Let a run print steps of 30 s with their parts, one a tick."""
    for step in steps:
        values = f"critic/rewards/mean:{reward} - actor/grad_norm:{gradient} - timing_s/gen:18 - timing_s/step:30"
        bot.cloud.print(f"verl-{run_id}", f"(TaskRunner pid=7) step:{step} - {values}")
        bot.tick(30)


def explained(bot: Bot, run_id: str = RUN, user: str = ANA) -> str:
    """What the command answers."""
    return bot.say(f"explain {run_id}", user) or bot.told(user)


def ends(bot: Bot, job: JobState, run_id: str = RUN) -> None:
    bot.cloud.finish(f"verl-{run_id}", job)
    bot.ticks(12, seconds=10)


def test_of_a_run_that_has_just_begun_it_says_what_is_not_known_yet(bot: Bot) -> None:
    bot.running(LINE)
    answer = explained(bot)
    assert "no step is finished yet." in answer
    assert "No earlier run of `smoke` has steps to compare with." in answer
    assert "$4.00/h (demo price)" in answer
    assert "error" not in answer


def test_a_running_training_is_compared_with_earlier_runs_and_its_time_and_money_are_shown(bot: Bot) -> None:
    bot.running(LINE)
    trains(bot, range(1, 9))
    ends(bot, JobState.SUCCEEDED)
    bot.running(LINE)
    trains(bot, range(1, 12), "smoke-0002", 0.2)
    answer = explained(bot, "smoke-0002")
    assert "reward at step 8: 0.20 (earlier run: 0.50)" in answer
    assert "seconds per step: 30 (earlier run: 30)" in answer
    assert "*Since its first step*: steps 1 → 11" in answer
    assert "No open finding after 11 steps." in answer
    assert "*Time of steps 1 to 11*: `timing_s/gen` 60%" in answer
    assert "The last 11 lines of its log show no error." in answer
    assert len(answer.splitlines()) <= 10 + 3  # ten lines, and three buttons


def test_a_sick_training_is_explained_by_its_findings_with_their_numbers(bot: Bot) -> None:
    bot.running(LINE)
    trains(bot, range(1, 9))
    trains(bot, range(9, 11), gradient=float("nan"))
    (finding,) = bot.run().training.health.open_findings
    answer = explained(bot)
    assert str(finding.what) in answer
    assert f"{finding.evidence} Lower `learning_rate`." in answer, "smoke takes no settings of verl"
    assert "at step 9." in answer
    assert "Since step" not in answer, "the evidence names the step"
    assert f"At its end: *{finding.what}*" not in answer
    bot.say(f"stop {RUN}")
    bot.ticks(12, seconds=10)
    assert f"At its end: *{finding.what}*" in explained(bot)


def test_a_training_that_hung_until_its_stop_is_not_advised_to_look_at_its_processes(bot: Bot) -> None:
    bot.running(LINE)
    trains(bot, range(1, 29))
    bot.ticks(60, seconds=60)
    assert "py-spy" in explained(bot)
    bot.say(f"stop {RUN}")
    bot.ticks(12, seconds=10)
    answer = explained(bot)
    assert "At its end: *The log has gone silent: the training hangs.*" in answer
    assert "py-spy" not in answer


@pytest.mark.parametrize("job", [None, JobState.FAILED], ids=["running", "failed"])
def test_a_training_that_was_never_finite_is_advised_to_resume_from_no_checkpoint(
    bot: Bot, job: JobState | None
) -> None:
    bot.running("launch ppo nodes=2 budget=100 lease=12")
    run_id, cluster = "ppo-0001", "verl-ppo-0001"
    values = "actor/pg_loss:nan - actor/grad_norm:nan - critic/rewards/mean:0.5 - timing_s/step:30"
    for step in range(1, 5):
        bot.cloud.print(cluster, f"(TaskRunner pid=7) step:{step} - {values}")
        bot.tick(30)
    if job:
        ends(bot, job, run_id)
    answer = explained(bot, run_id)
    assert "no checkpoint is sound" in answer
    assert answer.count("no checkpoint is sound") == 1
    assert "The loss is not a number (NaN)." in answer
    assert "Resume from a checkpoint" not in answer
    assert "Resume from a checkpoint before" not in bot.reads()


def test_a_run_that_a_used_up_month_will_stop_is_explained_with_when(bot: Bot) -> None:
    bot.policy = replace(OPEN, team=Caps(dollars_per_month=20))
    bot.running("launch smoke nodes=2 budget=8 lease=12")
    bot.policy = replace(OPEN, team=Caps(dollars_per_month=1))
    bot.tick(3600)
    bot.check_monthly_budgets()
    bot.ticks(2)
    assert "A monthly budget is used up, so the run will be stopped at" in explained(bot)


def test_a_failed_run_is_explained_by_the_error_in_its_log_and_the_step_that_it_reached(bot: Bot) -> None:
    bot.running(LINE)
    trains(bot, range(1, 9))
    bot.cloud.print(CLUSTER, "Traceback (most recent call last):", '  File "a.py", line 3', MEMORY_ERROR)
    ends(bot, JobState.FAILED)
    answer = explained(bot)
    assert "*failed*" in answer
    assert f"`{MEMORY_ERROR}`" in answer
    assert "A GPU ran out of memory." in answer
    assert "steps 1 → 8" in answer
    assert "Retry" in answer


def test_a_run_that_failed_without_an_error_in_its_log_is_not_guessed_about(bot: Bot) -> None:
    bot.running(LINE)
    trains(bot, range(1, 4))
    ends(bot, JobState.FAILED)
    assert "Its log shows no error, so nothing more is known of the cause." in explained(bot)


def test_a_run_that_its_budget_ended_is_explained_by_its_money(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=0.1 lease=12")
    trains(bot, range(1, 9))
    bot.ticks(30, seconds=60)
    answer = explained(bot)
    assert "stopped: budget used up" in answer
    assert re.search(r"\$\d\.\d\d of \$0\.10", answer)
    assert "show no error" not in answer


def test_of_a_launch_that_waits_it_says_for_whom_and_why(bot: Bot) -> None:
    bot.policy = Policy(grants=approvers(LEA, BEN), approve_above_dollars=5.0)
    bot.say("launch smoke nodes=2 budget=9")
    answer = explained(bot)
    assert "<@U0LEA>, <@U0BEN> can approve it until" in answer
    assert "Its budget of $9.00 needs approval." in answer
    assert "earlier run" not in answer


@pytest.mark.parametrize("words", ["why", "why?", "why is it slow?", "explain", "为什么"])
def test_a_question_in_the_thread_of_a_run_is_about_that_run(bot: Bot, words: str) -> None:
    bot.running(LINE)
    bot.mention(words, thread_ts=bot.run().messages.sent["card"].ts)
    assert "no step is finished yet." in bot.reads().rpartition("earlier run of `smoke`")[0]


def test_a_question_elsewhere_names_its_run_or_is_asked_back(bot: Bot) -> None:
    bot.running(LINE)
    assert "no step is finished yet." in (bot.say(f"why did {RUN} stop?") or bot.told())
    assert "Which run?" in bot.say("why is it slow")


def test_it_is_told_in_the_language_of_the_person(bot: Bot) -> None:
    bot.running(LINE)
    trains(bot, range(1, 9))
    bot.say("language zh-CN")
    answer = explained(bot)
    assert "`smoke` 没有可比较的历史任务。" in answer
    assert "已检查 8 步，目前没有异常提示。" in answer
    assert not re.search(r"[A-Za-z]{4,} [a-z]{3,} [a-z]{3,}", re.sub(r"`[^`]*`|<[^>]*>", "", answer))


def test_a_worker_that_ray_only_calls_dead_is_explained_by_its_own_log_read_once_before_the_machines_go(
    bot: Bot,
) -> None:
    bot.running(LINE)
    trains(bot, range(1, 4))
    for path, line in (("worker-a1-01000000-41210.err", MEMORY_ERROR), ("raylet.out", "a line of the server")):
        bot.cloud.write_file(CLUSTER, f"ray/session_latest/logs/{path}", f"{line}\n")
    bot.cloud.print(CLUSTER, "ray.exceptions.ActorDiedError: The actor died unexpectedly.", "  pid: 41210")
    ends(bot, JobState.FAILED)
    answer = explained(bot)
    assert f"`{MEMORY_ERROR}`" in answer
    assert "in Ray's log of `worker 41210`" in answer
    assert "A GPU ran out of memory." in answer
    later = bot.later()
    later.ticks(4, seconds=10)
    assert bot.cloud.process_reads == [CLUSTER]
