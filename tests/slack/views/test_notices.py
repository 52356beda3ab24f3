"""What holds for every notice of a run: it names the run, speaks plainly, and writes no capital inside a sentence."""

import re
from collections.abc import Iterator

import pytest

from bot.core.model.run import Run
from bot.i18n import use_language
from bot.phrase import ENGLISH
from bot.slack.views.message import Message
from bot.slack.views.mrkdwn import date_and_time, to_literal
from bot.slack.views.run_thread import build_conversation
from tests.builders import at
from tests.slack.views import test_checkpoint_views, test_cluster_views, test_managed_job_views, test_run_thread
from tests.slack.views.test_languages import texts_in
from tests.slack.views.test_run_thread import LOG, NOW

STORIES: dict[str, Run] = {
    f"{module.__name__.rpartition('.')[2]}: {name}": run
    for module in (test_run_thread, test_checkpoint_views, test_cluster_views, test_managed_job_views)
    for name, run in module.RUNS.items()
}

DIALECT = re.compile(
    r"\b(?:nobody|whoever|somebody|anew|in earnest|as asked|at the most|wants to hear|has passed|look for|looks for)\b"
    r"|\bI may not\b|\bNothing can be seen\b|\bthe lease alone\b|\bits pace\b|\bgoes on\b|\bgo on\b|\bso that\b"
    r"|\b(?:is|are) spent\b|\bgiven up\b|\boutside of\b|\b\d+ %|\bpretended\b|\bdoes not go\b|\bdied with\b",
    re.IGNORECASE,
)
"""What a native reader stumbled over; the log of a program may say anything and is not read."""

LEADING_ITS = re.compile(r"(?:^|[.!?:*] ?\*?)Its (?!card\b)")
"""A sentence that begins with *Its* has no noun that it belongs to."""

CAPITAL_DAY = re.compile(r"\{date(?:_short|_long)?_pretty\}")
"""Slack writes *Today* and *Tomorrow* for these, with a capital."""


def messages_of(run: Run) -> Iterator[Message]:
    with use_language(ENGLISH):
        yield from build_conversation(run, NOW, LOG)


def sentences(message: Message) -> str:
    return "\n".join([message.text, *texts_in(list(message.blocks))])


@pytest.mark.parametrize("run", STORIES.values(), ids=STORIES)
def test_every_notice_names_its_run_in_the_channel_and_in_a_push_notification(run: Run) -> None:
    unnamed = [one.key for one in messages_of(run) if run.id not in to_literal(one.text)]
    assert unnamed == []
    assert [one.key for one in messages_of(run) if one.broadcast and run.id not in sentences(one)] == []


@pytest.mark.parametrize("run", STORIES.values(), ids=STORIES)
def test_no_notice_speaks_the_old_dialect(run: Run) -> None:
    for message in messages_of(run):
        said = sentences(message)
        assert not DIALECT.findall(said), message.key
        assert not LEADING_ITS.findall(message.text), message.key


@pytest.mark.parametrize("run", STORIES.values(), ids=STORIES)
def test_no_capital_stands_inside_a_sentence(run: Run) -> None:
    assert [one.key for one in messages_of(run) if CAPITAL_DAY.search(sentences(one))] == []


@pytest.mark.parametrize(
    ("hours", "pattern"),
    [
        pytest.param(0.5, "{time}", id="soon"),
        pytest.param(-11, "{time}", id="this morning"),
        pytest.param(12, "{date_short} {time}", id="half a day"),
        pytest.param(40, "{date_short} {time}", id="the day after"),
    ],
)
def test_a_moment_that_is_near_is_its_time_of_day_alone(hours: float, pattern: str) -> None:
    assert f"^{pattern}|" in date_and_time(at(hours * 3600), at(0))
