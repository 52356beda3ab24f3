"""How many lines of a log are read for those that are shown."""

import pytest

from bot.app.log_selection import MAX_GREP_LINES, STEP_LINES_TO_READ, count_lines_to_read
from bot.core.commands.command import ShowLogs


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        pytest.param(ShowLogs("r", lines=50, raw=True), 50, id="as they are"),
        pytest.param(ShowLogs("r", lines=50), STEP_LINES_TO_READ, id="without the lines of steps"),
        pytest.param(ShowLogs("r", lines=50, grep="error"), MAX_GREP_LINES, id="searched"),
        pytest.param(ShowLogs("r", lines=9_000, node=1), 9_000, id="of a node, and more than is searched"),
        pytest.param(ShowLogs("r", lines=9_000), 9_000, id="a file"),
    ],
)
def test_more_lines_are_read_than_shown_where_some_are_left_out(request_: ShowLogs, count: int) -> None:
    assert count_lines_to_read(request_) == count
