import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.views.mrkdwn import escape
from bot.slack.views.typed_markup import restore_typed_text, strip_mention


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
