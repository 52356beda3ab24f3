"""Phrases as Slack's mrkdwn: field values are escaped, unless they are markup already.

Sections, contexts, confirmations and the text of a message use these functions; plain text alone, such as the label of
a field, uses those of `bot.language`, which escape nothing.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache, reduce

from bot import language
from bot.slack.text import Markup, escape, escape_and_shorten, escape_in_code, join_parts

MAX_PHRASE_CHARACTERS = 3_000
"""Maximum characters of one of the bot's own phrases, which are all far shorter."""

CODE_IN_PHRASE = re.compile("`[^`]*`")
FIELD_IN_PHRASE = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")

IN_CODE_SUFFIX = "__in_code"
"""Suffix of the name of a field within code of the phrase, as in "`/verl logs {run}`"."""


def translate(phrase: str, /, **fields: object) -> Markup:
    """Return the phrase in the current language, its named fields filled in and escaped.

    The phrase may contain formatting, as `*{run}*`, but no mentions and no links: markup with such is a field.

    >>> translate("{who} & {what}", who="<!channel>", what=Markup("<@U0ANA>"))
    '&lt;!channel&gt; &amp; <@U0ANA>'
    """
    return fill_escaped(language.translate_template(phrase), phrase, fields)


def ngettext(singular: str, plural: str, count: int, /, **fields: object) -> Markup:
    """Return the phrase for this count, with the number as its field `count`."""
    english = singular if count == 1 else plural
    return fill_escaped(language.translate_plural(singular, plural, count), english, {"count": count} | fields)


def translate_text(text: str) -> Markup:
    """Return a text that may be a phrase, such as the title of a recipe: translated where the catalogue has it, and
    escaped.
    """
    return escape(language.translate_template(text))


def join_sentences(*sentences: str) -> Markup:
    """Return the sentences that are not empty, one after the other."""
    markups = [escape(sentence) for sentence in sentences if sentence]
    return reduce(lambda before, after: translate("{before} {next}", before=before, next=after), markups or [Markup()])


def join_list(items: Iterable[object]) -> Markup:
    """Return the items, separated as a list in the current language."""
    return join_parts(language.translate(", "), items)


def fill_escaped(translation: str, english: str, fields: Mapping[str, object]) -> Markup:
    """Return the translation, with its own three special characters and its fields escaped."""
    safe = {name: escape(value) for name, value in fields.items()}
    translation_template, english_template = escape_template(translation), escape_template(english)
    if IN_CODE_SUFFIX in translation_template or IN_CODE_SUFFIX in english_template:
        safe |= {f"{name}{IN_CODE_SUFFIX}": escape_in_code(value) for name, value in fields.items()}
    return Markup(language.fill_fields(translation_template, english_template, safe))


@lru_cache(maxsize=4_096)
def escape_template(phrase: str) -> str:
    """Return a phrase with its three special characters escaped, and with its fields within code marked as such.

    >>> escape_template("`/verl logs {run}` & {more}")
    '`/verl logs {run__in_code}` &amp; {more}'
    """
    marked_phrase = CODE_IN_PHRASE.sub(lambda code: FIELD_IN_PHRASE.sub(rf"{{\1{IN_CODE_SUFFIX}}}", code[0]), phrase)
    return escape_and_shorten(marked_phrase, MAX_PHRASE_CHARACTERS)
