"""Amounts and times that are nearly right: none is guessed, and the answer is the line to type."""

import pytest

from bot.core.commands.command import Extend, SetBudget
from bot.core.commands.parser import parse_command
from tests.builders import refusal_of


@pytest.mark.parametrize(
    ("amount", "dollars"),
    [
        *[(text, "50") for text in ("50,-", "50.-", "50-", "50,–", "50.", "50!", "50usd", "50 USD", "US$50", "50$")],
        *[(text, "50") for text in ("50 dollars", "50 bucks", "50 dollars.", "50 美元", "50刀", "~50")],
        *[(text, "1000") for text in ("1k", "1K", "$1k", "1 k", "1'000", "1k dollars")],
        *[(text, "1500") for text in ("1.5k", "$1.5k", "1,5k", "1.50k")],
        ("50,00", "50.00"),
    ],
)
@pytest.mark.parametrize("line", ["budget one {}", "budget team {}", "budget @ana {}"])
def test_an_amount_is_suggested_as_it_must_be_typed(line: str, amount: str, dollars: str) -> None:
    refusal = refusal_of(lambda: parse_command(line.format(amount)))
    assert refusal is not None
    if amount != "~50":  # which Hydra deletes
        assert f"Write the amount as `{dollars}`." in str(refusal.sentence)
    assert refusal_of(lambda: parse_command(line.format(dollars))) is None


@pytest.mark.parametrize("amount", ["1.500k", "2m", "fifty", "€50", "50€", "¥50", "1e3"])
def test_an_amount_that_may_mean_anything_is_not_guessed(amount: str) -> None:
    refusal = refusal_of(lambda: parse_command(f"budget one {amount}"))
    assert refusal is not None
    assert "Write the amount as `3.50`." in str(refusal.sentence)


@pytest.mark.parametrize("amount", ["+5", "+$5", "5 more", "by 5", "another 5"])
def test_what_is_added_is_no_budget(amount: str) -> None:
    refusal = refusal_of(lambda: parse_command(f"budget one {amount}"))
    assert refusal is not None
    assert "Write the whole amount, not what is added to it" in str(refusal.sentence)


@pytest.mark.parametrize(
    ("line", "exact"),
    [
        ("budget team=500", "budget team 500"),
        ("budget @ana=500", "budget @ana 500"),
        ("budget ana=500", "budget ana 500"),
        ("budget one=3", "budget one 3"),
        ("budget one = 3", "budget one 3"),
        ("budget one dollars=3", "budget one 3"),
        ("budget one to 3", "budget one 3"),
        ("budget one up to 3", "budget one 3"),
        ("budget 3 one", "budget one 3"),
        ("extend one=2h", "extend one 2h"),
        ("extend one lease=2h", "extend one 2h"),
        ("extend one 2h.", "extend one 2h"),
        ("extend one 2h!", "extend one 2h"),
        ("extend one by 2h", "extend one 2h"),
        ("extend one +2h", "extend one 2h"),
        ("extend one another 2h please", "extend one 2h"),
        ("extend one 1,5h", "extend one 1.5h"),
        ("extend one 2h30", "extend one 2h 30m"),
        ("extend one half an hour", "extend one 30m"),
        ("extend 2h one", "extend one 2h"),
    ],
)
def test_a_line_that_is_nearly_right_is_answered_with_the_right_one(line: str, exact: str) -> None:
    refusal = refusal_of(lambda: parse_command(line))
    assert refusal is not None
    assert f"Type `/verl {exact}`." in str(refusal.sentence)
    assert refusal_of(lambda: parse_command(exact)) is None


@pytest.mark.parametrize(
    ("line", "exact"),
    [
        ("budget dollars=3", "budget ppo-7f3a 3"),
        ("budget = 3", "budget ppo-7f3a 3"),
        ("extend by 2h", "extend ppo-7f3a 2h"),
        ("extend 2h.", "extend ppo-7f3a 2h"),
    ],
)
def test_in_a_thread_the_right_line_has_its_run(line: str, exact: str) -> None:
    refusal = refusal_of(lambda: parse_command(line, "ppo-7f3a"))
    assert refusal is not None
    assert f"Type `/verl {exact}`." in str(refusal.sentence)


def test_an_amount_alone_asks_for_its_run() -> None:
    refusal = refusal_of(lambda: parse_command("budget 30"))
    assert refusal is not None
    assert str(refusal.sentence) == "Which run? Type `/verl budget RUN 30`."
    assert parse_command("budget 30", "ppo-7f3a") == SetBudget("ppo-7f3a", 30)
    assert parse_command("extend 2h", "ppo-7f3a") == Extend("ppo-7f3a", 2)
