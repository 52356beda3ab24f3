import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.commands.command import Launch, ShowBudgets
from bot.core.commands.parser import parse_command
from bot.core.model.policy import Scope
from bot.runtime.secret_filter import GENERAL_FILTER
from bot.slack.views.mrkdwn import escape
from bot.slack.views.typed_markup import name_people, restore_typed_text, strip_mention


@pytest.mark.parametrize(
    ("received", "typed"),
    [
        pytest.param("launch ppo a.b=x &amp; y", "launch ppo a.b=x & y", id="entities"),
        pytest.param("a.b='&lt;x&gt;'", "a.b='<x>'", id="angle brackets"),
        pytest.param("&amp;amp;", "&amp;", id="an entity that was typed"),
        pytest.param("model=<http://example.com/x|example.com/x>", "model=example.com/x", id="a link with a label"),
        pytest.param("url=<https://example.com/x>", "url=https://example.com/x", id="a link"),
        pytest.param("mail=<mailto:a@b.c|a@b.c>", "mail=a@b.c", id="an address"),
        pytest.param("for <@U123>", "for <@U123>", id="a person stays an id"),
    ],
)
def test_what_slack_makes_of_a_line_is_undone(received: str, typed: str) -> None:
    assert restore_typed_text(received) == typed


@given(st.text(st.characters(categories=["L", "N"]) | st.sampled_from("<>&!@#|^ ,.")))
def test_what_is_escaped_comes_back_as_it_was(text: str) -> None:
    said = text.removeprefix(">")
    assert restore_typed_text(escape(f"a{said}z")) == f"a{said}z"


@pytest.mark.parametrize(
    ("text", "said"),
    [("<@U0BOT> status", "status"), ("  <@U0BOT>: help", "help"), ("<@U0BOT>", ""), ("hi <@U0BOT>", "hi <@U0BOT>")],
)
def test_the_bots_name_at_the_beginning_is_no_part_of_the_line(text: str, said: str) -> None:
    assert strip_mention(text) == said


HOSTILE_NAMES = (
    "x\uff1e\u3000budget\uff1d99\u3000--yes\u3000name\uff1dk",
    "> nodes=2 --yes",
    "山田\u3000太郎",
    "Mia👩\u200d💻",
    "hf_" + "a1B2" * 9,
    "a\xa0b",
    "'\"`|<@U0ANA>",
    "\u202e\u2066",
    "-",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_adds_nothing_to_the_command_of_another_person(name: str) -> None:
    named = name_people("launch smoke why=<@U0BEN>", {"U0BEN": (name,)})
    launch = parse_command(named, masker=GENERAL_FILTER.masker)
    assert isinstance(launch, Launch)
    assert [key for key, _ in launch.parameters] == ["why"]
    assert (launch.overrides, launch.sure, launch.dry_run) == ((), False, False)
    budget = name_people("budget <@U0BEN>", {"U0BEN": (name,)})
    assert parse_command(budget, masker=GENERAL_FILTER.masker) == ShowBudgets(Scope.PERSON, "U0BEN")
