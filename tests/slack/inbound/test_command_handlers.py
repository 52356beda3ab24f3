"""What people get for what they type, as commands, mentions and buttons."""

import json

import pytest

from bot.core.model.cluster import JobState
from tests.story import ANA, BEN, LEA, TRAINING, Bot

RUN = "smoke-0001"
CLUSTER = "verl-smoke-0001"


def thread_of(bot: Bot) -> str:
    ts = bot.run().messages.sent["card"].ts
    assert ts is not None
    return ts


def test_help_lists_every_command_with_its_form(bot: Bot) -> None:
    said = bot.say("")
    for form in ("/verl launch RECIPE [parameter=value …]", "/verl logs RUN [lines=N]", "/verl stop RUN"):
        assert form in said


def test_help_on_a_command_gives_an_example(bot: Bot) -> None:
    assert "/verl logs ppo-7f3a lines=50 grep=error" in bot.say("help logs")


def test_recipes_are_listed_with_what_they_are_for(bot: Bot) -> None:
    said = bot.say("recipes")
    for recipe in ("grpo", "multiturn-tools", "ppo", "smoke"):
        assert f"*{recipe}*" in said


def test_a_recipe_is_described_with_ranges_and_defaults(bot: Bot) -> None:
    bot.say("describe smoke")
    said = bot.told()
    assert "nodes\nnumber of machines\na whole number from 1 to 8\n1" in said
    assert "\n1h\n" in said
    assert "volume\nvolume to save checkpoints in" in said
    assert "takes no Hydra overrides" in said
    bot.say("describe ppo")
    assert "Secrets, from the bot's environment" in bot.told()


def test_a_dry_run_shows_the_task_and_starts_nothing(bot: Bot) -> None:
    assert bot.say("launch ppo nodes=2 trainer.total_epochs=3 'data.prompt_key=a b' --dry-run") == ""
    said = bot.told()
    assert said.startswith(":white_check_mark: *This would launch.* The dry run starts nothing.")
    assert '`/verl launch ppo nodes=2 trainer.total_epochs=3 "data.prompt_key=a b"`' in said
    assert "more lines of the task" in said
    assert "Checkpoints are only on the cluster." in said
    assert "$4.00/h" in said
    bot.ticks(2)
    assert bot.store.list_open_runs() == []


def test_a_rehearsal_is_told_what_would_be_refused(bot: Bot) -> None:
    bot.cloud.refuses = "There is no H100."
    bot.say("launch ppo --dry-run")
    assert bot.told().startswith(":no_entry_sign: *This would be refused.* There is no H100.")
    assert "`ppo` cannot run here. There is no H100." in bot.say("launch ppo")


def test_a_rehearsal_whose_price_nobody_tells_says_so(bot: Bot) -> None:
    bot.cloud.answers = False
    bot.say("launch ppo --dry-run")
    assert "The cloud does not answer." in bot.told()


def test_a_rehearsal_that_makes_no_sense_is_refused_at_once(bot: Bot) -> None:
    assert "has no parameter" in bot.say("launch ppo node=2 --dry-run")


def test_without_runs_the_status_says_how_to_start_one(bot: Bot) -> None:
    bot.say("status")
    assert "/verl launch smoke" in bot.told()


def test_the_status_of_ones_only_run_is_its_card(bot: Bot) -> None:
    bot.running()
    assert "2 nodes on a cloud in memory" in bot.say("status")
    bot.say("status", user=BEN)
    assert "/verl launch smoke" in bot.told(BEN)


def test_of_several_runs_the_status_is_a_row_each(bot: Bot) -> None:
    for _ in range(2):
        bot.say("launch smoke")
    bot.say("status")
    assert "smoke-0002\n waiting" in bot.told()


def test_a_run_may_be_named_by_its_last_letters(bot: Bot) -> None:
    bot.say("launch smoke")
    assert "*smoke-0001 is waiting*" in bot.say("status 0001")


def test_names_that_fit_several_runs_are_refused_with_them(bot: Bot) -> None:
    for _ in range(2):
        bot.say("launch smoke")
    answer = bot.say("status smoke")
    assert "Which run? Several active ones match `smoke`. Type one of these ids: `smoke-0001` (<!date^" in answer
    assert "`smoke-0002` (<!date^" in answer


def test_lists_are_of_the_active_mine_the_ended_and_all(bot: Bot) -> None:
    bot.say("launch smoke", user=ANA)
    bot.say("launch smoke", user=BEN)
    bot.say("stop smoke-0002", user=BEN)
    bot.ticks(3)
    found = {which: bot.say(f"list {which}", user=ANA) or bot.told() for which in ("", "mine", "ended", "all")}
    names = {which: [name for name in ("smoke-0001", "smoke-0002") if name in said] for which, said in found.items()}
    assert names == {
        "": ["smoke-0001"],
        "mine": ["smoke-0001"],
        "ended": ["smoke-0002"],
        "all": ["smoke-0001", "smoke-0002"],
    }


def test_a_long_list_is_cut_to_what_a_message_holds(bot: Bot) -> None:
    for _ in range(60):
        bot.say("launch smoke")
    bot.say("list")
    assert "… and 35 more." in bot.told()


def test_stopping_what_is_over_says_so(bot: Bot) -> None:
    bot.running()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(6, 10)
    assert "No machine of it is running." in bot.say(f"stop {RUN}")


def test_logs_are_answered_to_the_person_alone(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, "(head, rank=0, pid=1) hello", "(worker1, rank=1, pid=2) out of memory")
    bot.say(f"logs {RUN}")
    assert "Last 2 lines" in bot.reads()
    assert "[1] out of memory" in bot.reads()
    assert "out of memory" not in bot.reads(user=BEN)


def test_logs_are_searched(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, *(f"(job, pid=1) line {number}" for number in range(300)), "(job, pid=1) the end")
    bot.say(f"logs {RUN} grep='LINE 7' lines=3")
    said = bot.reads()
    assert "`smoke-0001` · The last 3 matches for `LINE 7`" in said
    assert "line 77\n" in said
    assert "line 6" not in said


def test_long_logs_come_as_a_file_in_the_thread(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, *(f"(job, pid=1) line {number} {'x' * 50}" for number in range(200)))
    bot.say(f"logs {RUN} lines=200")
    assert "|200 lines> to the run's thread." in bot.told()
    assert "[file Log of smoke-0001, last 200 lines]" in bot.reads(user=BEN)


def test_where_the_bot_was_not_invited_long_logs_come_as_far_as_they_fit(bot: Bot) -> None:
    bot.running()
    workspace = bot.playground._slack.workspace
    workspace.channels[TRAINING].members.remove(workspace.bot)
    bot.cloud.print(CLUSTER, *(f"(job, pid=1) line {number} {'x' * 50}" for number in range(200)))
    bot.say(f"logs {RUN} lines=200")
    assert "line 199" in bot.reads()
    assert "I am not in the run's channel: type `/invite @verlbot` there." in bot.told()
    assert "went wrong on my side" not in bot.reads()


@pytest.mark.parametrize("trouble", ["limited", "broken"])
def test_a_log_that_slack_is_too_busy_for_is_uploaded_again(bot: Bot, trouble: str) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, *(f"(job, pid=1) line {number}" for number in range(200)))
    bot.slack.faults({"method": "files.*", "trouble": trouble, "times": 1, "retry_after_seconds": 0})
    bot.say(f"logs {RUN} lines=200")
    assert bot.reads(user=BEN).count("[file Log of smoke-0001, last 200 lines]") == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param("file_uploads_disabled", "File uploads are switched off in this workspace.", id="switched off"),
        pytest.param("some_new_code", "Slack did not accept the file (`some_new_code`).", id="an unknown code"),
    ],
)
def test_where_slack_takes_no_file_the_lines_come_with_the_reason(bot: Bot, error: str, said: str) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, *(f"(job, pid=1) line {number}" for number in range(200)))
    bot.slack.faults({"method": "files.*", "trouble": "refused", "times": None, "error": error})
    bot.say(f"logs {RUN} lines=200")
    assert "line 199" in bot.told()
    assert said in bot.told()


def test_logs_of_an_ended_run_are_those_that_were_kept(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, "(job, pid=1) goodbye")
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12)
    bot.say(f"logs {RUN}")
    assert bot.reads().count("goodbye") == 1


def test_logs_that_cannot_be_read_now_are_those_that_were_kept_and_it_is_said(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, "(job, pid=1) kept")
    bot.ticks(2)
    bot.cloud.answers = False
    bot.say(f"logs {RUN}")
    assert "The cloud does not answer. These are the lines that were kept." in bot.reads()
    assert "kept" in bot.reads()


def test_logs_of_a_run_that_has_printed_nothing(bot: Bot) -> None:
    bot.running("launch smoke")
    bot.say(f"logs {RUN}")
    assert "(it has printed nothing yet)" in bot.reads()


def test_a_followed_log_grows_in_the_thread_until_its_time_is_over(bot: Bot) -> None:
    bot.running()
    bot.say(f"logs {RUN} lines=2 --follow")
    bot.cloud.print(CLUSTER, "(job, pid=1) one")
    bot.ticks(2)
    bot.cloud.print(CLUSTER, "(job, pid=1) two", "(job, pid=1) step:7 - actor/lr:1e-06", "(job, pid=1) three")
    bot.ticks(2, seconds=60)
    said = bot.reads(user=LEA)
    assert "actor/lr" not in said  # the card has the steps
    assert said.count("followed for @ana") == 1
    assert "two" in said
    assert "three" in said
    assert "pid=1) one" not in said
    bot.ticks(15, seconds=60)
    bot.cloud.print(CLUSTER, "(job, pid=1) four")
    bot.ticks(2, seconds=60)
    assert "four" not in bot.reads()


def test_the_log_of_a_run_that_is_over_cannot_be_followed(bot: Bot) -> None:
    bot.running()
    bot.cloud.finish(CLUSTER, JobState.SUCCEEDED)
    bot.ticks(12)
    assert "does not grow any more" in bot.say(f"logs {RUN} --follow")


def test_the_logs_button_answers_the_person_who_pressed_it(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, "(job, pid=1) pressed")
    bot.click("logs", RUN, user=BEN)
    assert "pressed" in bot.reads(user=BEN)
    assert "pressed" not in bot.reads(user=ANA)


def test_a_button_of_a_run_that_is_unknown_is_answered_in_words(bot: Bot) -> None:
    bot.click("stop", "smoke-9999", user=BEN)
    assert "There is no run `smoke-9999`." in bot.reads(user=BEN)


def test_a_mention_launches(bot: Bot) -> None:
    bot.mention("launch smoke nodes=2")
    bot.ticks(2)
    assert "Launching `smoke-0001`" in bot.reads()
    assert "Launching" not in bot.reads(user=BEN)
    assert "2 nodes" in bot.card()


def test_a_mention_is_answered_in_its_thread_for_all(bot: Bot) -> None:
    bot.mention("recipes")
    lines = bot.reads(user=BEN).splitlines()
    assert lines[0] == "ana: recipes"
    assert lines[1].startswith("    verlbot: ")


def test_what_a_mention_cannot_do_is_said_to_the_person_alone(bot: Bot) -> None:
    bot.mention("launch smok")
    assert "Did you mean `smoke`?" in bot.reads()
    assert "smok`" not in bot.reads(user=BEN)


def test_in_the_thread_of_a_card_the_run_can_be_left_out(bot: Bot) -> None:
    bot.running()
    bot.mention("stop", thread_ts=thread_of(bot))
    assert bot.run().requests.stop_requested_by == ANA


def test_another_persons_run_is_stopped_by_its_name_alone_even_in_its_thread(bot: Bot) -> None:
    bot.running()
    bot.mention("stop", thread_ts=thread_of(bot), user=BEN)
    assert bot.run().requests.stop_requested_by is None
    assert "You did not launch `smoke-0001`. To stop it, type its name too: `stop smoke-0001`." in bot.reads(user=BEN)
    bot.mention(f"stop {RUN}", thread_ts=thread_of(bot), user=BEN)
    assert bot.run().requests.stop_requested_by == BEN


def test_a_mention_that_is_delivered_twice_is_answered_once(bot: Bot) -> None:
    bot.mention("launch smoke", event_id="Ev7")
    bot.mention("launch smoke", event_id="Ev7")
    bot.mention("recipes", event_id="Ev8")
    bot.mention("recipes", event_id="Ev8")
    assert len(bot.store.list_open_runs()) == 1
    assert bot.reads().count("PPO on GSM8K") == 1


def test_what_slack_makes_of_a_line_is_undone(bot: Bot) -> None:
    bot.say("launch ppo model=<http://example.com/a|example.com/a> +a.b='x &amp;&amp; y &lt;z&gt;'")
    assert bot.run("ppo-0001").command_line == 'launch ppo model=example.com/a "+a.b=x && y <z>"'


@pytest.mark.parametrize("text", ["<!channel>", "&lt;!channel&gt; `x`", "<@U0BEN|ben> hey", "*bold* _it_ ```code```"])
def test_nothing_typed_pings_anybody_or_forges_markup(bot: Bot, text: str) -> None:
    bot.say(f"launch {text}")
    bot.say(f"launch ppo +a.b='{text}'")
    bot.ticks(2)
    messages = json.dumps(bot.slack.get("messages", user=ANA, channel=TRAINING))
    assert "<!channel>" not in messages
    assert "<@U0BEN" not in messages


def test_a_log_line_pings_nobody(bot: Bot) -> None:
    bot.running()
    bot.cloud.print(CLUSTER, "(job, pid=1) <!channel> ```")
    bot.cloud.finish(CLUSTER, JobState.FAILED, "<!here> failed")
    bot.ticks(12)
    for message in bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]:
        assert "<!here>" not in json.dumps(message)
        plain = [block for block in message["blocks"] if block["type"] != "rich_text"]
        assert "<!channel>" not in json.dumps(plain) + message["text"]


def test_a_node_that_the_run_has_not_is_refused_with_those_it_has(bot: Bot) -> None:
    bot.running()
    bot.say(f"logs {RUN} node=7")
    assert "`smoke-0001` has no node `7`. Valid: `0`, `1`." in bot.reads()
