"""People in commands: every command takes them by handle, display name, real name or mention."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

from bot.core.commands.command import SetMonthlyBudget
from bot.core.model.policy import Scope
from bot.errors import Unavailable
from tests.builders import approvers
from tests.story import ANA, BEN, LEA, OPEN, Bot

SPELLINGS = ["@ben", "ben", '"ben carter"', '"@Ben Carter"', "<@U0BEN|ben>", "<@U0BEN>", "@U0BEN", "BEN"]


def answer(bot: Bot, line: str, user: str = ANA) -> str:
    return bot.say(line, user=user) or bot.told(user=user)


@pytest.mark.parametrize("who", SPELLINGS)
def test_every_command_finds_a_person_without_runs(bot: Bot, who: str) -> None:
    bot.policy = replace(OPEN, grants=approvers(LEA, admins=(ANA,)))
    bot.running("launch smoke")
    assert "No run matches." in answer(bot, f"list who={who}")
    assert "*<@U0BEN>* · 0 runs" in answer(bot, f"budget {who}")
    if "@" in who:
        assert "<@U0BEN> can now spend $30.00 a month." in answer(bot, f"budget {who} 30")
    else:  # a run may be meant, and anyone may choose a run's name
        named = "@NAME" if " " in who else f"@{who}"
        assert f"For a person's month: `/verl budget {named} 30`." in answer(bot, f"budget {who} 30")
    assert "*<@U0BEN>* · 0 runs" in answer(bot, f"cost who={who}")
    assert "Only runs that ben launched." in answer(bot, f"report who={who}")
    assert "Only runs that ben launched." in answer(bot, f"report now who={who}")
    assert "<@U0BEN> did nothing to" in answer(bot, f"history smoke-0001 who={who}")
    history = answer(bot, f"history who={who}")
    assert "Type `/verl history RUN who=`<@U0BEN>, with a run in place of RUN" in history
    assert "`/verl list all who=`<@U0BEN>" in history
    assert "No matching events." in answer(bot, f"audit who={who}")


@pytest.mark.parametrize(
    "line", ["list who=bem", "budget @bem", "budget @bem 3", "report who=bem", "audit who=bem", "history who=bem"]
)
def test_an_unknown_name_is_said_with_the_near_one(bot: Bot, line: str) -> None:
    bot.policy = replace(OPEN, grants=approvers(BEN, admins=(ANA,)))
    said = answer(bot, line)
    assert "has used verlbot. Did you mean <@U0BEN>?" in said
    assert "Type `@` and choose the person from Slack's list, such as `@ana`, or type `me` for yourself." in said


@pytest.mark.parametrize("line", ["list who=Ben Carter", "budget ben carter", "budget me", "list all who=me"])
def test_names_of_two_words_and_me_need_no_quotes(bot: Bot, line: str) -> None:
    bot.running(
        "launch smoke",
    )
    said = answer(bot, line, user=BEN)
    assert "called" not in said
    assert "There is no" not in said


def test_the_acts_of_one_person_are_picked_out_of_a_history(bot: Bot) -> None:
    bot.running("launch smoke")
    bot.say("budget smoke-0001 5", user=BEN)
    said = answer(bot, "history smoke-0001 who=ben")
    assert "What <@U0BEN> did to" in said
    assert "set its budget" in said
    assert "requested the launch" not in said


def test_a_run_comes_before_a_person_of_the_same_name(bot: Bot) -> None:
    bot.running("launch smoke name=ben")
    assert "smoke-0001" in answer(bot, "budget ben")
    assert "*<@U0BEN>*" in answer(bot, "budget @ben")


@pytest.mark.parametrize("line", ["logs smoke-0001 grep=<@U0BEN>", "status x <@U0BEN>"])
def test_a_mention_without_a_label_is_shown_as_a_name(bot: Bot, line: str) -> None:
    bot.running("launch smoke")
    said = answer(bot, line)
    assert "U0BEN" not in said
    assert "ben" in said


def test_an_id_of_which_slack_knows_nothing_stays(bot: Bot) -> None:
    assert "`@U0NOONE`" in answer(bot, "status x <@U0NOONE>")


class SlowDirectory:
    """Slack, which has said only Ben's name yet; he calls himself as Ana does."""

    def find_all_names(self, users: Iterable[str]) -> Mapping[str, Sequence[str]]:
        return {user: ("Ana",) for user in users if user == BEN}

    def list_members(self, channel_id: str) -> Collection[str]:
        return (ANA, BEN)


def test_a_month_waits_until_all_names_are_known_because_another_person_may_have_the_name_too(bot: Bot) -> None:
    people = replace(bot.listeners.commands.people, directory=SlowDirectory())
    with pytest.raises(Unavailable, match="Slack does not answer in time"):
        people.resolve(SetMonthlyBudget(Scope.PERSON, 500, "@ana"), bot.caller(LEA))
