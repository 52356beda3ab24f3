"""The help of every command."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from bot.__main__ import ACTIONS, READER_GONE, main
from bot.cli.command_line import build_parser
from bot.config.settings import Settings

GROUPS = sorted({command.partition(" ")[0] for command in ACTIONS if " " in command})
SETTINGS = {one.metadata["variable"] for one in fields(Settings) if one.metadata}


def read_help(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", [*ACTIONS, *GROUPS])
def test_each_command_names_the_settings_that_it_reads(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    reads = re.search(r"^reads: (\S.*)", read_help(command, capsys), re.MULTILINE)
    assert reads
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", reads[1]))
    assert named <= SETTINGS
    assert named or "no settings" in reads[1] or "docs/settings.md" in reads[1] or command in GROUPS


@pytest.mark.parametrize("command", [*ACTIONS, *GROUPS])
def test_each_command_says_what_it_does_with_an_example_that_can_be_typed(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = read_help(command, capsys)
    example = re.search(r"example:\n  verlbot (.*)", shown)
    assert example, shown
    assert example[1].startswith(command)
    line = example[1].partition(" > ")[0]
    words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", line)]
    action = build_parser(ACTIONS).parse_args(words).action
    assert action in [ACTIONS[name] for name in ACTIONS if name == command or name.startswith(f"{command} ")]
    assert re.search(r"^[A-Z][^\n]+\.", shown, re.MULTILINE), "no sentence"


@pytest.mark.slow
def test_the_bot_without_tokens_names_the_doctor() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "bot", "run"], env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "SLACK_BOT_TOKEN is not set" in answer.stderr
    assert "Run `verlbot doctor`" in answer.stderr


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_a_command_without_a_traceback() -> None:
    """As `verlbot doctor | head` does."""
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "manifest"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == READER_GONE
