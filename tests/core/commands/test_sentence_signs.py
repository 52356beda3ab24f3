"""Signs at the end of a typed sentence: what only reads is answered, what acts stays exact."""

import pytest

from bot.core.commands.command import (
    Command,
    Explain,
    Launch,
    ListRuns,
    Refuse,
    SetLanguage,
    ShowBudgets,
    ShowCost,
    ShowHelp,
    ShowLogs,
    ShowStatus,
    ShowWelcome,
)
from bot.core.commands.parser import parse_command
from bot.core.commands.report_command import ListReports
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("status?", ShowStatus()),
        ("status: ppo-7f3a", ShowStatus("ppo-7f3a")),
        ("Status… ppo-7f3a?", ShowStatus("ppo-7f3a")),
        ("状态？", ShowStatus()),
        ("cost?", ShowCost()),
        ("cost team?", ShowCost("team")),
        ("费用。", ShowCost()),
        ("Help!", ShowHelp()),
        ("help launch?", ShowHelp("launch")),
        ("?", ShowHelp()),
        ("帮助！", ShowHelp(language="zh-CN")),
        ("list ended.", ListRuns("ended")),
        ("budget?", ShowBudgets()),
        ("report?", ListReports()),
        ("language?", SetLanguage()),
        ("hi!", ShowWelcome()),
        ("你好！", ShowWelcome()),
        ("why is ppo-7f3a slow?", Explain("ppo-7f3a")),
        ("logs ppo-7f3a grep=why?", ShowLogs("ppo-7f3a", grep="why?")),
        ("logs ppo-7f3a --follow.", ShowLogs("ppo-7f3a", follow=True)),
        ("launch ppo --dry-run.", Launch("ppo", dry_run=True)),
    ],
)
def test_a_command_that_only_reads_takes_a_sign_behind_it(line: str, command: Command) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("line", "exact"),
    [
        ("stop ppo-7f3a?", "stop ppo-7f3a"),
        ("stop? ppo-7f3a", "stop ppo-7f3a"),
        ("停止 ppo-7f3a？", "停止 ppo-7f3a"),
        ("approve ppo-7f3a ?", "approve ppo-7f3a"),
        ("approve ppo-7f3a?!", "approve ppo-7f3a"),
        ("retry ppo-7f3a?", "retry ppo-7f3a"),
        ("budget ppo-7f3a 30?", "budget ppo-7f3a 30"),
        ("extend ppo-7f3a 2h?", "extend ppo-7f3a 2h"),
        ("launch ppo?", "launch ppo"),
        ("forget ppo-7f3a?", "forget ppo-7f3a"),
    ],
)
def test_an_act_that_reads_like_a_question_is_not_done(line: str, exact: str) -> None:
    refusal = refusal_of(lambda: parse_command(line))
    assert refusal is not None
    assert str(refusal.sentence) == (
        f"That reads like a question, so I changed nothing. To do it, type `/verl {exact}`."
    )
    assert refusal_of(lambda: parse_command(exact)) is None


@pytest.mark.parametrize("word", ["stop", "launch", "approve", "retry", "forget"])
@pytest.mark.parametrize("sign", ["!", ".", "…", "！"])
def test_an_act_is_suggested_and_not_taken(word: str, sign: str) -> None:
    refusal = refusal_of(lambda: parse_command(f"{word}{sign} ppo-7f3a"))
    assert refusal is not None
    assert f"There is no command `{word}{sign}`. Did you mean `{word}`?" in str(refusal.sentence)


def test_a_reason_keeps_its_signs() -> None:
    assert parse_command("decline ppo-7f3a who pays for this?") == Refuse("ppo-7f3a", "who pays for this?")
