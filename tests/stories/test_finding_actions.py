"""A finding that acts, as people meet it: posted, then reported as a stop that was not made, then a stop that saves."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.core.model.finding import FindingAction
from bot.core.model.people import MEMBERS, Grants, Role
from bot.core.model.policy import Caps
from tests.stories.test_findings import CLUSTER, RUN, a_bot_whose_gradient_is_none, trains
from tests.stories.test_keeping import save
from tests.story import BEN, OPEN, Bot

NAN = "not-a-number"
NO_NUMBER = {"actor/grad_norm": float("nan")}


def under(bot: Bot, **actions: FindingAction) -> Bot:
    """Return the bot under a policy with these actions, by the findings' names."""
    bot.policy = replace(OPEN, finding_actions={name.replace("_", "-"): action for name, action in actions.items()})
    return bot


@pytest.mark.parametrize("actions", [{}, {"not_a_number": FindingAction.TELL}], ids=["default", "tell"])
def test_a_finding_that_tells_stops_nothing(bot: Bot, actions: Mapping[str, FindingAction]) -> None:
    a_bot_whose_gradient_is_none(under(bot, **actions))
    trains(bot, range(10, 20), **NO_NUMBER)
    assert bot.run().status == "running"
    assert "Mute this" in bot.reads()
    assert "would have been stopped" not in bot.reads()


def test_a_finding_that_only_reports_says_what_it_would_have_stopped_when_and_how_many_dollars_ago(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(under(bot, not_a_number=FindingAction.REPORT_ONLY))
    trains(bot, range(10, 40), **NO_NUMBER)
    bot.ticks(3, seconds=900)
    assert bot.run().status == "running"
    said = re.findall(
        rf"Test rule `findings\.{NAN}`: {RUN} would have been stopped at (12:\d\d) UTC \(its training is sick\)\. "
        r"It has cost \$(\d\.\d\d) since then\.",
        bot.reads(),
    )
    assert len(said) == 1
    assert float(said[0][1]) > 3  # 45 minutes at four dollars an hour


def test_the_end_says_what_a_finding_that_only_reports_would_have_saved(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(under(bot, not_a_number=FindingAction.REPORT_ONLY))
    trains(bot, range(10, 12), **NO_NUMBER)
    bot.ticks(1, seconds=3600)
    bot.say(f"stop {RUN}")
    bot.ticks(12, seconds=10)
    assert bot.run().status == "ended"
    would = rf"Test rule `findings\.{NAN}` would have stopped it at [^.]*12:\d\d UTC and saved \$4\.\d\d\."
    assert re.search(would, bot.reads()), bot.reads()


def test_a_finding_that_stops_ends_the_run_and_says_why(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(under(bot, not_a_number=FindingAction.STOP))
    trains(bot, range(10, 20), **NO_NUMBER)
    bot.ticks(12)
    run = bot.run()
    assert (run.status, run.reason) == ("ended", "sick")
    assert CLUSTER in bot.cloud.downs
    assert f"{RUN} was stopped: its training is sick" in bot.card()
    assert str(run.detail) in bot.reads()
    assert "nan" in str(run.detail).lower()


@pytest.mark.long
def test_a_finding_about_the_machines_lets_the_run_save_first(bot: Bot) -> None:
    bot.running("launch smoke nodes=2 budget=1000 lease=12 --yes")
    under(bot, slow_steps=FindingAction.STOP)
    trains(bot, range(1, 40))
    trains(bot, range(40, 60), seconds=180)
    assert bot.run().status == "running"
    assert f"The training of {RUN} is sick, so I will stop the run." in bot.reads()
    save(bot, 60)
    trains(bot, range(60, 61), seconds=180)
    bot.ticks(12)
    assert bot.run().reason == "sick"
    assert bot.cloud.fetches == [f"~/checkpoints/{RUN}/global_step_60"]


def test_a_person_who_mutes_a_finding_keeps_the_run(bot: Bot) -> None:
    a_bot_whose_gradient_is_none(bot)
    bot.click("mute", f"{RUN} {NAN}", user=BEN)
    under(bot, not_a_number=FindingAction.STOP)
    trains(bot, range(10, 30), **NO_NUMBER)
    assert bot.run().status == "running"


LATER, TRAINED = "smoke-0002", "launch smoke nodes=2 steps=60 volume=models budget=100 lease=12"


def sick_after_a_checkpoint(bot: Bot, line: str = TRAINED, saved: int = 20) -> Bot:
    """Train under a policy that resumes, save a checkpoint, and let the gradient become no number from step 25 on."""
    under(bot, not_a_number=FindingAction.RESUME)
    bot.running(line)
    trains(bot, range(1, saved))
    print_checkpoint(bot, saved)
    trains(bot, range(saved, 25))
    trains(bot, range(25, 30), **NO_NUMBER)
    return bot


def print_checkpoint(bot: Bot, step: int, run: str = RUN) -> None:
    """Let a run name a checkpoint on its volume."""
    bot.cloud.print(
        f"verl-{run}", f"(TaskRunner pid=7) local_global_step_folder: /checkpoints/{run}/global_step_{step}"
    )


def test_a_finding_that_resumes_stops_the_run_and_continues_it_once_with_a_changed_setting(bot: Bot) -> None:
    sick_after_a_checkpoint(bot)
    bot.ticks(20, seconds=5)
    run, later = bot.run(), bot.run(LATER)
    assert (run.status, run.reason) == ("ended", "sick")
    assert later.command_line == (
        f"launch smoke nodes=2 steps=60 volume=models budget=100 lease=12 resume_from={RUN}/global_step_20 "
        "learning_rate=0.05"
    )
    assert (later.requester, later.channel) == (run.requester, run.channel)
    assert bot.cloud.launches == [CLUSTER, f"verl-{LATER}"]
    why = "from step 20 with `learning_rate=0.05`. Reason: "
    assert f"Rule `findings.{NAN}`: I resumed `{RUN}` once as `{LATER}`, {why}" in bot.card(RUN)
    assert f"Rule `findings.{NAN}`: I resumed `{RUN}` once as this run, {why}" in bot.card(LATER)


@pytest.mark.long
def test_a_resumed_run_is_never_resumed_again_by_the_policy_nor_is_one_that_a_person_resumes_from_it(bot: Bot) -> None:
    sick_after_a_checkpoint(bot)
    bot.ticks(20, seconds=5)
    trains_sick(bot, LATER)
    assert (bot.run(LATER).status, bot.run(LATER).reason) == ("ended", "sick")
    refusal = f"A rule resumes a training once, and `{RUN}` was resumed already."
    assert refusal in bot.card(LATER)
    bot.say(f"resume {LATER}")
    bot.ticks(3)
    third = bot.service.queries.list_active()[0].id
    trains_sick(bot, third)
    assert bot.run(third).reason == "sick"
    assert refusal in bot.card(third)
    assert len(bot.cloud.launches) == 3


def trains_sick(bot: Bot, run_id: str) -> None:
    """Let a run save a checkpoint, and then lose its gradient for good."""
    for step in range(21, 40):
        gradient = "1.0" if step < 32 else "nan"
        line = f"step:{step} - critic/rewards/mean:0.5 - actor/grad_norm:{gradient} - timing_s/step:30"
        bot.cloud.print(f"verl-{run_id}", f"(TaskRunner pid=7) {line}")
        if step == 30:
            print_checkpoint(bot, 30, run_id)
        bot.tick(30)
    bot.ticks(20, seconds=5)


@pytest.mark.long
def test_where_the_policy_resumed_a_run_a_person_who_resumes_it_too_continues_the_same_lineage(bot: Bot) -> None:
    sick_after_a_checkpoint(bot)
    bot.ticks(20, seconds=5)
    bot.say(f"resume {RUN}")
    bot.ticks(2)
    origin = bot.run("smoke-0003").lineage.origin
    assert origin is not None
    assert (origin.stopped_run, origin.resumed_run) == (RUN, LATER)
    assert "once as this run" not in bot.card("smoke-0003")


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "saved", "why"),
    [
        pytest.param(
            "launch smoke nodes=2 steps=60 budget=100 lease=12",
            20,
            "The checkpoints are on the cluster alone; with `volume=` or `bucket=` they would outlive it.",
            id="on the cluster alone",
        ),
        pytest.param(
            TRAINED, 26, "No checkpoint was saved before step 25, where the finding began.", id="saved too late"
        ),
        pytest.param(
            f"{TRAINED} learning_rate=0",
            20,
            "No setting is known that helps against `not-a-number` and that `smoke` takes.",
            id="no setting",
        ),
    ],
)
def test_where_nothing_can_be_resumed_the_run_is_only_stopped_and_the_card_says_why(
    bot: Bot, line: str, saved: int, why: str
) -> None:
    under(bot, not_a_number=FindingAction.RESUME)
    bot.running(line)
    for steps, values in ((range(1, 25), {}), (range(25, 30), NO_NUMBER)):
        for step in steps:
            if step == saved:
                print_checkpoint(bot, saved)
            trains(bot, range(step, step + 1), **values)
    bot.ticks(20, seconds=5)
    assert (bot.run().status, bot.run().reason) == ("ended", "sick")
    assert f"I do not resume `{RUN}`. {why}" in bot.card()
    assert bot.cloud.launches == [CLUSTER]
    assert bot.store.list_open_runs() == []


@pytest.mark.long
def test_a_checkpoint_that_is_not_whole_is_passed_over_for_an_older_one(bot: Bot) -> None:
    under(bot, not_a_number=FindingAction.RESUME)
    bot.running(TRAINED)
    for saved in (10, 20):
        trains(bot, range(saved - 9, saved))
        print_checkpoint(bot, saved)
        trains(bot, range(saved, saved + 1))
    bot.cloud.torn[20] = "It has no weights: verl has removed them."
    trains(bot, range(21, 27), **NO_NUMBER)
    bot.ticks(20, seconds=5)
    assert f"resume_from={RUN}/global_step_10" in bot.run(LATER).command_line
    assert "from step 10 with" in bot.card()


@pytest.mark.long
def test_a_person_who_stops_the_run_meanwhile_prevents_its_resume(bot: Bot) -> None:
    bot.cloud.removes = False
    sick_after_a_checkpoint(bot)
    bot.ticks(4, seconds=5)
    assert "once, from step 20 with `learning_rate=0.05`, when its machines are gone." in bot.card()
    bot.say(f"stop {RUN}", user=BEN)
    bot.cloud.removes = True
    bot.ticks(30, seconds=30)
    assert bot.run().status == "ended"
    assert "@ben prevented the resume of" in bot.reads()
    assert bot.cloud.launches == [CLUSTER]


def test_a_resume_waits_for_approvers_as_any_launch_of_the_person_does(bot: Bot) -> None:
    sick_after_a_checkpoint(bot)
    bot.policy = replace(bot.policy, approve_above_dollars=50.0)
    bot.ticks(20, seconds=5)
    assert bot.run(LATER).status == "awaiting_approval"
    assert f"I resumed `{RUN}` once as this run" in bot.card(LATER)
    bot.say(f"approve {LATER}", user=BEN)
    bot.ticks(3)
    assert bot.run(LATER).status == "running"


@pytest.mark.long
def test_a_resume_that_a_cap_refuses_is_not_made_and_the_card_says_why(bot: Bot) -> None:
    sick_after_a_checkpoint(bot)
    bot.policy = replace(bot.policy, person=Caps(dollars_per_month=50))
    bot.ticks(20, seconds=5)
    assert bot.run().status == "ended"
    assert f"I do not resume `{RUN}`. This would bring your runs this month to" in bot.card()
    assert bot.cloud.launches == [CLUSTER]
    assert bot.store.list_open_runs() == []


@pytest.mark.long
def test_a_person_who_may_launch_no_more_gets_no_resume(bot: Bot) -> None:
    sick_after_a_checkpoint(bot)
    bot.policy = replace(bot.policy, grants=Grants(holders_by_role={Role.VIEWER: (MEMBERS,), Role.LAUNCHER: (BEN,)}))
    bot.ticks(20, seconds=5)
    assert bot.cloud.launches == [CLUSTER]
    assert f"I do not resume `{RUN}`. To launch runs you need the role `launcher`" in bot.card()


@pytest.mark.long
def test_a_finding_that_only_reports_says_how_it_would_have_resumed(bot: Bot) -> None:
    under(bot, not_a_number=FindingAction.REPORT_ONLY)
    bot.running(TRAINED)
    trains(bot, range(1, 20))
    print_checkpoint(bot, 20)
    trains(bot, range(20, 25))
    trains(bot, range(25, 30), **NO_NUMBER)
    assert "With the action `resume` it would have continued from step 20 with `learning_rate=0.05`." in bot.reads()
