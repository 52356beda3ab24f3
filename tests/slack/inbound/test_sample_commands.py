"""`/verl samples`, as people see it: posted to the run's thread, as text that pings no one."""

import json
from typing import Any

import pytest

from bot.core.model.run_state import RunStatus
from tests.story import ANA, BEN, SECRET, TRAINING, Bot

RUN = "smoke-0001"


def launched(bot: Bot, line: str = "launch smoke", **where: Any) -> None:
    bot.say(line, **where)
    bot.ticks(2)


def write(bot: Bot, step: int = 4, folder: str = "rollouts", rows: int = 8, text: str = "answer") -> None:
    documents = [
        {"input": "6*7", "output": f"{text} {n}", "gts": "42", "score": n / 10, "step": step} for n in range(rows)
    ]
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    bot.cloud.write_file(f"verl-{RUN}", f"{RUN}/{folder}/{step}.jsonl", lines)


def thread(bot: Bot, user: str = ANA, channel: str = TRAINING) -> list[dict[str, Any]]:
    messages = bot.slack.get("messages", user=user, channel=channel)["messages"]
    return [one for one in messages if one["thread_ts"] and ":speech_balloon:" in one["text"]]


def printed(message: dict[str, Any]) -> list[str]:
    blocks = [block for block in message["blocks"] if block["type"] == "rich_text"]
    return [block["elements"][0]["elements"][0]["text"] for block in blocks]


@pytest.mark.parametrize(
    ("line", "first", "count"),
    [
        (f"samples {RUN} best n=3", "answer 7", 3),
        (f"samples {RUN} worst", "answer 0", 5),
        (f"samples {RUN} worst step=4 n=1", "answer 0", 1),
        (f"rollouts {RUN} n=2 step=4 BEST", "answer 7", 2),
        (f"样本 {RUN} best", "answer 7", 5),
    ],
)
def test_samples_are_posted_to_the_thread_of_their_run(bot: Bot, line: str, first: str, count: int) -> None:
    launched(bot)
    write(bot)
    bot.say(line)
    assert "the thread of smoke-0001" in bot.told()
    (message,) = thread(bot)
    assert first in printed(message)[0]
    assert len(printed(message)) == count
    assert "step 4" in message["text"]
    assert "scores 0.00 to 0.70, mean 0.35" in message["text"]


def test_samples_of_a_validation_are_those_of_its_own_folder(bot: Bot) -> None:
    launched(bot)
    write(bot)
    write(bot, 10, "validations", text="validated")
    bot.say(f"samples {RUN} validation best")
    (message,) = thread(bot)
    assert "validation at step 10" in message["text"]
    assert "validated 7" in printed(message)[0]


def test_an_answer_of_the_model_pings_no_one_and_renders_as_nothing(bot: Bot) -> None:
    launched(bot)
    hostile = "<!channel> <@U0BEN> *bold* <https://example.com|click> :tada: @here ```code```"
    write(bot, rows=1, text=hostile)
    bot.say(f"samples {RUN}")
    (message,) = thread(bot)
    assert hostile in printed(message)[0]
    others = [block for block in message["blocks"] if block["type"] != "rich_text"]
    assert "example.com" not in json.dumps(others) + message["text"]


def test_a_secret_in_an_answer_is_masked(bot: Bot) -> None:
    launched(bot)
    write(bot, rows=1, text="key hf_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3h")
    bot.say(f"samples {RUN}")
    assert "hf_aB3d" not in json.dumps(thread(bot))


def test_long_answers_are_cut_in_the_message_and_whole_in_a_file(bot: Bot) -> None:
    launched(bot)
    write(bot, text="begin " + "word " * 3_000 + "end")
    bot.say(f"samples {RUN} best n=2")
    assert "a file" in bot.told()
    (message,) = thread(bot)
    assert all("begin" in text and "end 7" in text for text in printed(message)[:1])
    assert len("".join(printed(message))) < 12_000


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"samples {RUN} step=9", "has no samples of step 9"),
        (f"samples {RUN} validation", "has written no samples yet"),
        (f"samples {RUN} loudest", "I didn't understand `loudest`"),
        (f"samples {RUN} best worst", "Give one of `best`, `worst` and `random`"),
        (f"samples {RUN} n=21", "`n` must be a whole number from 1 to 20"),
        (f"samples {RUN} step=-1", "`step` must be a whole number"),
        ("samples smoke-9999", "There is no run `smoke-9999`"),
    ],
)
def test_what_cannot_be_shown_is_explained(bot: Bot, line: str, words: str) -> None:
    launched(bot)
    write(bot)
    assert words in (bot.say(line) or bot.told())
    assert thread(bot) == []


def test_a_step_that_is_gone_names_those_that_are_kept(bot: Bot) -> None:
    launched(bot)
    for step in (3, 4):
        write(bot, step)
    bot.say(f"samples {RUN} step=1")
    assert "Valid: `4`, `3`." in bot.told()


def test_a_cluster_that_does_not_answer_is_said_to_be_so(bot: Bot) -> None:
    launched(bot)
    bot.cloud.breaks_fetch = "The cluster does not answer."
    bot.say(f"samples {RUN}")
    assert "The cluster does not answer." in bot.told()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("launch smoke", "were on its cluster, which no longer exists. Launch with `volume=` or `bucket=`"),
        (
            "launch smoke bucket=s3://models/team-a",
            "Type `aws s3 ls s3://models/team-a/smoke-0001/rollouts/` where you have access to it",
        ),
        ("launch smoke volume=models", "Mount it on a machine and read the folder `/checkpoints/smoke-0001/rollouts/`"),
    ],
)
def test_after_the_end_the_answer_says_where_the_samples_are_and_what_to_type(bot: Bot, line: str, words: str) -> None:
    launched(bot, line)
    bot.say(f"stop {RUN} save=no")
    bot.ticks(8, seconds=20)
    assert bot.run().status is RunStatus.ENDED
    bot.say(f"samples {RUN}")
    assert words in bot.told()


def test_in_the_thread_of_a_run_its_name_may_be_left_out(bot: Bot) -> None:
    launched(bot)
    write(bot)
    bot.mention("samples worst n=1", thread_ts=bot.run().messages.sent["card"].ts)
    assert len(thread(bot)) == 1


def test_the_samples_of_a_private_run_are_for_its_channel_alone(bot: Bot) -> None:
    launched(bot, channel=SECRET)
    write(bot)
    assert "belongs to a private channel" in bot.say(f"samples {RUN}", user=BEN, channel=TRAINING)
    assert thread(bot, channel=SECRET) == []
