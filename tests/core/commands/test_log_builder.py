"""Options of a log that are typed as words, as a shell takes them."""

import pytest

from bot.core.commands.command import ShowLogs
from bot.core.commands.parser import parse_command
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("logs one 100", ShowLogs("one", 100)),
        ("logs one 1,000", ShowLogs("one", 1000)),
        ("logs one 100 lines", ShowLogs("one", 100)),
        ("logs one last 50 lines", ShowLogs("one", 50)),
        ("logs one tail 50", ShowLogs("one", 50)),
        ("logs one lines 50 node 1", ShowLogs("one", 50, node=1)),
        ("logs one grep error", ShowLogs("one", grep="error")),
        ("logs one 100 grep out of memory", ShowLogs("one", 100, "out of memory")),
        ("logs one search nan lines=7", ShowLogs("one", 7, "nan")),
        ("tail -f one", ShowLogs("one", follow=True)),
        ("日志 one 100 行", ShowLogs("one", 100)),
        ("日志 one 搜索 error", ShowLogs("one", grep="error")),
    ],
)
def test_options_may_be_words(line: str, command: ShowLogs) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("logs 100", ShowLogs("ppo-7f3a", 100)),
        ("logs grep error", ShowLogs("ppo-7f3a", grep="error")),
        ("logs last 50", ShowLogs("ppo-7f3a", 50)),
        ("logs follow", ShowLogs("ppo-7f3a", follow=True)),
        ("logs two 100", ShowLogs("two", 100)),
    ],
)
def test_in_a_thread_they_need_no_run(line: str, command: ShowLogs) -> None:
    assert parse_command(line, "ppo-7f3a") == command


@pytest.mark.parametrize(
    ("line", "says", "works"),
    [
        ("logs one error", "To search the log, type `/verl logs one grep=error`.", "logs one grep=error"),
        ("logs one CUDA error", 'type `/verl logs one grep="CUDA error"`.', 'logs one grep="CUDA error"'),
        ("logs one 100 lines=5", "Give it once: `lines=100`.", "logs one lines=100"),
        ("logs one --lines=5", "Write it without dashes: `lines=5`.", "logs one lines=5"),
        ("logs one --grep error", "Write it without dashes: `grep=TEXT`.", "logs one grep=TEXT"),
        ("launch ppo --nodes=2", "Write it without dashes: `nodes=2`.", "launch ppo nodes=2"),
        ("logs one 50000", "from 1 to 10,000", "logs one 10,000"),
    ],
)
def test_what_is_no_option_is_refused_with_what_works(line: str, says: str, works: str) -> None:
    refusal = refusal_of(lambda: parse_command(line))
    assert refusal is not None
    assert says in str(refusal.sentence)
    assert refusal_of(lambda: parse_command(works)) is None
