import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.model.characters import INVISIBLE
from bot.phrase import Phrase, join_list, join_sentences, name_channel, name_person
from bot.slack.views.mrkdwn import (
    CODE_SPAN,
    FORMATTING,
    SLACK_TOKEN,
    Markup,
    channel_link,
    code,
    count_utf16_units,
    date,
    emoji,
    escape,
    escape_in_code,
    join_parts,
    link,
    mention,
    mrkdwn,
    to_literal,
    to_plain_line,
    truncate,
)

HOSTILE = st.text(st.sampled_from("<>&|!@#^`*_~: \n\t-a.x") | st.characters()) | st.text()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("<!channel> <@U1> <#C1>", "&lt;!channel&gt; &lt;@U1&gt; &lt;#C1&gt;", id="what calls"),
        pytest.param("<https://a.b|c> &lt;!here&gt;", "&lt;https://a.b|c&gt; &amp;lt;!here&amp;gt;", id="a link"),
        pytest.param("a\n:ok: b\u2028c", "a `:ok:` b c", id="lines"),
        pytest.param("x\u202ey\0\x1b[1m\u200bz", "xy[1mz", id="what is not seen"),
        pytest.param("*a* _b_ ~c~", "`*a*` `_b_` `~c~`", id="bold, italic, struck out"),
        pytest.param("snake_case a.b_c", "snake_case a.b_c", id="underscores within words"),
        pytest.param("> said", "`&gt;` said", id="a quote"),
        pytest.param("3 > 2", "3 &gt; 2", id="no quote"),
        pytest.param("see `a b`, then `c`.", "see `a b`, then `c`.", id="code"),
        pytest.param("`a` and `b", "`a` and `'b`", id="a back-tick that is not closed"),
        pytest.param("```x``` y", "`'''x'''` y", id="a block of code"),
        pytest.param("a`*b*`c", "`a'*b*'c`", id="back-ticks within a word, which are none"),
        pytest.param("at 12:30:45", "at `12:30:45`", id="a time, in which an emoji may stand"),
        pytest.param("H100:8 k8s:", "H100:8 k8s:", id="colons"),
    ],
)
def test_text_from_outside_is_shown_and_does_nothing(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(HOSTILE)
@example("<!channel>")
@example("`" * 3 + "<!here>")
def test_text_from_outside_holds_nothing_that_slack_would_read(text: str) -> None:
    for made in (
        escape(text),
        code(text),
        escape_in_code(text),
        mention(text),
        channel_link(text),
        link(text, text),
        emoji(text),
    ):
        assert not set(made) & set("<>") or SLACK_TOKEN.fullmatch(made)
        assert not FORMATTING.search(CODE_SPAN.sub(" ", made)) or made in (escape_in_code(text), emoji(text))
        assert not re.search("&(?!amp;|lt;|gt;)", made)
        assert not INVISIBLE.search(made)
        assert "\n" not in made
        assert made.encode().decode() == made
        assert count_utf16_units(made) <= 4_100
    assert code(text).count("`") == 2
    assert "`" not in escape_in_code(text)


@pytest.mark.parametrize(
    ("made", "live"),
    [
        (mention("U0ANA"), "<@U0ANA>"),
        (mention("W0ANA"), "<@W0ANA>"),
        (channel_link("C0TRAIN"), "<#C0TRAIN>"),
        (channel_link("G0LAB"), "<#G0LAB>"),
        (date(datetime(2026, 1, 2, 12, tzinfo=UTC)), "<!date^1767355200^{time}|12:00 UTC>"),
        (link("https://a.b/c?d=1&e", "there"), "<https://a.b/c?d=1&amp;e|there>"),
        (link("https://a.b", "a|b"), "<https://a.b|a/b>"),
        (emoji(":+1:"), ":+1:"),
    ],
)
def test_what_the_bot_itself_makes_stays_live(made: Markup, live: str) -> None:
    assert made == escape(made) == join_parts("", [made]) == mrkdwn("{}", made) == live


@pytest.mark.parametrize(
    "claimed", ["!channel", "U1>", "U1|x", "u1", "U0ANA\n", "", "subteam^S1", "U" + "A" * 99, "B0BOT", "U٣"]
)
def test_what_is_no_id_calls_no_one(claimed: str) -> None:
    assert "<" not in mention(claimed)
    assert "<" not in channel_link(claimed)


@pytest.mark.parametrize(
    "address", ["javascript:x", "https://a|b", "https://a>", "https://a b", "https://", "ftp://a", "https://a\u202e"]
)
def test_what_is_no_address_of_the_web_links_nothing(address: str) -> None:
    assert link(address, "there") == "there"


TOKENS = st.sampled_from(
    [
        "a",
        "é",
        "🎉",
        "<@U0ANA>",
        "<https://a.b|c>",
        "<!date^1^{time}|x>",
        "&amp;",
        "&lt;",
        "`b &amp; c`",
        "*d*",
        " ",
        "e\u0301",
    ]
)


@given(st.lists(TOKENS, max_size=40).map(lambda parts: Markup("".join(parts))), st.integers(4, 60))
def test_markup_is_cut_where_nothing_breaks(text: Markup, longest: int) -> None:
    found = text.shorten(longest)
    assert count_utf16_units(found) <= longest
    kept = found.partition("…")[0] if found != text else found
    assert text.startswith(kept)
    assert not set(SLACK_TOKEN.sub("", found)) & set("<>")
    assert not re.search("&(?!amp;|lt;|gt;)", found)
    assert found.count("`") % 2 == 0


@given(st.text(), st.integers(1, 60))
def test_plain_text_is_cut_where_nothing_breaks(text: str, longest: int) -> None:
    found = truncate(to_plain_line(text), longest)
    assert count_utf16_units(found) <= longest
    assert found == to_plain_line(text) or found.endswith("…")


@given(HOSTILE)
def test_what_is_escaped_is_still_read_as_it_was(text: str) -> None:
    """Escaped, and shown where nothing is markup, it is what it was, but for what tells code from the rest."""
    ticks = str.maketrans("", "", "`'")
    assert to_literal(escape(text)).translate(ticks) == to_plain_line(text).translate(ticks)


def test_people_and_channels_of_a_phrase_are_named_by_slack_and_text_from_outside_is_not() -> None:
    inner = Phrase("`/verl budget` {person} in {channel}", person=name_person("U0ANA"), channel=name_channel("C0TRAIN"))
    phrase = join_sentences(Phrase("{a}: {list}", a="<@U0BEN> *b*", list=join_list([inner, "<!here>"])), "c & d")
    assert escape(phrase) == ("&lt;@U0BEN&gt; `*b*`: `/verl budget` <@U0ANA> in <#C0TRAIN>, &lt;!here&gt; c &amp; d")
