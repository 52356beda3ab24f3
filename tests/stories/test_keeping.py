"""A model that is on its cluster alone, as people meet it: saved before the end, fetched, and never lost unasked."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.checkpoint_downloads import CheckpointDownloads, DownloadTask
from bot.app.checkpoint_rescue import AUTOSTOP_MARGIN_MINUTES, CheckpointRescuer
from bot.core.model.checkpoint import DownloadProgress
from bot.core.model.checkpoint_paths import CheckpointRef
from bot.core.model.cluster import Ending, JobState
from bot.core.model.launch_plan import ClusterRef
from bot.core.rules.save_grace import CheckpointGrace
from tests.builders import at, change_run
from tests.doubles.cloud import FakeCloud
from tests.story import BEN, LEA, Bot, shown
from tests.waiting import eventually

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"
HERE = f"/artifacts/{RUN}/global_step_20"
ON_CLUSTER = f"~/checkpoints/{RUN}/global_step_20"
SAVES_FIRST = "saves its model, then stops"


def step(bot: Bot, number: int, seconds: float = 1) -> None:
    bot.cloud.print(
        CLUSTER,
        f"(TaskRunner pid=7) step:{number} - critic/rewards/mean:0.4 - val-core/x/mean@1:0.5 - timing_s/step:1.0",
    )
    bot.tick(seconds)


def save(bot: Bot, number: int, seconds: float = 1) -> None:
    folder = f"/home/sky/checkpoints/{RUN}/global_step_{number}"
    bot.cloud.print(CLUSTER, f"(TaskRunner pid=7) local_global_step_folder: {folder}")
    bot.tick(seconds)


def trained(bot: Bot, line: str = "launch smoke nodes=2 budget=100 lease=3") -> None:
    """A run that has saved its step 20 and made its step 21."""
    bot.running(line)
    step(bot, 20)
    save(bot, 20)
    step(bot, 21)


def stands(bot: Bot) -> bool:
    return CLUSTER not in bot.cloud.downs


@pytest.mark.parametrize(("lease", "budget", "ends"), [(1, 100, 3600), (12, 2, 1800)], ids=["lease", "budget"])
def test_a_launch_tells_its_program_when_it_will_be_ended(bot: Bot, lease: int, budget: int, ends: float) -> None:
    bot.running(f"launch smoke nodes=2 lease={lease} budget={budget}")  # at four dollars an hour
    deadline = bot.cloud.deadlines[CLUSTER]
    asked_at = bot.run().launch.first_requested_at
    assert deadline is not None
    assert asked_at is not None
    assert deadline == asked_at + timedelta(seconds=ends)


@pytest.mark.parametrize("job", [JobState.SUCCEEDED, JobState.FAILED])
def test_a_model_is_fetched_before_its_cluster_goes_however_the_run_ended(bot: Bot, job: JobState) -> None:
    trained(bot)
    bot.cloud.finish(CLUSTER, job)
    bot.ticks(20)
    assert bot.cloud.fetches == [ON_CLUSTER]
    assert bot.run().status == "ended"
    read = bot.reads()
    assert f": 2.0 MB, in `{HERE}` on the bot's machine." in read
    assert f"Model: step 20 (validation 0.50), 2.0 MB, in `{HERE}` on the bot's machine." in read
    assert f"`/verl launch smoke volume=NAME resume_from={RUN}`" in read
    assert "was lost with the cluster" not in read


def test_a_model_in_a_volume_is_not_fetched(bot: Bot) -> None:
    trained(bot, "launch smoke nodes=2 budget=100 lease=3 volume=models")
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(20)
    assert bot.cloud.fetches == []
    assert "/verl resume smoke-0001" in bot.say(f"artifacts {RUN}")


def test_while_it_is_fetched_its_cluster_stands_its_card_says_so_and_its_autostop_waits(bot: Bot) -> None:
    trained(bot)
    bot.cloud.fetched = DownloadProgress("", 500_000_000, 2_000_000_000)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(30, seconds=40)  # no alarm, though that is longer than a cluster may take to go
    assert stands(bot)
    read = bot.reads()
    assert f"Downloading the step-20 checkpoint of {RUN} from its cluster: 500 MB of 2.0 GB, 25%." in read
    assert "Downloading the model before the cluster is deleted ($4.00/h until then)." in read
    assert "is still up" not in read
    assert len(bot.cloud.autostops) == 1
    assert bot.cloud.autostops[0] > 150  # the lease's rest
    bot.cloud.fetched = DownloadProgress("", 2_000_000_000, 2_000_000_000, is_complete=True)
    bot.ticks(20)
    assert bot.run().status == "ended"


def test_a_lease_that_is_over_waits_for_a_save_and_then_ends_the_run(bot: Bot) -> None:
    trained(bot, "launch smoke nodes=2 budget=100 lease=1")
    step(bot, 30, seconds=3300)
    bot.tick(300)
    assert bot.run().status == "running"
    assert "*smoke-0001 saves its model, then stops* · lease ended" in bot.card()
    assert "The run keeps training until 13:10 UTC at most" in bot.reads()
    save(bot, 31)
    assert bot.run().status == "running"  # verl names a checkpoint before it writes it
    step(bot, 31)
    bot.ticks(15)
    assert bot.run().reason == "lease_over"
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_31"]
    assert bot.run().status == "ended"


def test_a_budget_that_is_spent_waits_no_longer_than_the_grace(bot: Bot) -> None:
    trained(bot, "launch smoke nodes=2 budget=4 lease=12")
    for number in range(22, 42):
        step(bot, number, seconds=240)
    bot.ticks(15)
    run = bot.run()
    assert run.reason == "over_budget"
    assert run.finished_at is not None
    assert run.finished_at < at(3600 + 600 + 260)
    assert run.checkpoint_rescue.step == 20


def test_a_run_that_is_given_more_while_it_waits_goes_on(bot: Bot) -> None:
    trained(bot, "launch smoke nodes=2 budget=100 lease=1")
    step(bot, 30, seconds=3600)
    assert SAVES_FIRST in bot.card()
    bot.say(f"extend {RUN} 2h")
    bot.ticks(3, seconds=600)
    assert bot.run().status == "running"
    assert SAVES_FIRST not in bot.card()
    assert "saves its model" not in bot.card()


def test_a_plain_stop_ends_at_once_and_what_is_saved_is_fetched(bot: Bot) -> None:
    trained(bot)
    bot.click("stop", RUN)
    bot.ticks(12)
    assert bot.cloud.fetches == [ON_CLUSTER]
    assert bot.run().status == "ended"


@pytest.mark.parametrize("how", ["button", "line"])
def test_save_and_stop_waits_for_a_checkpoint(bot: Bot, how: str) -> None:
    trained(bot)
    if how == "button":
        bot.click("save_and_stop", RUN)
    else:
        assert f"{RUN} stops once it has saved a checkpoint" in shown(bot.say(f"stop {RUN} save=yes"))
    bot.ticks(3)
    assert bot.run().status == "running"
    assert f"*{RUN} {SAVES_FIRST}* · stop requested by <@U0ANA>" in bot.card()
    assert f"{RUN}/save-request" in bot.cloud.files[CLUSTER]  # its program is asked, and need not wait for its interval
    save(bot, 22)
    step(bot, 22)
    bot.ticks(12)
    assert bot.run().reason == "stopped"
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_22"]


def test_what_is_to_end_is_ended_before_its_model_is_fetched_and_its_autostop_put_off_before_that(bot: Bot) -> None:
    trained(bot)
    bot.cloud.silent_on_autostop = True
    bot.cloud.fetched = DownloadProgress("", 1, 2)
    bot.click("stop", RUN)
    bot.ticks(6)
    assert bot.cloud.fetches
    assert bot.cloud.halts == []  # an idle cluster would remove itself, with its model
    bot.cloud.silent_on_autostop = False
    bot.ticks(6)
    assert bot.cloud.halts == [CLUSTER]
    bot.cloud.fetched = DownloadProgress("", 2, 2, is_complete=True)
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert bot.run().reason == "stopped"


def writing_when_stopped(bot: Bot) -> None:
    """Of a step that nobody has read of before its last lines."""
    trained(bot)
    bot.cloud.saved[CLUSTER] = 20
    bot.click("stop", RUN)
    bot.tick()
    bot.cloud.print(CLUSTER, f"(TaskRunner pid=7) local_global_step_folder: /home/sky/checkpoints/{RUN}/global_step_40")


def test_a_checkpoint_that_only_the_last_lines_name_is_written_whole_before_the_job_is_ended(bot: Bot) -> None:
    writing_when_stopped(bot)
    bot.ticks(20)
    assert bot.run().status == "stopping"
    assert (bot.cloud.halts, bot.cloud.fetches) == ([], [])
    bot.cloud.saved[CLUSTER] = 40
    bot.ticks(20)
    assert bot.cloud.halts == [CLUSTER]
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_40"]
    assert bot.run().status == "ended"


@pytest.mark.long
def test_one_that_is_never_written_whole_is_waited_for_no_longer_than_the_grace(bot: Bot) -> None:
    writing_when_stopped(bot)
    bot.ticks(20, seconds=28)
    assert bot.cloud.halts == []
    bot.ticks(10, seconds=28)
    assert bot.cloud.halts == [CLUSTER]
    assert bot.run().checkpoint_rescue.step == 20


@pytest.mark.long
@pytest.mark.parametrize("breaks", [None, "The cluster does not answer."], ids=["ends", "trains on"])
def test_the_newest_checkpoint_is_fetched_that_its_cluster_names_whatever_the_log_has_told(
    bot: Bot, breaks: str | None
) -> None:
    trained(bot)
    bot.cloud.breaks_halt = breaks
    bot.cloud.saved[CLUSTER] = 40
    bot.cloud.refuses_fetch = "There is no such folder on its cluster."
    bot.click("stop", RUN)
    bot.ticks(3)
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_40"]
    bot.cloud.saved[CLUSTER], bot.cloud.refuses_fetch = 60, None  # it has removed the older one meanwhile
    bot.ticks(12, seconds=20)
    assert bot.cloud.fetches[1:] == [f"~/checkpoints/{RUN}/global_step_60"]
    assert f"Downloaded the step-60 checkpoint of {RUN}:" in bot.reads()
    assert bot.run().status == "ended"


def test_what_is_saved_while_an_older_one_is_fetched_is_fetched_too(bot: Bot) -> None:
    trained(bot)
    bot.cloud.breaks_halt = "The cluster does not answer."
    bot.cloud.saved[CLUSTER] = 20
    bot.cloud.fetched = DownloadProgress("", 1, 2)
    bot.click("stop", RUN)
    bot.ticks(3)
    assert bot.cloud.fetches[-1] == ON_CLUSTER
    bot.cloud.saved[CLUSTER], bot.cloud.fetched = 40, DownloadProgress("", 2, 2, is_complete=True)
    bot.ticks(20)
    assert bot.cloud.fetches[-1] == f"~/checkpoints/{RUN}/global_step_40"
    assert f"Downloaded the step-40 checkpoint of {RUN}:" in bot.reads()
    assert bot.run().status == "ended"


def unread(bot: Bot, saved: int | None) -> None:
    """A run that is stopped without anybody's having read of a checkpoint, or reading its last lines."""
    bot.running("launch smoke nodes=2 budget=100 lease=3")
    step(bot, 20)
    bot.cloud.breaks_logs = True
    if saved is not None:
        bot.cloud.saved[CLUSTER] = saved
    bot.click("stop", RUN)


@pytest.mark.long
def test_a_checkpoint_that_nobody_has_read_of_is_fetched_where_the_last_lines_cannot_be_read(bot: Bot) -> None:
    unread(bot, saved=20)
    bot.ticks(40)
    assert bot.run().teardown.log_tries == 3
    assert bot.cloud.fetches == [ON_CLUSTER]
    assert bot.run().status == "ended"
    assert f"Model: step 20 (validation 0.50), 2.0 MB, in `{HERE}` on the bot's machine." in bot.reads()


def test_last_lines_that_cannot_be_read_are_asked_for_again_after_a_while(bot: Bot) -> None:
    unread(bot, saved=None)
    bot.ticks(6)
    assert bot.run().teardown.log_tries == 1
    bot.cloud.breaks_logs = False
    bot.ticks(24)
    assert bot.run().teardown.log_saved_at
    assert bot.run().status == "ended"


def test_where_there_is_no_checkpoint_its_cluster_goes(bot: Bot) -> None:
    unread(bot, saved=None)
    bot.ticks(40)
    assert bot.cloud.fetches == []
    assert bot.run().status == "ended"
    said = f"The cluster of {RUN} had no checkpoint."
    assert said in shown(bot.card())
    assert bot.reads().count(said) == 4  # in its thread, on its card, and in the notice of the end and its copy


def test_a_run_that_has_saved_nothing_is_stopped_without_ado(bot: Bot) -> None:
    bot.running()
    step(bot, 3)
    bot.click("stop", RUN)
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert (bot.cloud.halts, bot.cloud.autostops, bot.cloud.fetches) == ([], [], [])
    assert ":package:" not in bot.reads()


def test_where_nobody_knows_whether_there_is_one_the_channel_is_asked(bot: Bot) -> None:
    unread(bot, saved=20)
    bot.cloud.breaks_fetch = "no route to host"
    bot.ticks(12, seconds=5)
    assert (
        f"I do not know yet whether the cluster of {RUN} has a checkpoint; I keep trying. no route to host"
        in bot.reads()
    )
    bot.ticks(12, seconds=30)
    assert stands(bot)
    assert f"I cannot tell whether {RUN} saved a checkpoint.* no route to host" in shown(bot.reads())
    bot.click("lose_model", RUN, user=BEN)
    bot.ticks(12)
    assert bot.run().status == "ended"
    known = "before I could search it, so I do not know whether it had a checkpoint."
    assert f"@ben chose to delete the cluster of {RUN} {known}" in shown(bot.reads())
    assert known in bot.say(f"artifacts {RUN}")
    assert "I do not know whether it had a checkpoint, because <@U0BEN> chose to delete" in bot.say(f"resume {RUN}")
    assert "step-?" not in bot.reads()


def test_a_search_that_is_given_up_is_said_everywhere_to_have_found_out_nothing(bot: Bot) -> None:
    unread(bot, saved=20)
    bot.cloud.breaks_fetch = "no route to host"
    bot.ticks(12, seconds=30)
    bot.ticks(4, seconds=3600)
    bot.ticks(24)
    assert bot.run().checkpoint_rescue.abandoned_at
    assert bot.run().status == "ended"
    known = f"I do not know whether {RUN} saved a checkpoint: I could not search its cluster by "
    for text in (bot.card(), bot.reads(), bot.say(f"artifacts {RUN}")):
        assert known in shown(text)
        assert "step-?" not in text
        assert "is lost" not in text
    assert "I do not know whether it saved a checkpoint" in bot.say(f"resume {RUN}")


def test_a_model_that_is_long_on_its_way_is_asked_about(bot: Bot) -> None:
    trained(bot)
    bot.cloud.fetched = DownloadProgress("", 1_000_000, 2_000_000)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(10, seconds=60)
    assert "is not downloaded yet" not in bot.reads()
    bot.ticks(2, seconds=1800)  # of the lease there are two hours left
    assert f"*The step-20 checkpoint of {RUN} is not downloaded yet.*" in bot.reads()
    assert "[Keep 1 h] [Delete cluster and model]" in bot.reads()


def test_whoever_does_not_want_the_model_stops_without_it(bot: Bot) -> None:
    trained(bot)
    bot.say(f"stop {RUN} save=no")
    bot.ticks(12)
    assert bot.cloud.fetches == []
    assert "@ana chose to discard the step-20 checkpoint." in bot.reads()
    assert "<@U0ANA> chose to discard its step-20 checkpoint." in bot.say(f"resume {RUN}")


def cannot_be_fetched(bot: Bot, line: str = "launch smoke nodes=2 budget=100 lease=3") -> None:
    trained(bot, line)
    bot.cloud.breaks_fetch = "I could not read the cluster by SSH: no route to host"
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(10, seconds=30)


def test_where_it_cannot_be_fetched_the_channel_is_asked_and_told_what_the_waiting_costs(bot: Bot) -> None:
    cannot_be_fetched(bot)
    assert stands(bot)
    read = bot.reads()
    assert (
        f"*The step-20 checkpoint of {RUN} cannot be downloaded.* I could not read the cluster by SSH: no route to host"
        in read
    )
    assert (
        "The cluster is kept until 15:00 UTC at $4.00/h; after that it is deleted and the checkpoint is lost." in read
    )
    assert "[Keep 1 h] [Delete cluster and model]" in read
    assert read.count("cannot be downloaded.*") == 2  # the thread's, in the channel too
    bot.cloud.breaks_fetch = None
    bot.ticks(20, seconds=20)
    assert bot.run().status == "ended"
    assert "cannot be downloaded" not in bot.reads()
    assert bot.reads().count(f"in `{HERE}` on the bot's machine") >= 2


def test_a_person_who_says_so_has_it_torn_down(bot: Bot) -> None:
    cannot_be_fetched(bot)
    bot.click("lose_model", RUN, user=BEN)
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert f"@ben chose to discard the step-20 checkpoint of {RUN}." in bot.reads()


def test_a_person_keeps_it_for_an_hour_longer_and_a_second_click_adds_nothing(bot: Bot) -> None:
    cannot_be_fetched(bot)
    until = bot.run().checkpoint_rescue.deadline
    assert until is not None
    for user in (LEA, BEN):
        bot.click("keep_model", f"{RUN} {until.timestamp():.0f}", user=user)
    kept = bot.run().checkpoint_rescue
    assert kept.keep_requested_by == LEA
    assert kept.keep_cluster_until
    assert abs(kept.keep_cluster_until - until - timedelta(hours=1)) < timedelta(seconds=1)
    bot.tick()
    assert "@lea asked me to keep it until then." in bot.reads()
    bot.tick((kept.keep_cluster_until - bot.moment).total_seconds() - 60)
    assert stands(bot)
    bot.tick(90)
    bot.ticks(12)
    assert bot.run().status == "ended"


def test_without_a_word_it_is_given_up_at_the_leases_end_and_that_is_said(bot: Bot) -> None:
    cannot_be_fetched(bot)
    bot.tick(3 * 3600)
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert f"The step-20 checkpoint of {RUN} is lost: I could not download it by 15:0" in bot.reads()
    lost = "was lost with the cluster: I could not download it in time. I could not read the cluster"
    assert lost in bot.reads()


def test_what_is_refused_is_asked_about_at_once(bot: Bot) -> None:
    trained(bot)
    bot.cloud.refuses_fetch = "It has 300 GB, and I fetch 200 GB."
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(5)
    assert "cannot be downloaded.* It has 300 GB" in bot.reads()
    assert stands(bot)


def test_a_log_that_names_a_folder_elsewhere_has_nothing_fetched(bot: Bot) -> None:
    bot.running()
    step(bot, 20)
    bot.cloud.print(CLUSTER, "(TaskRunner pid=7) local_global_step_folder: /etc/$(reboot)/global_step_20")
    bot.tick()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(6)
    assert bot.cloud.fetches == []
    assert "Its log names a checkpoint outside of the run's own folder" in bot.reads()
    assert stands(bot)


def test_a_model_goes_with_a_cluster_that_is_lost(bot: Bot) -> None:
    trained(bot)
    bot.cloud.vanish(CLUSTER, Ending.LOST)
    bot.ticks(20)
    assert bot.run().status == "ended"
    assert "was lost with the cluster" in bot.reads()


def test_a_restart_goes_on_with_the_fetching_and_says_nothing_twice(bot: Bot) -> None:
    cannot_be_fetched(bot)
    later = bot.later()
    later.ticks(6, seconds=30)
    assert later.reads().count("cannot be downloaded.*") == 2
    later.cloud.breaks_fetch = None
    later.ticks(20, seconds=20)
    assert later.run().status == "ended"


def test_an_autostop_that_cannot_be_put_off_keeps_nothing_from_being_fetched(bot: Bot) -> None:
    trained(bot)
    bot.cloud.silent_on_autostop = True
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12)
    assert bot.run().checkpoint_rescue.is_downloaded


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "artifacts smoke-0001",
            "The step-20 checkpoint is only on the cluster. I will download it before the cluster is deleted.",
        ),
        ("artifacts nope", "There is no run `nope`"),
        ("stop smoke-0001 save=maybe", "`save` must be `yes` or `no`, not `maybe`"),
    ],
)
def test_what_a_run_has_left_can_be_asked(bot: Bot, line: str, told: str) -> None:
    trained(bot)
    assert told in bot.say(line)


def test_what_was_fetched_can_be_asked_of_later_and_is_not_resumed_where_it_lies(bot: Bot) -> None:
    trained(bot)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(20)
    assert f"in `{HERE}` on the bot's machine" in bot.say(f"artifacts {RUN}")
    assert f"its checkpoint is in `{HERE}` on the bot's machine, where no cluster can read it" in bot.say(
        f"resume {RUN}"
    )


def test_an_autostop_that_no_look_has_told_of_is_put_off_too(bot: Bot) -> None:
    """A job that is over at its first look: nothing of its autostop was kept."""
    cannot_be_fetched(bot)
    bot.cloud.autostops.clear()
    run = bot.store.update(RUN, lambda run: change_run(run, autostop_minutes=None))
    until = bot.moment + timedelta(hours=9)
    CheckpointRescuer(bot.cloud, bot.store, bot.now, CheckpointGrace()).rescue(run, until)
    assert bot.cloud.autostops == [9 * 60 + AUTOSTOP_MARGIN_MINUTES]


# issue 19, fault 6: (a) first seen after its end


def ended_unseen(
    bot: Bot, line: str = "launch smoke nodes=2 budget=100 lease=3", job: JobState = JobState.SUCCEEDED
) -> None:
    """A run whose whole training lies between two looks."""
    bot.cloud.comes_up_at_once = False
    bot.say(line)
    bot.tick()
    bot.cloud.come_up(CLUSTER, job)


@pytest.mark.long
@pytest.mark.parametrize("job", [JobState.SUCCEEDED, JobState.FAILED, JobState.FAILED_DRIVER, JobState.CANCELLED])
def test_a_run_that_is_first_seen_after_its_end_has_its_model_fetched_though_its_log_cannot_be_read(
    bot: Bot, job: JobState
) -> None:
    bot.cloud.breaks_logs = True
    bot.cloud.saved[CLUSTER] = 6
    ended_unseen(bot, job=job)
    bot.ticks(40)
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_6"]
    assert bot.run().status == "ended"
    assert "Model: step 6, 2.0 MB" in bot.say(f"artifacts {RUN}")


@pytest.mark.long
def test_six_launches_that_are_over_at_once_and_looks_that_fail_lose_no_model(bot: Bot) -> None:
    clusters = [f"verl-smoke-000{number}" for number in range(1, 7)]
    bot.cloud.comes_up_at_once = False
    for _ in clusters:
        bot.say("launch smoke budget=100 lease=3")
    bot.tick()
    bot.cloud.breaks_logs = True
    for cluster in clusters:
        bot.cloud.saved[cluster] = 6
        bot.cloud.come_up(cluster, JobState.SUCCEEDED)
    for _ in range(20):  # every other look fails
        bot.tick()
        bot.cloud.answers = False
        bot.tick()
        bot.cloud.answers = True
    bot.ticks(30, seconds=5)
    assert {bot.run(f"smoke-000{number}").checkpoint_rescue.step for number in range(1, 7)} == {6}
    assert sorted(set(bot.cloud.downs)) == clusters


@pytest.mark.long
@pytest.mark.parametrize("reads", [True, False], ids=["its log is read", "its log cannot be read"])
def test_that_there_is_no_model_is_said_once_its_cluster_has_shown_that(bot: Bot, reads: bool) -> None:
    bot.cloud.breaks_logs = not reads
    ended_unseen(bot)
    bot.ticks(3)
    assert "had no checkpoint" not in bot.say(f"artifacts {RUN}")
    bot.ticks(40)
    assert bot.run().checkpoint_rescue.no_checkpoint_at
    assert bot.run().status == "ended"
    assert f"The cluster of {RUN} had no checkpoint." in shown(bot.say(f"artifacts {RUN}"))


def test_where_its_cluster_was_gone_before_it_was_asked_that_is_said_and_no_more(bot: Bot) -> None:
    bot.cloud.breaks_logs = True
    ended_unseen(bot)
    bot.tick()
    bot.cloud.vanish(CLUSTER, Ending.AUTODOWNED)
    bot.ticks(20)
    assert bot.run().status == "ended"
    answer = shown(bot.say(f"artifacts {RUN}"))
    assert f"I do not know whether {RUN} saved a checkpoint: I could not read the log" in answer
    assert "had no checkpoint" not in answer


def test_a_run_that_never_trained_keeps_no_cluster_and_says_so(bot: Bot) -> None:
    ended_unseen(bot, job=JobState.FAILED_SETUP)
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert bot.cloud.autostops == []
    assert f"{RUN} ended before its training began, so it saved no model" in shown(bot.say(f"artifacts {RUN}"))


def test_a_lease_that_has_ended_while_the_bot_was_away_costs_no_model(bot: Bot) -> None:
    """No look has shown that it trained."""
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke nodes=2 budget=100 lease=1")
    bot.tick()
    bot.cloud.come_up(CLUSTER)
    bot.cloud.saved[CLUSTER] = 40
    bot.tick(7200)
    bot.ticks(40)
    assert bot.run().reason == "lease_over"
    assert bot.run().checkpoint_rescue.step == 40


def test_a_stop_while_it_is_launched_keeps_nothing_standing(bot: Bot) -> None:
    bot.cloud.comes_up_at_once = False
    bot.say("launch smoke nodes=2")
    bot.tick()
    bot.cloud.answers = False
    bot.tick()
    bot.say(f"stop {RUN}")
    bot.ticks(2)
    bot.cloud.answers = True
    bot.ticks(3)
    assert not stands(bot)


# (b) autostop takes the cluster while the last lines are awaited


def test_an_autostop_is_put_off_before_the_last_lines_are_waited_for(bot: Bot) -> None:
    trained(bot)
    bot.cloud.breaks_logs = True
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(2)
    assert bot.run().teardown.log_saved_at is None
    assert len(bot.cloud.autostops) == 1
    assert bot.cloud.autostops[0] > 150  # the lease's rest


def test_an_autostop_that_cannot_be_put_off_is_tried_again_and_keeps_no_lines_from_being_read(bot: Bot) -> None:
    trained(bot)
    bot.cloud.silent_on_autostop = True
    bot.cloud.fetched = DownloadProgress("", 1, 2)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(2)
    assert bot.run().teardown.log_saved_at
    bot.cloud.silent_on_autostop = False
    bot.ticks(2, seconds=61)
    assert bot.cloud.autostops


# (c) what is on our own disk is asked before anything is called lost


WHOLE = DownloadProgress(HERE, 2_000_000, 2_000_000, is_complete=True)


def arrived_unseen(bot: Bot) -> None:
    """Its fetch, which goes on beside the looks, has come to its last byte since the last of them."""
    trained(bot)
    bot.cloud.fetched = DownloadProgress("", 1_000_000, 2_000_000)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(4)
    assert bot.run().checkpoint_rescue.download
    assert not bot.run().checkpoint_rescue.is_downloaded
    bot.cloud.kept[RUN] = {20: WHOLE}


def test_a_model_that_has_come_is_not_lost_with_its_cluster_that_went_before_the_next_look(bot: Bot) -> None:
    arrived_unseen(bot)
    bot.cloud.vanish(CLUSTER, Ending.AUTODOWNED)
    bot.ticks(20)
    assert bot.run().status == "ended"
    assert "was lost with the cluster" not in bot.reads()
    assert f"Model: step 20 (validation 0.50), 2.0 MB, in `{HERE}` on the bot's machine." in bot.reads()


def test_a_model_that_has_come_is_not_lost_by_a_word_that_it_may_be(bot: Bot) -> None:
    arrived_unseen(bot)
    bot.say(f"stop {RUN} save=no")
    bot.ticks(20)
    assert bot.run().status == "ended"
    assert "was lost with the cluster" not in bot.reads()
    assert "chose to discard" not in bot.reads()
    assert f"in `{HERE}` on the bot's machine" in bot.say(f"artifacts {RUN}")


def test_a_model_that_comes_after_that_word_and_before_its_cluster_is_gone_is_not_lost_either(bot: Bot) -> None:
    arrived_unseen(bot)
    bot.cloud.kept.clear()
    bot.cloud.removes = False
    bot.say(f"stop {RUN} save=no")
    bot.ticks(5)
    assert not stands(bot)
    bot.cloud.kept[RUN] = {20: WHOLE}
    bot.cloud.vanish(CLUSTER, Ending.DOWNED)
    bot.ticks(12)
    assert bot.run().status == "ended"
    assert f"in `{HERE}` on the bot's machine" in bot.say(f"artifacts {RUN}")


def test_a_model_that_has_come_when_it_is_to_be_given_up_is_not_given_up(bot: Bot) -> None:
    arrived_unseen(bot)
    bot.cloud.answers = False
    bot.tick(3 * 3600)
    bot.cloud.answers = True
    bot.ticks(12)
    assert bot.run().checkpoint_rescue.abandoned_at is None
    assert f"in `{HERE}` on the bot's machine" in bot.say(f"artifacts {RUN}")


def test_where_only_an_older_one_has_come_that_is_said_beside_what_is_lost(bot: Bot) -> None:
    arrived_unseen(bot)
    bot.cloud.kept[RUN] = {10: WHOLE}
    bot.cloud.vanish(CLUSTER, Ending.LOST)
    bot.ticks(20)
    answer = bot.say(f"artifacts {RUN}")
    assert "Model: step 10" in answer
    assert "The newer step-20 checkpoint was lost with the cluster." in answer


# (d) a torn checkpoint is no model


MISSING = "`actor/model_world_size_2_rank_1.pt` is missing."


def test_where_the_newest_is_torn_the_newest_whole_one_is_fetched_and_both_are_said(bot: Bot) -> None:
    trained(bot)
    bot.cloud.saved[CLUSTER], bot.cloud.unnamed[CLUSTER] = 40, (20,)
    bot.cloud.torn[40] = MISSING
    bot.cloud.finish(CLUSTER, JobState.FAILED)
    bot.ticks(12)
    assert f"The step-40 checkpoint of {RUN} is not downloaded yet; I keep trying. {MISSING}" in bot.reads()
    assert stands(bot)  # what writes it may not have ended yet
    bot.ticks(12, seconds=30)
    assert bot.run().status == "ended"
    assert bot.run().checkpoint_rescue.step == 20
    assert f"The step-40 checkpoint is incomplete: {MISSING}" in bot.say(f"artifacts {RUN}")
    assert bot.card().count("Model: step 20") == 1
    assert bot.reads().count("Model: step 20") == 3  # and in the notice of the end, in the thread and the channel
    assert bot.reads().count(f"Downloaded the step-20 checkpoint of {RUN}:") == 1  # in its thread


def test_one_that_is_whole_at_the_second_look_is_fetched(bot: Bot) -> None:
    trained(bot)
    bot.cloud.saved[CLUSTER], bot.cloud.unnamed[CLUSTER] = 40, (20,)
    bot.cloud.torn[40] = MISSING
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(5)
    bot.cloud.torn.clear()
    bot.ticks(12, seconds=30)
    assert bot.run().checkpoint_rescue.step == 40
    assert "is incomplete" not in bot.reads()


def test_one_that_verl_has_not_named_was_not_finished(bot: Bot) -> None:
    trained(bot)
    bot.cloud.saved[CLUSTER], bot.cloud.unnamed[CLUSTER] = 20, (40,)
    bot.cloud.finish(CLUSTER, JobState.FAILED)
    bot.ticks(12)
    assert bot.cloud.fetches == [ON_CLUSTER]
    told = "verl names an older checkpoint as the newest, so this one is incomplete."
    assert told in bot.say(f"artifacts {RUN}")


@pytest.mark.long
@pytest.mark.parametrize(
    "why", [MISSING, "There is no such folder on its cluster, or it is empty."], ids=["torn", "an empty folder"]
)
def test_where_no_checkpoint_is_whole_that_is_said_and_its_cluster_is_not_held_to_its_leases_end(
    bot: Bot, why: str
) -> None:
    trained(bot, "launch smoke nodes=2 budget=100 lease=12")
    bot.cloud.unnamed[CLUSTER] = (20,)
    bot.cloud.torn[20] = why
    bot.cloud.finish(CLUSTER, JobState.FAILED)
    bot.ticks(10, seconds=30)
    assert f"*{RUN} has no complete checkpoint.* Step 20: {why}" in bot.reads()
    assert "[Keep 1 h] [Delete cluster and model]" in bot.reads()
    assert stands(bot)
    bot.ticks(2, seconds=1800)
    bot.ticks(12)
    assert bot.run().status == "ended"
    answer = shown(bot.say(f"artifacts {RUN}"))
    assert f"{RUN} had no complete checkpoint, so there is no model. Step 20: {why}" in answer
    assert "Model:" not in bot.reads()


def test_one_that_is_found_torn_only_after_hours_of_fetching_is_asked_about_before_it_is_lost(bot: Bot) -> None:
    trained(bot, "launch smoke nodes=2 budget=100 lease=12")
    bot.cloud.unnamed[CLUSTER] = (20,)
    bot.cloud.fetched = DownloadProgress("", 1, 2)
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(5, seconds=3600)
    bot.cloud.torn[20] = MISSING
    bot.ticks(10, seconds=30)
    assert "[Keep 1 h] [Delete cluster and model]" in bot.reads()
    assert stands(bot)


# (e) a bot that is stopped while a fetch begins


class WithRealFetches(FakeCloud):
    """What is fetched goes through the real fetching, as with the real clouds."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.real = CheckpointDownloads(folder, 10**9)

    def download_checkpoint(self, watched: ClusterRef, checkpoint: CheckpointRef) -> DownloadProgress:
        return self.real.begin_or_check(DownloadTask(checkpoint, lambda _: {"model.bin": 7}, write_model))

    def list_downloads(self, checkpoint: CheckpointRef) -> Mapping[int, DownloadProgress]:
        return self.real.find_downloaded(checkpoint)

    def stop(self) -> None:
        self.real.stop()


def write_model(target: Path, *_: object) -> None:
    (target / "model.bin").write_text("weights")


def test_a_bot_that_is_stopped_while_a_fetch_begins_records_no_failure_and_the_next_one_goes_on(
    bot: Bot, tmp_path: Path
) -> None:
    bot.cloud = cloud = WithRealFetches(tmp_path)
    bot = bot.later()
    trained(bot)
    cloud.stop()
    cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(6)
    assert bot.run().checkpoint_rescue.started_at
    assert (bot.run().checkpoint_rescue.last_error, bot.run().checkpoint_rescue.failure_count) == (None, 0)
    cloud.real = CheckpointDownloads(tmp_path, 10**9)
    later = bot.later()

    def fetches() -> bool:
        later.tick()
        return later.run().checkpoint_rescue.is_downloaded

    eventually(fetches)
    cloud.stop()


def test_a_look_that_the_end_of_the_bot_cuts_off_is_no_silence(bot: Bot) -> None:
    trained(bot)
    bot.cloud.cut_off = True
    bot.say(f"stop {RUN}")
    bot.ticks(3)
    assert bot.run().observed.outage is None
    assert bot.run().status == "running"
