"""Names of runs as phones, documents and hasty fingers write them."""

import pytest

from bot.core.commands.specs import COMMAND_SPECS, RUN_COMMANDS
from tests.story import ANA, BEN, SECRET, TRAINING, Bot

RUN_WORDS = sorted({*RUN_COMMANDS, "forget"})
REST = {"extend": "2h", "budget": "3"}
"""What a command takes behind the run."""

NON_BREAKING, HYPHEN, EN_DASH, EM_DASH, MINUS, FULL_WIDTH = "\u2011", "\u2010", "–", "—", "−", "－"


def answer(bot: Bot, line: str, user: str = ANA) -> str:
    return bot.say(line, user=user) or bot.told(user=user)


@pytest.mark.parametrize("dash", [NON_BREAKING, HYPHEN, EN_DASH, EM_DASH, MINUS, FULL_WIDTH])
@pytest.mark.parametrize("line", ["status smoke{}0001", "explain smoke{}0001", "why is smoke{}0001 so slow?"])
def test_a_dash_of_a_phone_or_a_document_is_the_hyphen_of_a_name(bot: Bot, line: str, dash: str) -> None:
    bot.running("launch smoke")
    said = answer(bot, line.format(dash))
    assert "There is no run" not in said
    assert "smoke-0001" in said


@pytest.mark.parametrize("word", RUN_WORDS)
def test_every_command_finds_a_run_by_another_dash(bot: Bot, word: str) -> None:
    bot.running("launch smoke")
    assert "There is no run" not in answer(bot, f"{word} smoke{NON_BREAKING}0001 {REST.get(word, '')}")


@pytest.mark.parametrize(("named", "typed"), [("big–batch", "big-batch"), ("big-batch", f"big{NON_BREAKING}batch")])
def test_a_name_is_the_same_with_another_dash(bot: Bot, named: str, typed: str) -> None:
    bot.say(f"launch smoke name={named}")
    assert "smoke-0001" in answer(bot, f"status {typed}")


def test_a_run_to_resume_from_is_found_by_another_dash(bot: Bot) -> None:
    bot.running("launch ppo volume=models")
    bot.say(f"launch ppo volume=models resume_from=ppo{NON_BREAKING}0001/global_step_40")
    assert "resume_from=ppo-0001/global_step_40" in bot.run("ppo-0002").command_line


def test_no_name_looks_like_an_id_by_another_dash(bot: Bot) -> None:
    assert "must not look like the id of a run" in answer(bot, "launch smoke name=smoke–0009")


@pytest.mark.parametrize("word", RUN_WORDS)
@pytest.mark.parametrize(("typed", "meant"), [("smoek-0001", "smoke-0001"), ("thrre", "three")])
def test_every_command_suggests_the_run_that_was_nearly_typed(bot: Bot, word: str, typed: str, meant: str) -> None:
    bot.running("launch smoke name=three")
    said = answer(bot, f"{word} {typed} {REST.get(word, '')}")
    assert f"There is no run `{typed}`. Did you mean `{meant}`?" in said
    assert "smoke-0001" in answer(bot, f"status {meant}")


def test_a_suggested_name_of_two_words_is_quoted(bot: Bot) -> None:
    bot.running('launch smoke name="big batch"')
    assert 'Did you mean `"big batch"`?' in answer(bot, 'status "big bacth"')
    assert "smoke-0001" in answer(bot, 'status "big batch"')


@pytest.mark.parametrize("typed", ["entirely-else", "thirteen", "smoke-0911"])
def test_what_is_not_near_is_not_suggested(bot: Bot, typed: str) -> None:
    bot.running("launch smoke name=three")
    said = answer(bot, f"status {typed}")
    assert f"There is no run `{typed}`. Valid: `smoke-0001`." in said


def test_of_two_near_names_none_is_suggested(bot: Bot) -> None:
    bot.say("launch smoke name=seed1")
    bot.say("launch smoke name=seed2")
    assert "Did you mean" not in answer(bot, "status seed3")


def test_the_name_of_a_run_that_a_person_may_not_see_is_not_suggested(bot: Bot) -> None:
    bot.say("launch smoke name=three", channel=SECRET)
    bot.ticks(2)
    assert "three" not in bot.say("status thrre", user=BEN, channel=TRAINING)


def test_two_words_that_are_an_id_are_written_as_one(bot: Bot) -> None:
    bot.running("launch smoke")
    assert "Type `/verl status smoke-0001`." in answer(bot, "status smoke 0001")


def test_every_command_that_takes_a_run_is_tried() -> None:
    assert {word for word, spec in COMMAND_SPECS.items() if "RUN" in (*spec.required, spec.optional)} <= {*RUN_WORDS}
