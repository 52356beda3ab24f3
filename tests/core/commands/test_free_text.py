"""Notes, reasons and names without quotes: each is kept as it was typed."""

import pytest

from bot.core.commands.command import Approve, Command, Launch, Refuse
from bot.core.commands.parser import parse_command
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("approve one note=ok, but cheap, and short", Approve("one", "ok, but cheap, and short")),
        ("approve one note=ok; nodes=2, please -- soon", Approve("one", "ok; nodes=2, please -- soon")),
        ("approve one note=好，但请便宜一点、尽快", Approve("one", "好，但请便宜一点、尽快")),
        ("approve one why=it's “fine”, really", Approve("one", "it's “fine”, really")),
        ("approve one note=ok,", Approve("one", "ok,")),
        ('approve one note="ok, but cheap"', Approve("one", "ok, but cheap")),
        ("decline one, too big, and dear", Refuse("one", "too big, and dear")),
        ("decline one too big – use nodes=2, not 8", Refuse("one", "too big – use nodes=2, not 8")),
        ("decline one why=slow, dear, nodes=2", Refuse("one", "slow, dear, nodes=2")),
        ('decline one too big, why="very big"', Refuse("one", "too big, very big")),
        ("decline one <@U0ANA|ana>, wants   less", Refuse("one", "@ana, wants less")),
        ("驳回 one 太贵了，请用小一点的", Refuse("one", "太贵了，请用小一点的")),
        ("decline one", Refuse("one")),
        ("launch ppo name=big, batch, two nodes=2", Launch("ppo", (("name", "big, batch, two"), ("nodes", "2")))),
        ("launch ppo nodes=2 name=big, batch, two", Launch("ppo", (("nodes", "2"), ("name", "big, batch, two")))),
        (
            "launch ppo nodes=2，name=big, batch",
            Launch("ppo", (("nodes", "2"), ("name", "big, batch"))),
        ),
    ],
)
def test_a_sentence_is_kept_as_it_was_typed(line: str, command: Command) -> None:
    assert parse_command(line) == command


def test_a_line_end_in_a_sentence_is_a_space() -> None:
    assert parse_command("decline one too big,\nand dear") == Refuse("one", "too big, and dear")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('approve one note="ok" x="but', "Close it with"),
        ('approve one note="ok, but" cheap', "`/verl approve one`"),
        ("approve one fine, thanks", '`/verl approve one note="fine, thanks"`'),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_to_type(line: str, hint: str) -> None:
    refusal = refusal_of(lambda: parse_command(line))
    assert refusal is not None
    assert hint in str(refusal.sentence)
