"""What Slack makes of a typed name is shown back as the name, wherever it was typed."""

import re

import pytest

from bot.core.commands.specs import COMMAND_SPECS
from tests.story import ANA, Bot

MARKUP = {
    "a person": "<@U0BEN|ben>",
    "a person without a name": "<@U0BEN>",
    "a channel": "<#C0TRAIN|training>",
    "a user group": "<!subteam^S0LEADS|@leads>",
    "a user group without a name": "<!subteam^S0LEADS>",
    "everybody": "<!here>",
}
RAW = re.compile(
    r"(?:(?:<|&lt;)(?:[@#!][^<>&]{0,40}[|^](?:ben|training|@leads|s0leads)|!here)|&lt;@u0ben)",
    re.IGNORECASE,
)
"""Such markup, live or escaped; without a name in it, the mention of a person may be the bot's own."""


def list_lines(word: str) -> list[str]:
    """The command with a placeholder for each name and each setting that it takes, and one word too many."""
    spec = COMMAND_SPECS[word]
    example = spec.example.split()
    places = [[*example[:place], "{}", *example[place + 1 :]] for place in range(1, len(example))]
    options = [[word, *(["smoke-0001"] if "RUN" in spec.required else []), f"{key}={{}}"] for key in spec.options]
    lines = [
        [word, "{}"],
        [word, "{}", "3"],
        [*example, "{}"],
        [*example, "x={}"],
        [*example, "--{}"],
        *places,
        *options,
    ]
    return list(dict.fromkeys(" ".join(line) for line in lines))


@pytest.mark.parametrize("kind", MARKUP)
@pytest.mark.parametrize("word", COMMAND_SPECS)
def test_no_answer_shows_the_markup_of_a_typed_name(bot: Bot, word: str, kind: str) -> None:
    bot.running("launch smoke")
    for line in [f"{MARKUP[kind]} {word}", *(line.replace("{}", MARKUP[kind]) for line in list_lines(word))]:
        shown = bot.say(line, user=ANA) or bot.told(user=ANA)
        assert shown
        assert RAW.search(shown) is None, (line, shown)


@pytest.mark.parametrize("line", ["list <@U0BEN|ben>", "list all <@U0BEN>", "list ended @ben"])
def test_a_person_where_a_list_is_expected_is_pointed_to_who(bot: Bot, line: str) -> None:
    assert "`/verl list who=@PERSON`" in bot.say(line)


@pytest.mark.parametrize("line", ["budget <!subteam^S0LEADS|@leads> 3", "list who=<!subteam^S0LEADS|@leads>"])
def test_a_user_group_is_called_one(bot: Bot, line: str) -> None:
    answer = bot.say(line) or bot.told()
    assert "`@leads` is a user group" in answer
    assert "Name a person" in answer


def test_a_log_is_searched_for_what_was_typed(bot: Bot) -> None:
    bot.running("launch smoke")
    bot.say("logs smoke-0001 grep=<@U0BEN|ben>")
    assert "No match for `@ben`" in bot.told()
