"""What people type, through Bolt's own dispatch, and what they are answered."""

from datetime import timedelta
from typing import Any

import pytest
from slack_bolt import BoltRequest

from bot.core.model.policy import Policy
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, RANDOM, SECRET, TRAINING, Bot

RUN = "smoke-0001"
WRITE_AMOUNT = "Write the amount as `"

AMOUNTS = [
    "3,50",
    "3,5",
    "3.5.0",
    "1,00",
    "3 $",
    "3€",
    "1e3",
    "nan",
    "-1",
    "٣",
    "3²",
    "½",
    "1.000,50",
    "$",
    "-$3",
    "0x5",
]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("line", ["budget smoke-0001 {}", "budget team {}", "budget <@U0ANA> {}"])
def test_an_amount_that_can_be_read_in_two_ways_is_refused(bot: Bot, line: str, amount: str) -> None:
    bot.running()
    before = bot.run().limits.budget_dollars
    assert WRITE_AMOUNT in bot.say(line.format(amount), user=BEN)
    assert bot.run().limits.budget_dollars == before


@pytest.mark.parametrize("amount", [amount for amount in AMOUNTS if " " not in amount])
def test_a_launch_judges_its_budget_alike(bot: Bot, amount: str) -> None:
    assert WRITE_AMOUNT in bot.say(f"launch smoke budget={amount}")
    assert WRITE_AMOUNT in bot.say(f"launch smoke budget={amount} --dry-run")
    assert bot.store.list_open_runs() == []


@pytest.mark.parametrize(
    ("amount", "dollars"),
    [("3.5", 3.5), ("$3", 3), ("3.50", 3.5), ("1,000", 1000), ("1,000.50", 1000.5), ("３．５", 3.5), ("「4」", 4)],
)
def test_an_amount_that_can_be_read_in_one_way_is_taken(bot: Bot, amount: str, dollars: float) -> None:
    bot.running()
    bot.say(f"budget {RUN} {amount}", user=ANA)
    assert bot.run().limits.budget_dollars == dollars


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        pytest.param("launch smoke，nodes=2", "Launching `", id="a Chinese comma between two words"),
        pytest.param("launch smoke，nodes=2，steps=9", "Launching `", id="Chinese commas between settings"),
        pytest.param("launch smoke, nodes=2", "Launching `", id="a comma between two words"),
        pytest.param("launch smoke nodes＝２", "Launching `", id="a full-width sign and digit"),
        pytest.param("ｌａｕｎｃｈ　ｓｍｏｋｅ", "Launching `", id="full-width letters and space"),
        pytest.param("launch smoke budget=「0.05」", "Launching `", id="Chinese quotes"),
        pytest.param("launch smoke lease=2 hours", "Launching `", id="a unit after a space"),
        pytest.param("launch smoke lease=90 minutes steps=9", "Launching `", id="another unit"),
        pytest.param("launch smoke lease=1d", "Launching `", id="a day"),
        pytest.param("launch smoke lease=abc", "a time such as `2h`, `90m` or `1d`", id="no time at all"),
        pytest.param("start smoke", "Launching `", id="an alias"),
        pytest.param("/verl launch smoke", "Launching `", id="the command twice"),
        pytest.param("ps", "No run is active", id="ps"),
        pytest.param("ls", "No run is active", id="ls"),
        pytest.param("runs", "No run is active", id="runs"),
        pytest.param("kill", "Which run?", id="kill"),
        pytest.param("log", "Which run?", id="log"),
        pytest.param("costs nope", "There is no run `nope`", id="costs"),
        pytest.param("帮助", "显示所有命令", id="help in Chinese"),
        pytest.param("help 启动", "用配方启动任务", id="help on a Chinese word"),
        pytest.param("hello", "I launch verl training runs", id="a greeting"),
        pytest.param("help compare", "compare [A [B]]", id="optional names"),
        pytest.param("help budget", "budget [RUN|team|workspace|@PERSON [DOLLARS]]", id="optional dollars"),
        pytest.param("language 中文", "你的语言是简体中文", id="Chinese by its own name"),
        pytest.param("language chinese", "你的语言是简体中文", id="Chinese in English"),
        pytest.param("language zh", "你的语言是简体中文", id="Chinese, short"),
        pytest.param("language English", "Your language is English", id="English"),
        pytest.param("budget team", "This channel", id="what the channel may spend"),
        pytest.param("budget <@U0ANA|ana>", "<@U0ANA>", id="what a person may spend"),
        pytest.param("budget @nobody 800", "No person called `@nobody` has used verlbot.", id="no such person"),
        pytest.param("compare A B C", "`compare` takes two runs.", id="three runs"),
        pytest.param("report smoke-0001 every 0 steps", "must be at least 1", id="no steps"),
        pytest.param("extend smoke-0001 30", "`extend smoke-0001 30m` or `extend smoke-0001 30h`", id="30 of what"),
        pytest.param("extend smoke-0001 12", "There is no run `smoke-0001`", id="12 hours"),
        pytest.param("report daily 9am", "09:00", id="a time of a clock of twelve hours"),
        pytest.param("report daily at 9:30 pm tz=UTC", "21:30", id="a time with a space"),
        pytest.param("report weekdays noon tz=UTC", "12:00", id="noon"),
        pytest.param("report daily 09：00 quiet=22：00～07：00 tz=UTC", "22:00", id="Chinese colons and a wave"),
        pytest.param("report every 2 hours tz=UTC", "every 2 h", id="a period"),
        pytest.param("report daily 25:00", "`25:00` is not a time of day", id="no time of day"),
        pytest.param("report daily 9am tz=Mars", "such as", id="no time zone: examples"),
        pytest.param("launch smoke image=x", "has no parameter `image`", id="no parameter"),
        pytest.param("describe", "Which recipe?", id="no recipe"),
        pytest.param("describe smoke extra", "I didn't understand `extra`.", id="a word too many"),
        pytest.param("launch smoke nodes = 2", "Remove the spaces around `=`.", id="spaces around ="),
        pytest.param("launch smoke nodes=two", "must be a whole number from 1 to 8, not `two`", id="no number"),
        pytest.param("launch ppo batch_size=257", "multiple of 8 (4 × 2 GPUs), and is 257", id="an odd batch"),
        pytest.param("launch ppo batch_size=257 --dry-run", "`batch_size=256`, `batch_size=264`", id="a dry run of it"),
        pytest.param("launch ppo data.train_batch_size=257", "multiple of 8 (4 × 2 GPUs), and is 257", id="verl's own"),
        pytest.param("launch ppo data.train_batch_size=x", "must be a whole number, not `x`", id="no number for verl"),
        pytest.param("launch ppo nodes=3", "must be a multiple of 12", id="GPUs that do not divide the default"),
        pytest.param("launch grpo batch_size=33", "must be a multiple of 2, and is 33", id="half a batch"),
        pytest.param("launch ppo foo.bar=3", "verl has no setting `foo.bar`.", id="an unknown group"),
        pytest.param("launch ppo trainr.total_epochs=3", "Did you mean `trainer.total_epochs`?", id="a mistyped group"),
        pytest.param("launch ppo trainer.totl_epochs=3", "`trainer.total_epochs`", id="a mistyped setting"),
        pytest.param("launch ppo trainer.total_epochs=3", "Launching `", id="a setting of verl"),
        pytest.param("launch ppo +foo.bar=3", "Launching `", id="a setting that is added"),
        pytest.param("launch smoke dry-run", "Did you mean `--dry-run`?", id="a flag without dashes"),
        pytest.param("launch smoke foo.bar=3", "and 17 more: `/verl describe smoke`.", id="parameters, a few of them"),
        pytest.param("extend 2h", "Which run?", id="a time without a run"),
        pytest.param("list state=nope", "`succeeded`, `failed`, `stopped`, `declined`;", id="no state: all states"),
        pytest.param("list since=2026-13-01", "`since` cannot be `2026-13-01`.", id="no day"),
        pytest.param("list since=soon", "`mon`, `yesterday`, `2026-11-03`, `12h`, `7d`", id="no time"),
        pytest.param("list recipe=smok", "Did you mean `smoke`?", id="a mistyped recipe"),
        pytest.param("list who=@zoe", "No person called `@zoe` has used verlbot.", id="no person of that name"),
        pytest.param("list status=running", "Did you mean `state`?", id="a mistyped filter"),
    ],
)  # fmt: skip
def test_each_line_gets_its_answer(bot: Bot, typed: str, answer: str) -> None:
    said = bot.say(typed) or bot.told()
    assert answer in said


@pytest.mark.parametrize("dashes", ["--", "—", "——", "––", "－－", "—-"])
def test_dashes_of_every_keyboard_make_a_flag(bot: Bot, dashes: str) -> None:
    bot.say(f"launch smoke {dashes}dry-run")
    assert "The dry run starts nothing." in bot.told()
    assert bot.store.list_open_runs() == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("why=慢，再来", "why=慢，再来"),
        ("why=“ｗｉｄｅ ２”", "why=ｗｉｄｅ ２"),
    ],
)
def test_free_text_is_kept_as_it_was_typed(bot: Bot, typed: str, kept: str) -> None:
    bot.say(f"launch smoke {typed}")
    assert kept in bot.run().command_line


def test_an_override_keeps_its_value(bot: Bot) -> None:
    bot.say("launch ppo data.prompt_key＝“ａ，ｂ”")
    assert "data.prompt_key=ａ，ｂ" in bot.run("ppo-0001").command_line


@pytest.mark.parametrize("text", ["2 hours", "2 hour", "2h", "2 h", "120 minutes", "120m"])
def test_a_lease_is_extended_by_a_time_as_people_write_it(bot: Bot, text: str) -> None:
    bot.running()
    before = bot.run().limits.lease
    bot.say(f"extend {RUN} {text}")
    assert (bot.run().limits.lease - before).total_seconds() == 2 * 3600


def launch_one_of_each_kind(bot: Bot) -> None:
    """Launch a run that is stopped, one of ppo's, one of Ben's, and one eight days later."""
    bot.running("launch smoke steps=5")
    bot.say(f"stop {RUN}")
    bot.ticks(12)
    bot.say("launch ppo")
    bot.say("launch smoke --yes", user=BEN)
    bot.moment += timedelta(days=8)
    bot.say("launch smoke")


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ("recipe=ppo", {2}),
        ("recipe=PPO", {2}),
        ("who=<@U0BEN>", {3}),
        ("who=<@U0BEN|ben>", {3}),
        ("who=@ben", {3}),
        ("who=Ben", {3}),
        ("who=me", {2, 4}),
        ("state=stopped", {1}),
        ("stopped", {1}),
        ("all state=waiting", {2, 3, 4}),
        ("since=mon", {4}),
        ("since=2d", {4}),
        ("since=2 days", {4}),
        ("since=「1 week」", {4}),
        ("since=2026-01-02", {1, 2, 3, 4}),
        ("since=2026-11-01", set()),
        ("ended who=me", {1}),
        ("recipe=smoke who=@ana since=2026-01-01", {1, 4}),
    ],
)
def test_a_list_is_narrowed_down(bot: Bot, filters: str, shown: set[int]) -> None:
    launch_one_of_each_kind(bot)
    bot.say(f"list {filters}")
    lines = set(bot.told().split())
    names = {1: "smoke-0001", 2: "ppo-0002", 3: "smoke-0003", 4: "smoke-0004"}
    assert {number for number, name in names.items() if name in lines} == shown


@pytest.mark.parametrize("typed", [f"`{RUN}`", f"{RUN}.", f"({RUN})", f"“{RUN}”", RUN.upper(), f"{RUN}，"])
def test_a_run_is_found_by_its_name_as_people_copy_it(bot: Bot, typed: str) -> None:
    bot.running()
    assert f"`{RUN}`" not in bot.say(f"status {typed}")
    assert f"{RUN} is running" in bot.say(f"status {typed}")


@pytest.mark.parametrize("text", ["budget 2", "budget smoke-0001 2", "extend 1h", "延长 1小时", "预算 2"])
def test_the_thread_of_a_run_hears_of_a_changed_limit_once(bot: Bot, text: str) -> None:
    bot.running()
    bot.speak()
    before = bot.reads()
    bot.mention(text, thread_ts=bot.run().messages.sent["card"].ts)
    bot.speak()
    said = bot.reads().removeprefix(before)
    assert said.count("changed the budget") + said.count("extended the lease") == 1
    assert "is now" not in said
    assert "Lease extended" not in said


@pytest.mark.parametrize("text", ["stop", f"stop {RUN}", f"stop {RUN} save=no", "停止"])
def test_the_thread_of_a_run_hears_of_its_stop_once(bot: Bot, text: str) -> None:
    bot.running()
    bot.speak()
    before = bot.reads()
    bot.mention(text, thread_ts=bot.run().messages.sent["card"].ts)
    bot.ticks(12)
    said = bot.reads().removeprefix(before)
    assert said.count("@ana stopped smoke-0001") == 1, said
    assert ":octagonal_sign:" not in said


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("approve", "has approved"),
        (f"approve {RUN}", "has approved"),
        (f"decline {RUN} why=large", "declined the launch"),
        ("批准", "has approved"),
    ],
)
def test_the_thread_of_a_launch_hears_of_the_decision_once(bot: Bot, text: str, outcome: str) -> None:
    bot.policy = Policy(grants=approvers(LEA), approve_above_dollars=0.01)
    bot.say("launch smoke")
    bot.speak()
    bot.mention(text, LEA, thread_ts=bot.run().messages.sent["card"].ts)
    bot.speak()
    said = bot.reads()
    assert said.count(outcome) == 2, said  # in the thread, and the same message in the channel
    assert "is approved and launching" not in said
    assert "so it does not launch" not in said


@pytest.mark.parametrize("text", ["budget smoke-0001 2", "extend smoke-0001 1h"])
def test_a_limit_changed_elsewhere_is_answered_with_a_link_to_the_run(bot: Bot, text: str) -> None:
    bot.running()
    assert "|smoke-0001>" in bot.say(text)


def test_a_stop_in_the_thread_of_ones_own_ended_run_says_that_it_has_ended(bot: Bot) -> None:
    bot.running()
    bot.say(f"stop {RUN}")
    bot.ticks(12)
    bot.mention("stop", thread_ts=bot.run().messages.sent["card"].ts)
    assert "did not launch" not in bot.reads()
    assert "No machine of it is running." in bot.reads()


@pytest.mark.parametrize("code", ["used_url", "expired_url"])
def test_an_answer_that_its_url_no_longer_takes_reaches_the_person_all_the_same(bot: Bot, code: str) -> None:
    bot.slack.faults({"method": "response_url", "trouble": "refused", "error": code, "times": None})
    bot.say("list")
    assert "No run is active" in bot.told()
    bot.click("logs", "smoke-9999")
    assert "There is no run" in bot.told()


def test_an_answer_goes_as_a_direct_message_where_neither_its_url_nor_the_channel_takes_it(bot: Bot) -> None:
    bot.slack.faults(
        {"method": "response_url", "trouble": "refused", "error": "used_url", "times": None},
        {"method": "chat.postEphemeral", "trouble": "refused", "error": "not_in_channel", "times": None},
    )
    bot.say("list")
    assert "No run is active" in bot.reads(channel=bot.playground._slack.workspace.direct(ANA).id)


def test_a_suggestion_is_near_or_none(bot: Bot) -> None:
    bot.say("launch smoke")
    assert "Did you mean" not in bot.say("status smoke-9999")
    assert "Did you mean `smoke-0001`?" in bot.say("status smoke-0002")
    assert "Did you mean" not in bot.say("launch smoke image=x")
    assert "Did you mean `status`?" in bot.say("stauts")


def test_a_list_of_names_is_short(bot: Bot) -> None:
    for _ in range(12):
        bot.say("launch smoke --yes")
    said = bot.say("status nonsense")
    assert said.count("`smoke-") == 8
    assert "and 4 more: `/verl list all`." in said


def test_a_resume_that_cannot_be_names_the_run(bot: Bot) -> None:
    bot.running()
    bot.say(f"stop {RUN}")
    bot.ticks(12)
    assert f"`{RUN}` can't be resumed:" in bot.say(f"resume {RUN}")


def write_direct_message(bot: Bot, text: str, user: str = ANA, **more: Any) -> str:
    """Deliver a direct message as Slack does; return what the conversation shows."""
    channel = bot.playground._slack.workspace.direct(user).id
    event = {"type": "message", "channel_type": "im", "user": user, "text": text, "channel": channel, "ts": "9.0"}
    event_id = f"Ev{next(bot.deliveries)}"
    body = {"type": "event_callback", "team_id": "T0PLAY", "event_id": event_id, "event": event | more}
    assert bot.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200
    return bot.reads(user=user, channel=channel)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("hello", "I launch verl training runs"),
        ("status", "No run is active"),
        ("/verl status", "No run is active"),
        ("recipes", "PPO on GSM8K"),
        ("lanch smoke", "Did you mean `launch`?"),
        ("launch smoke", "Launching `smoke-0001`"),
        ("<@U0VERLBOT> status", "No run is active"),
        ("<@U0VERLBOT>", "I launch verl training runs"),
    ],
)
def test_a_direct_message_is_a_command_without_a_prefix(bot: Bot, text: str, answer: str) -> None:
    assert answer in write_direct_message(bot, text)


@pytest.mark.parametrize(
    "more",
    [
        {"bot_id": "B0APP"},
        {"subtype": "message_changed"},
        {"subtype": "file_share"},
        {"subtype": "thread_broadcast"},
        {"subtype": "bot_message"},
        {"hidden": True},
        {"channel_type": "channel"},
    ],
    ids=str,
)
def test_what_no_person_has_typed_is_not_answered(bot: Bot, more: dict[str, Any]) -> None:
    assert "verlbot:" not in write_direct_message(bot, "launch smoke", **more)
    assert bot.store.list_open_runs() == []


def test_a_mention_alone_says_what_the_bot_can_do(bot: Bot) -> None:
    bot.running()
    bot.mention("")
    assert "I launch verl training runs" in bot.reads()
    bot.mention("", thread_ts=bot.run().messages.sent["card"].ts)
    assert bot.reads().count("I launch verl training runs") == 2


def test_a_card_that_comes_as_a_direct_message_is_announced_as_one(bot: Bot) -> None:
    workspace = bot.playground._slack.workspace
    if workspace.bot in workspace.channels[SECRET].members:
        workspace.channels[SECRET].members.remove(workspace.bot)
    said = bot.say("launch smoke", channel=SECRET)
    assert "its card comes to our direct messages" in said
    assert "Launching `" in bot.say("launch smoke", channel=RANDOM)


@pytest.mark.parametrize(
    ("container", "message", "in_thread"),
    [
        pytest.param({"thread_ts": "1.0"}, {"thread_ts": "1.0"}, True, id="a reply"),
        pytest.param({"thread_ts": "1.0"}, {"subtype": "thread_broadcast"}, False, id="a reply sent to the channel"),
        pytest.param({}, {}, False, id="a message of the channel"),
    ],
)
def test_a_button_is_answered_where_it_was_pressed(
    bot: Bot, container: dict[str, str], message: dict[str, str], in_thread: bool
) -> None:
    where = {
        "channel": {"id": TRAINING},
        "container": {"type": "message", "message_ts": "2.0", "channel_id": TRAINING} | container,
        "message": {"ts": "2.0"} | message,
        "response_url": bot.playground._deliveries.new_response_url(BEN, TRAINING),
    }
    bot.act(where, {"type": "button", "action_id": "stop", "value": "smoke-9999"}, BEN)
    (answer,) = [
        one for one in bot.slack.get("messages", user=BEN, channel=TRAINING)["messages"] if one["only_for"] == BEN
    ]
    assert (answer["thread_ts"] == "1.0") is in_thread


def test_a_recipe_that_cannot_run_here_says_so_where_it_is_chosen(bot: Bot) -> None:
    bot.cloud.refuses = "There is no H100."
    bot.say("launch")
    bot.chooses("ppo")
    blocks = bot.view()["blocks"]
    assert "`ppo` cannot run here. There is no H100." in blocks[1]["text"]["text"]


def launch_and_end(bot: Bot, line: str) -> str:
    """Launch a run, stop it, and return its id once it has ended."""
    run_id = bot.running(line)
    bot.say(f"stop {run_id}")
    bot.ticks(12)
    return run_id


def test_a_plot_before_the_first_step_says_where_to_look_whatever_is_asked_for(bot: Bot) -> None:
    run_id = bot.running("launch smoke")
    for line in (f"plot {run_id}", f"plot {run_id} nope"):
        assert f"`{run_id}` has no metrics yet. Its log: `/verl logs {run_id}`." in bot.say(line)


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ("batch_size=257", "must be a multiple of 8 (4 × 2 GPUs), and is 257"),
        ("foo.bar=3", "verl has no setting `foo.bar`."),
        ("budget=3,50", WRITE_AMOUNT),
    ],
)
def test_a_retry_judges_its_settings_as_a_launch_does(bot: Bot, settings: str, answer: str) -> None:
    run_id = launch_and_end(bot, "launch ppo")
    assert answer in bot.say(f"retry {run_id} {settings}")
    assert bot.store.list_open_runs() == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"budget": "3,50"}, "Write the amount as 3.50."),
        ({"batch_size": "257"}, "must be a multiple of 8"),
        ({"overrides": "foo.bar=3"}, "verl has no setting"),
        ({"overrides": "data.train_batch_size=257"}, "data.train_batch_size must be a multiple of 8"),
    ],
    ids=["an amount", "a batch", "an override", "a batch as an override"],
)
def test_a_form_judges_its_fields_as_a_launch_does(bot: Bot, values: dict[str, str], problem: str) -> None:
    bot.say("launch")
    bot.chooses("ppo")
    refused = bot.submits(**values)
    assert [block.rpartition(".")[2] for block in refused] == list(values)  # under the field that caused it
    assert problem in "".join(refused.values())
    assert bot.store.list_open_runs() == []
