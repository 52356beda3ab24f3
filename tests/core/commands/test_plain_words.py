"""Words that people put into a command that only reads, as they would say it."""

import pytest

from bot.core.commands.command import (
    Command,
    CompareRuns,
    ListRuns,
    ShowCost,
    ShowHelp,
    ShowLogs,
    ShowSamples,
    ShowStatus,
    ShowWelcome,
)
from bot.core.commands.parser import parse_command
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("`status one`", ShowStatus("one")),
        ("status one please", ShowStatus("one")),
        ("状态 one 谢谢！", ShowStatus("one")),
        ("compare one and two", CompareRuns("one", "two")),
        ("compare one vs two", CompareRuns("one", "two")),
        ("对比 one 和 two", CompareRuns("one", "two")),
        ("list my runs", ListRuns("mine")),
        ("list all runs", ListRuns("all")),
        ("cost this month", ShowCost("month")),
        ("cost team this month", ShowCost("team")),
        ("cost of one", ShowCost("one")),
        ("cost all", ShowCost("month")),
        ("费用 本月", ShowCost("month")),
        ("费用 团队", ShowCost("team")),
        ("列表 我的", ListRuns("mine")),
        ("日志 one 最后 20 行", ShowLogs("one", 20)),
        ("help me", ShowHelp()),
        ("thanks!", ShowWelcome()),
        ("samples one step 3", ShowSamples("one", 3)),
        ("samples one n 2", ShowSamples("one", count=2)),
    ],
)
def test_a_command_that_only_reads_is_understood(line: str, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("line", "says", "works"),
    [
        ("samples one 3", "`step=3` for the samples of a step, or `n=3`", "samples one step=3"),
        ("samples one best 3", "`step=3` for the samples of a step, or `n=3`", "samples one best n=3"),
        ("cost last month", "`/verl list all since=7d`", "list all since=7d"),
        ("cost 7d", "`/verl cost month`", "cost month"),
        ("cost team tomorrow", "`/verl cost team`", "cost team"),
        ("launch ppo nodes:2", "Write it as `nodes=2`.", "launch ppo nodes=2"),
        ("launch ppo nodes 2", "Write it as `nodes=2`.", "launch ppo nodes=2"),
        ("train ppo on 2 nodes", "Write it as `nodes=2`.", "launch ppo nodes=2"),
        ("recipes ppo", "Type `/verl describe ppo`.", "describe ppo"),
        ("budget one 1千", "Write the amount as `1000`.", "budget one 1000"),
        ("延长 one 2小时。", "Type `/verl extend one 2小时`.", "extend one 2小时"),
        ("progress one", "Did you mean `status`?", "status one"),
        ("metrics one", "Did you mean `plot`?", "plot one"),
        ("launch ppo --name first", "Write it without dashes: `name=VALUE`.", "launch ppo name=VALUE"),
    ],
)
def test_what_is_not_clear_is_answered_with_what_works(line: str, says: str, works: str) -> None:
    refusal = refusal_of(lambda: parse_command(line))
    assert refusal is not None
    assert says in str(refusal.sentence)
    assert refusal_of(lambda: parse_command(works)) is None


@pytest.mark.parametrize("line", ["stop one please", "approve one please", "retry one thanks"])
def test_an_act_stays_exact(line: str) -> None:
    assert refusal_of(lambda: parse_command(line)) is not None
