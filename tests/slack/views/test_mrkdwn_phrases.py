from gettext import NullTranslations

import pytest
from babel.messages.catalog import Message

from bot.i18n import use_language
from bot.phrase import LANGUAGES
from bot.slack.outbound.notice_sender import to_notice_markup
from bot.slack.views.mrkdwn import (
    Markup,
    code,
    escape,
    escape_entities,
    join_markup_list,
    join_markup_sentences,
    mention,
    render_phrase,
    render_plural,
    translate_text,
)
from tests.hostile import HOSTILE, refuse_live
from tests.words import TRANSLATED, catalogue, translated, written


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param(
            render_phrase("{a} is over.", a="<!channel>"), "&lt;!channel&gt; is over.", id="a field is escaped"
        ),
        pytest.param(render_phrase("{a} is over.", a=mention("U0ANA")), "<@U0ANA> is over.", id="markup is not"),
        pytest.param(render_phrase("{a} is over.", a=7), "7 is over.", id="a number"),
        pytest.param(render_phrase("*{a}*", a="*b*"), "*`*b*`*", id="a field shapes nothing"),
        pytest.param(render_phrase("`/verl stop {a}`", a="*b* `c`"), "`/verl stop *b* 'c'`", id="a field in code"),
        pytest.param(render_phrase("`{a}`: {a}", a="b`c"), "`b'c`: `b'c`", id="a field in code and outside of it"),
        pytest.param(render_phrase("`{a}`", a=code("b")), "`b`", id="code in code"),
        pytest.param(render_phrase("R & D <!here>"), "R &amp; D &lt;!here&gt;", id="a phrase calls no one"),
        pytest.param(render_phrase("{a}", a="{b} {0} {a.c}"), "{b} {0} {a.c}", id="braces are text"),
        pytest.param(render_plural("{count} {a}", "{count} {a}s", 2, a="<b>"), "2 &lt;b&gt;s", id="a plural"),
        pytest.param(translate_text("<b>\n*c*"), "&lt;b&gt; `*c*`", id="a text that may be a phrase"),
        pytest.param(join_markup_sentences("<a>.", "", Markup("<@U1>.")), "&lt;a&gt;. <@U1>.", id="sentences"),
        pytest.param(join_markup_list(["<a>", Markup("<@U1>")]), "&lt;a&gt;, <@U1>", id="a list"),
    ],
)
def test_what_is_filled_in_is_escaped_unless_it_is_markup(said: Markup, shown: str) -> None:
    assert isinstance(said, Markup)
    assert said == shown


def test_a_translation_that_breaks_is_said_in_english_and_as_safely() -> None:
    class Broken(NullTranslations):
        def gettext(self, message: str) -> str:
            return "{wrong}"

    with use_language("xx", Broken()):
        assert render_phrase("`/verl stop {run}` & {run}", run="<`>") == "`/verl stop &lt;'&gt;` &amp; `&lt;'&gt;`"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_field_does_nothing_in_any_language(hostile: str) -> None:
    for language in LANGUAGES:
        with use_language(language):
            refuse_live(render_phrase("{run} will be stopped. Its card says when its cluster is gone.", run=hostile))
            refuse_live(render_phrase("`/verl stop {run}` removes its cluster.", run=hostile))


@pytest.mark.parametrize("language", TRANSLATED)
def test_our_own_phrases_are_shown_as_they_stand(language: str) -> None:
    """Sentences of the core come to Slack as text from outside does; none of ours must be mistaken for that."""
    of_core = [message for message in catalogue(language) if message.id and not is_of_views(message)]
    texts = [text for message in of_core for text in (*written(message), *translated(message))]
    assert len(texts) > 600
    assert [text for text in texts if shown(text) != escape_entities(text).strip()] == []


def shown(text: str) -> Markup:
    """Return it as it comes to Slack: a notice with its emoji and its bold head, and anything else as it stands."""
    return to_notice_markup(text) if text.startswith(":") else escape(text)


def is_of_views(message: Message) -> bool:
    """Whether a phrase is said by what makes markup, and by nothing else."""
    return all(path.startswith("bot/slack/") for path, _ in message.locations)
