"""Findings show what the model answered: three samples, read once, while the cluster exists."""

import json
from dataclasses import replace

import pytest

from bot.core.frameworks import FRAMEWORK
from bot.core.model.finding import Finding, Severity
from bot.core.model.rollout import MAX_FINDING_SAMPLES
from tests.story import ANA, TRAINING, Bot

RUN = "smoke-0001"


def launched(bot: Bot, text: str = "answer") -> None:
    bot.say("launch smoke")
    bot.ticks(2)
    rows = [{"input": "6*7", "output": f"{text} {number}", "score": number / 10} for number in range(8)]
    bot.cloud.write_file(f"verl-{RUN}", f"{RUN}/rollouts/4.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def find(bot: Bot, name: str, step: int = 4) -> None:
    """Let a finding open."""
    finding = Finding(name, Severity.WARNING, step, 0.0, "It looks sick.", "0.1 after 0.9.", "Read answers.", "a page")
    run = bot.run()
    health = run.training.health.with_finding(finding)
    bot.store.update(RUN, lambda run: replace(run, training=replace(run.training, health=health)))


def posted(bot: Bot) -> list[str]:
    messages = bot.slack.get("messages", user=ANA, channel=TRAINING)["messages"]
    return [json.dumps(one["blocks"]) for one in messages if one["thread_ts"] and ":speech_balloon:" in one["text"]]


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("validation-falls", ["answer 7", "answer 6", "answer 5"]),
        ("reward-collapse", ["answer 0", "answer 1", "answer 2"]),
        ("silent-tools", ["answer"]),
    ],
)
def test_a_finding_shows_three_answers_in_the_thread_once(bot: Bot, name: str, answers: list[str]) -> None:
    launched(bot)
    find(bot, name)
    bot.ticks(4, seconds=20)
    (message,) = posted(bot)
    assert all(answer in message for answer in answers)
    assert message.count("rich_text_preformatted") == MAX_FINDING_SAMPLES
    assert name in message


@pytest.mark.parametrize("name", ["plateau", "memory-growth"])
def test_a_finding_that_answers_do_not_explain_shows_none(bot: Bot, name: str) -> None:
    launched(bot)
    find(bot, name)
    bot.ticks(3, seconds=20)
    assert posted(bot) == []


def test_a_cluster_that_cannot_be_read_is_asked_once_and_the_run_goes_on(bot: Bot) -> None:
    launched(bot)
    bot.cloud.breaks_fetch = "The cluster does not answer."
    find(bot, "reward-collapse")
    bot.ticks(2, seconds=20)
    bot.cloud.breaks_fetch = None
    bot.ticks(2, seconds=20)
    assert posted(bot) == []
    assert [found.batch for found in bot.run().training.finding_samples] == [None]


def test_no_run_shows_samples_of_more_than_a_few_findings(bot: Bot) -> None:
    launched(bot)
    for name in sorted(FRAMEWORK.samples.finding_orders)[: MAX_FINDING_SAMPLES + 2]:
        find(bot, name)
        bot.ticks(2, seconds=20)
    assert len(bot.run().training.finding_samples) == MAX_FINDING_SAMPLES


def test_a_record_keeps_short_texts_alone(bot: Bot) -> None:
    launched(bot, "word " * 50_000)
    find(bot, "reward-collapse")
    bot.tick(20)
    (found,) = bot.run().training.finding_samples
    assert found.batch
    assert all(len(sample.answer) < 2_000 for sample in found.batch.samples)
    assert [sample.answer[-1] for sample in found.batch.samples] == ["0", "1", "2"]


def test_every_finding_with_samples_is_one_of_a_detector() -> None:
    assert set(FRAMEWORK.samples.finding_orders) <= {detector.name for detector in FRAMEWORK.detectors}
