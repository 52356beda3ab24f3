"""Lines that begin with no command: what was meant is suggested, and what is typed elsewhere is said to be."""

import argparse
import shlex

import pytest

from bot.cli.command_line import build_parser
from bot.core.commands.aliases import resolve_command_word
from bot.core.commands.parser import parse_command
from bot.core.commands.specs import COMMAND_SPECS
from bot.core.commands.unknown_commands import ANSWERS, GUESSES, SHELL_COMMANDS
from tests.builders import refusal_of


def say(line: str, thread_run: str | None = None) -> str:
    refusal = refusal_of(lambda: parse_command(line, thread_run))
    assert refusal is not None
    return str(refusal.sentence)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("please approve two", "approve ppo-7f3a"),
        ("looks good, approve", "approve ppo-7f3a"),
        ("can you stop two?", "stop ppo-7f3a"),
        ("what is the status of my run?", "status ppo-7f3a"),
        ("show me the logs", "logs ppo-7f3a"),
        ("how much did it cost", "cost ppo-7f3a"),
        ("怎么查看费用", "cost ppo-7f3a"),
        ("请停止 two", "stop ppo-7f3a"),
    ],
)
def test_a_sentence_is_pointed_to_the_command_in_it(line: str, command: str) -> None:
    assert f"The command comes first, as in `/verl {command}" in say(line)
    assert f"The command comes first, as in `/verl {command}" in say(line, "ppo-7f3a")
    assert refusal_of(lambda: parse_command(command)) is None


@pytest.mark.parametrize("word", ANSWERS)
def test_an_answer_of_everyday_decides_nothing_and_is_told_the_command(word: str) -> None:
    assert f"Did you mean `{ANSWERS[word]}`?" in say(word, "ppo-7f3a")


def test_no_answer_of_everyday_is_a_command() -> None:
    assert not {resolve_command_word(word) for word in ANSWERS} & set(COMMAND_SPECS)


@pytest.mark.parametrize("word", GUESSES)
def test_a_guess_is_no_command_and_is_told_one(word: str) -> None:
    assert resolve_command_word(word) not in COMMAND_SPECS
    assert f"Did you mean `{GUESSES[word]}`?" in say(f"{word} one")


def list_shell_commands() -> set[str]:
    (group,) = (action for action in build_parser({})._actions if isinstance(action, argparse._SubParsersAction))
    return set(group.choices)


def test_every_command_of_a_shell_is_known() -> None:
    in_slack = {word for word in list_shell_commands() if resolve_command_word(word) in COMMAND_SPECS}
    assert in_slack == {"run", "recipes"}
    assert list_shell_commands() - in_slack == set(SHELL_COMMANDS) - {"check"}


@pytest.mark.parametrize("word", SHELL_COMMANDS)
def test_a_command_of_a_shell_is_said_to_be_one(word: str) -> None:
    line = SHELL_COMMANDS[word]
    assert say(f"{word} file") == f"`{word}` is not a command in Slack. Type `{line}` in a shell on the bot's machine."
    build_parser({}).parse_args(shlex.split(line)[1:])  # which ends the process where the line is not valid


def test_the_check_of_recipes_is_a_command_of_a_shell() -> None:
    assert "Type `verlbot recipes check ./recipes` in a shell" in say("recipes check ppo.yaml")


@pytest.mark.parametrize("prefix", ["verlbot", "@verlbot", "/verlbot", "/verl", "Verl"])
def test_the_bots_own_name_before_a_command_is_not_needed(prefix: str) -> None:
    assert parse_command(f"{prefix} status ppo-7f3a") == parse_command("status ppo-7f3a")
