"""Log lines in a message: cut, the last ones first, and how to get them all."""

import pytest

from bot.app.run_queries import LogExcerpt
from bot.core.commands.command import ShowLogs
from bot.slack.views import log_excerpt
from slack_playground.checks import check_message
from tests.builders import running


def test_a_look_at_long_lines_shows_their_beginnings_and_how_to_get_the_whole() -> None:
    found = LogExcerpt(running(), ShowLogs("r"), [f"step:{number} - " + "x" * 5_000 for number in range(20)])
    answer = log_excerpt.render_log_excerpt(found)
    check_message(answer["text"], answer["blocks"])
    assert all(f"step:{number} - " in str(answer) for number in range(20))
    assert "`/verl logs ppo-7f3a lines=20`" in str(answer)


@pytest.mark.parametrize("lines", [1, 4])
def test_the_command_under_a_cut_log_does_put_it_into_a_file(lines: int) -> None:
    found = LogExcerpt(running(), ShowLogs("r", lines=lines), ["x" * 400] * lines)
    assert f"`/verl logs ppo-7f3a lines={lines}`" in str(log_excerpt.render_log_excerpt(found))
    assert log_excerpt.needs_file(found)


def test_a_long_excerpt_keeps_its_last_lines() -> None:
    found = LogExcerpt(running(), ShowLogs("r"), [f"line {number}" for number in range(2000)])
    shown = str(log_excerpt.render_log_excerpt(found))
    assert "line 1999" in shown
    assert "line 10\\n" not in shown
