"""Phrases as Slack's mrkdwn: field values are escaped, unless they are markup already.

Sections, contexts, confirmations and the text of a message use these functions; plain text alone, such as the label of
a field, uses those of `bot.language`, which escape nothing.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce

from bot import language
from bot.slack.text import Markup, escape, escaped, in_code, joined

PHRASE_TEXT = 3_000
"""Maximum characters of one of the bot's own phrases, which are all far shorter."""

CODE = re.compile("`[^`]*`")
FIELD = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")

IN_CODE = "__in_code"
"""Suffix of the name of a field within code of the phrase, as in "`/verl logs {run}`"."""


def say(phrase: str, /, **fields: object) -> Markup:
    """Return the phrase in the current language, its named fields filled in and escaped.

    The phrase may contain formatting, as `*{run}*`, but no mentions and no links: markup with such is a field.

    >>> say("{who} & {what}", who="<!channel>", what=Markup("<@U0ANA>"))
    '&lt;!channel&gt; &amp; <@U0ANA>'
    """
    return filled(language.translated(phrase), phrase, fields)


def say_many(one: str, many: str, count: int, /, **fields: object) -> Markup:
    """Return the phrase for this count, with the number as its field `count`."""
    english = one if count == 1 else many
    return filled(language.translated_many(one, many, count), english, {"count": count} | fields)


def translate(text: str) -> Markup:
    """Return a text that may be a phrase, such as the title of a recipe: translated where the catalogue has it, and
    escaped.
    """
    return escape(language.translated(text))


def together(*sentences: str) -> Markup:
    """Return the sentences that are not empty, one after the other."""
    found = [escape(sentence) for sentence in sentences if sentence]
    return reduce(lambda before, after: say("{before} {next}", before=before, next=after), found or [Markup()])


def listing(items: Iterable[object]) -> Markup:
    """Return the items, separated as a list in the current language."""
    return joined(language.say(", "), items)


def filled(said: str, english: str, fields: Mapping[str, object]) -> Markup:
    """Return the translation, with its own three special characters and its fields escaped."""
    safe = {name: escape(value) for name, value in fields.items()}
    spoken, written = template(said), template(english)
    if IN_CODE in spoken or IN_CODE in written:
        safe |= {f"{name}{IN_CODE}": in_code(value) for name, value in fields.items()}
    return Markup(language.filled(spoken, written, safe))


@lru_cache(maxsize=4_096)
def template(phrase: str) -> str:
    """Return a phrase with its three special characters escaped, and with its fields within code marked as such.

    >>> template("`/verl logs {run}` & {more}")
    '`/verl logs {run__in_code}` &amp; {more}'
    """
    marked = CODE.sub(lambda code: FIELD.sub(rf"{{\1{IN_CODE}}}", code[0]), phrase)
    return escaped(marked, PHRASE_TEXT)
