"""Log lines in a message: cut, the last ones first, and how to get them all."""

import pytest

from bot.app.log_selection import LogExcerpt, select_excerpt
from bot.core.commands.command import MAX_PRIVATE_LINES, ShowLogs
from bot.core.model.progress import Progress
from bot.slack.views import log_excerpt
from slack_playground.checks import check_message
from tests.builders import running

COMMAND = "`/verl logs ppo-7f3a lines=500`"


def shown(request: ShowLogs, lines: list[str], searched: int = 1000) -> str:
    answer = log_excerpt.render_log_excerpt(LogExcerpt(running(), request, lines, searched_count=searched))
    check_message(answer["text"], answer["blocks"])
    return str(answer)


def test_a_look_at_long_lines_shows_their_beginnings_and_how_to_get_the_whole() -> None:
    said = shown(ShowLogs("r"), [f"step:{number} - " + "x" * 5_000 for number in range(20)])
    assert all(f"step:{number} - " in said for number in range(20))
    assert COMMAND in said


def test_the_command_under_a_cut_log_does_put_it_into_a_file() -> None:
    assert COMMAND in shown(ShowLogs("r", lines=4), ["x" * 400] * 4)
    assert ShowLogs("r", lines=500).wants_file


@pytest.mark.parametrize("lines", [None, 1, 5, 20, MAX_PRIVATE_LINES])
def test_few_lines_are_never_a_file(lines: int | None) -> None:
    assert not ShowLogs("r", lines=lines).wants_file
    assert ShowLogs("r", lines=MAX_PRIVATE_LINES + 1).wants_file


def test_a_long_excerpt_keeps_its_last_lines() -> None:
    said = shown(ShowLogs("r"), [f"line {number}" for number in range(2000)])
    assert "line 1999" in said
    assert "line 10\\n" not in said
    assert COMMAND in said


@pytest.mark.parametrize(
    ("request_", "lines", "said"),
    [
        pytest.param(ShowLogs("r"), ["a", "b"], "Last 2 lines", id="the last"),
        pytest.param(ShowLogs("r"), ["a"], "Last line", id="one"),
        pytest.param(ShowLogs("r"), [], "(it has printed nothing yet)", id="an empty log"),
        pytest.param(ShowLogs("r", grep="oom"), ["oom"], "One match for `oom`", id="one match"),
        pytest.param(ShowLogs("r", grep="o"), ["o", "o"], "The last 2 matches for `o`", id="matches"),
        pytest.param(ShowLogs("r", grep="zzzz"), [], "No match for `zzzz` in the last 1,000 lines.", id="no match"),
        pytest.param(ShowLogs("r", node=1), [], "Node 1 printed none of the last 1,000 lines.", id="a silent node"),
        pytest.param(ShowLogs("r", node=1, grep="x"), [], "No match for `x` on node 1 in the last", id="both"),
    ],
)
def test_the_heading_says_which_lines_these_are(request_: ShowLogs, lines: list[str], said: str) -> None:
    assert said in shown(request_, lines)


LOG = "(job, pid=1) loading\n(job, pid=1) step:1 - critic/rewards/mean:0.123456\n(job, pid=1) saved 12.3456789 GB\n"


@pytest.mark.parametrize(
    ("request_", "step", "lines", "omits"),
    [
        pytest.param(ShowLogs("r"), 1, ["loading", "saved 12.35 GB"], True, id="steps are on the card"),
        pytest.param(ShowLogs("r"), None, ["loading", "step:1 - critic/rewards/mean:0.1235", "saved 12.35 GB"], False,
                     id="a card without steps"),
        pytest.param(ShowLogs("r", raw=True), 1,
                     ["loading", "step:1 - critic/rewards/mean:0.123456", "saved 12.3456789 GB"], False, id="raw"),
        pytest.param(ShowLogs("r", grep="mean"), 1, ["step:1 - critic/rewards/mean:0.1235"], False, id="searched"),
    ],
)  # fmt: skip
def test_lines_of_steps_are_left_out_where_the_card_has_them(
    request_: ShowLogs, step: int | None, lines: list[str], omits: bool
) -> None:
    found = select_excerpt(running(progress=Progress(step)), request_, LOG, None)
    said = str(log_excerpt.render_log_excerpt(found))
    assert [log_excerpt.format_line(line, request_.raw) for line in found.lines] == lines
    assert ("`/verl logs ppo-7f3a raw` shows them." in said) is omits


def test_a_log_of_steps_alone_is_shown() -> None:
    found = select_excerpt(running(progress=Progress(2)), ShowLogs("r"), "step:1 - a:1\nstep:2 - a:1", None)
    assert (found.lines, found.omits_steps) == (["step:1 - a:1", "step:2 - a:1"], False)
